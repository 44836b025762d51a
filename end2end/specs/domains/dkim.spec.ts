//! DKIM: mail that a relay receives has valid signatures of the active keys of its From domain.

import { signatures } from '../../support/mail/dkim.ts';
import { type Mail, mail, requestOk, startWithRelay, submit } from '../../support/mail/messages.ts';
import type { Relay } from '../../support/relays/relay.ts';
import { type TestServer, fields } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

let postern: TestServer;
let relay: Relay;
let stop: (() => Promise<void>) | undefined;

/** The texts of TXT records by their selectors. */
const records: Record<string, string> = {};

test.beforeAll(async () => {
  ({ postern, relay, stop } = await startWithRelay());
  expect((await postern.save(fields(relay))).status).toBe(200);
  await activeKey('rsa');
  await activeKey('ed25519');
});

test.afterAll(() => stop?.());

/** Makes and activates a key of example.org. */
async function activeKey(algorithm: string): Promise<void> {
  const keys = '/api/domains/example.org/keys';
  const made = (await requestOk(postern, keys, { algorithm })).data;
  await requestOk(postern, `${keys}/${made.id}/activate`, { anyway: true });
  records[made.selector!] = made.record!;
}

/** Sends a mail, and returns it as the relay received it. */
async function delivered(body: Mail): Promise<Buffer> {
  await submit(postern, body);
  return (await relay.mails.next()).raw;
}

const MAILS: Record<string, Mail> = {
  'a short text': mail(),
  'spaces, tabs, dots and empty lines': mail({ text: '  two  spaces \t\n.\n..dots\n\n\nend \n\n\n' }),
  'other scripts': mail({ subject: 'Grüße aus Köln, wo es regnet und regnet und regnet', text: 'Straße 🌧️\n' }),
  'a body of one empty line': mail({ text: '\n' }),
  'HTML and a file': mail({
    html: '<p>Fire</p>',
    attachments: [{ filename: 'plan.txt', content: Buffer.from('a\r\n b \r\n'.repeat(500)).toString('base64') }],
  }),
  'several recipients and further fields': mail({
    to: ['desk@example.net', 'night@example.net'],
    cc: ['boss@example.net'],
    reply_to: 'answers@example.org',
    headers: { 'List-Id': '<alarms.example.org>', 'List-Unsubscribe': '<https://example.org/out>', 'In-Reply-To': '<1@example.org>' },
  }),
};

for (const [what, body] of Object.entries(MAILS)) {
  test(`${what}: signed by both keys`, async () => {
    const raw = await delivered(body);
    const found = signatures(raw, records);
    expect(found.map(({ algorithm, domain, fault }) => ({ algorithm, domain, fault }))).toEqual([
      { algorithm: 'rsa-sha256', domain: 'example.org', fault: undefined },
      { algorithm: 'ed25519-sha256', domain: 'example.org', fault: undefined },
    ]);
    const names = found[0]?.fields ?? [];
    expect(names.slice(0, 2), 'nobody can add a second author').toEqual(['from', 'from']);
    for (const name of ['subject', 'date', 'to', 'message-id', 'mime-version']) {
      expect(names).toContain(name);
    }
    // A changed mail has no valid signature.
    const text = raw.toString('latin1');
    for (const [changed, fault] of [
      [text.replace(/\r\nSubject: /i, '\r\nSubject: Re: '), 'header'],
      [text.replace(/\r\nFrom: /i, '\r\nFrom: eve@example.net\r\nFrom: '), 'header'],
      [`${text}one more line\r\n`, 'body'],
    ] as const) {
      const faults = signatures(Buffer.from(changed, 'latin1'), records).map((one) => one.fault);
      expect(faults).toEqual([fault, fault]);
    }
  });
}

test('a raw mail keeps its own fields, and other domains are not signed', async () => {
  const raw = [
    'From: Alerts <alerts@example.org>',
    'To: desk@example.net',
    'Subject: a long subject that is',
    '\tfolded  by its author',
    'DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=elsewhere.example; s=old; h=from; bh=AA==; b=AA==',
    '',
    'Text with\ttabs.  ',
    '',
  ].join('\r\n');
  const received = await delivered({ raw: Buffer.from(raw).toString('base64') });
  const found = signatures(received, records);
  expect(found.map(({ domain, fault }) => ({ domain, fault }))).toEqual([
    { domain: 'example.org', fault: undefined },
    { domain: 'example.org', fault: undefined },
    { domain: 'elsewhere.example', fault: 'body' },
  ]);
  expect(signatures(await delivered(mail({ from: 'alerts@example.com' })), records)).toEqual([]);
});
