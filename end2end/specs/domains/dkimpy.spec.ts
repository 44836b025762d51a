//! dkimpy verifies what leaves, with the DNS records that Postern shows: RSA and Ed25519.

import nodemailer from 'nodemailer';
import { serversUnavailable } from '../../support/program/chroot.ts';
import { signatures } from '../../support/mail/dkim.ts';
import { type VerifiedSignature, dkimpy } from '../../support/mail/dkimpy.ts';
import { type Mail, mail, requestOk, submit } from '../../support/mail/messages.ts';
import type { Relay } from '../../support/relays/relay.ts';
import { Submission, USER } from '../../support/mail/submission.ts';
import type { TestServer } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.skip(serversUnavailable() !== undefined, serversUnavailable());
test.describe.configure({ mode: 'default' });

let submission: Submission | undefined;
let postern: TestServer;
let relay: Relay;

/** The texts of TXT records by their names. */
const records: Record<string, string> = {};

/** The recipient that the relay refuses. */
const NOBODY = 'nobody@example.net';

test.beforeAll(async () => {
  const refuse = (recipient: string) => (recipient === NOBODY ? { code: 550, text: '5.1.1 No such user' } : undefined);
  submission = await Submission.start({ refuse });
  ({ server: postern, relay } = submission);
  const keys = '/api/domains/example.org/keys';
  for (const algorithm of ['rsa', 'ed25519']) {
    const made = (await requestOk(postern, keys, { algorithm })).data;
    await requestOk(postern, `${keys}/${made.id}/activate`, { anyway: true });
    records[made.record_name!] = made.record!;
  }
});

test.afterAll(() => submission?.stop());

const HEADER = ['From: Alerts <alerts@example.org>', 'To: desk@example.net', 'Date: Mon, 30 Nov 2026 08:00:00 +0000'];

/** A whole mail, with these fields before its body. */
function raw(body: string, ...more: string[]): Mail {
  return { raw: Buffer.from([...HEADER, ...more, '', body].join('\r\n')).toString('base64') };
}

const EIGHT_BIT = ['MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: 8bit'];

const MAILS: Record<string, Mail> = {
  'a short text': mail(),
  'HTML and a file': mail({
    html: '<p>Fire</p>',
    attachments: [{ filename: 'plan.txt', content: Buffer.from('a\r\n b \r\n'.repeat(500)).toString('base64') }],
  }),
  'other scripts': mail({ subject: 'Grüße aus Köln, wo es regnet und regnet und regnet', text: 'Straße 🌧️\n' }),
  'a list, several recipients': mail({
    ...{ to: ['desk@example.net', 'night@example.net'], cc: ['boss@example.net'], reply_to: 'answers@example.org' },
    headers: { 'List-Id': '<alarms.example.org>', 'List-Unsubscribe': '<https://example.org/out>', 'In-Reply-To': '<1@example.org>' },
  }),
  '8-bit text': raw('Grüße aus Köln\r\nStraße 🌧️\r\n', ...EIGHT_BIT, 'Subject: eight'),
  'a field of one long line': raw('Text\r\n', `Subject: ${'x'.repeat(980)}`),
  'folded fields': raw(
    'Text\r\n',
    'Subject: folded\r\n\t \tby  its\r\n  author \r\n \t once more',
    `References: ${Array.from({ length: 40 }, (_, id) => `<${id}@example.org>`).join('\r\n\t')}`,
    'X-Empty:',
  ),
  'fields without a space, in odd case': raw('Text\r\n', 'SUBJECT:odd', 'mime-VERSION:1.0', 'REPLY-to:alerts@example.org'),
  'fields that are there twice': raw('Text\r\n', 'Subject: twice', 'List-Id: <a.example.org>', 'List-Id: <b.example.org>'),
  'lines with white space at their ends': raw('tab\t\r\nblanks   \r\n \t \r\n in  the\t\tmiddle \r\n', 'Subject: space'),
  'empty lines at the end': raw('Text\r\n\r\n\r\n\r\n', 'Subject: end'),
  'blank lines at the end, which are not empty': raw('Text\r\n \r\n\t\r\n', 'Subject: end'),
  'only empty lines': raw('\r\n\r\n', 'Subject: lines'),
  'no body': raw('', 'Subject: none'),
  'a last line without its end': raw('Text\r\nmore', 'Subject: last'),
  'dots and lines of 998 octets': raw(`.\r\n..\r\n...dots\r\n${'y'.repeat(998)}\r\nFrom the top\r\n`, 'Subject: dots'),
};

/** Sends a mail, and returns it as the relay received it. */
async function delivered(body: Mail): Promise<Buffer> {
  await submit(postern, body);
  return (await relay.mails.next()).raw;
}

/** Both signatures of Postern. */
function both(valid: boolean): VerifiedSignature[] {
  return ['rsa-sha256', 'ed25519-sha256'].map((algorithm) => ({ domain: 'example.org', algorithm, valid }));
}

test('mails of every shape have two valid signatures', async () => {
  const received: Buffer[] = [];
  for (const body of Object.values(MAILS)) {
    received.push(await delivered(body));
  }
  const found = await dkimpy(received, records);
  const shapes = Object.keys(MAILS);
  expect(Object.fromEntries(shapes.map((shape, index) => [shape, found[index]]))).toEqual(
    Object.fromEntries(shapes.map((shape) => [shape, both(true)])),
  );
});

test('a mail over SMTP is signed with the fields that Postern adds, and without those that it removes', async () => {
  const { ports, token, authority } = submission!;
  const transport = nodemailer.createTransport({
    ...{ host: '127.0.0.1', port: ports.starttls, requireTLS: true },
    ...{ auth: { user: USER, pass: token }, tls: { ca: authority.cert } },
  });
  // nodemailer itself adds fields to a mail that it composes, and removes Bcc.
  const lines = [`From: ${USER}`, 'To: desk@example.net', 'Bcc: quiet@example.net', 'Subject: Grüße', '', 'Out', ''];
  const to = ['desk@example.net', 'quiet@example.net'];
  await transport.sendMail({ envelope: { from: USER, to }, raw: lines.join('\r\n') });
  const received = await relay.mails.next();
  expect(received).toMatchObject({ from: USER, to });

  const text = received.raw.toString('latin1');
  const header = text.slice(0, text.indexOf('\r\n\r\n'));
  expect(header).toMatch(/^Received: from /m);
  expect(header).toMatch(/^Date: /m);
  expect(header).toMatch(/^Message-ID: </im);
  // It was in UTF-8.
  expect(header).toMatch(/^Subject: =\?utf-8\?/im);
  expect(header).not.toMatch(/^Bcc:|quiet@/im);
  const bySelector = Object.fromEntries(Object.entries(records).map(([name, record]) => [name.split('.')[0], record]));
  const signed = signatures(received.raw, bySelector);
  expect(signed.map(({ fault }) => fault)).toEqual([undefined, undefined]);
  for (const { fields } of signed) {
    expect(fields).toEqual(expect.arrayContaining(['from', 'date', 'message-id', 'subject']));
    expect(fields).not.toContain('received');
  }
  expect(await dkimpy([received.raw], records)).toEqual([both(true)]);

  // What was added is covered by both signatures.
  const changed = [text.replace(/^Date: .*/m, 'Date: Fri, 27 Nov 2020 08:00:00 +0000'), text.replace(/^(Message-ID: <)/im, '$1changed-')];
  const found = await dkimpy(changed.map((text) => Buffer.from(text, 'latin1')), records);
  expect(found).toEqual([both(false), both(false)]);
});

test('a report of Postern is signed too', async () => {
  await submit(postern, mail({ to: NOBODY, report: true }));
  const report = await relay.mails.next();
  expect(report.from).toBe('');
  expect(await dkimpy([report.raw], records)).toEqual([both(true)]);
});

test('a mail that was changed on its way has no valid one, nor one whose records are missing', async () => {
  const sent = (await delivered(mail())).toString('latin1');
  const changed = [
    sent.replace(/\r\nSubject: /i, '\r\nSubject: Re: '),
    sent.replace(/\r\nFrom: /i, '\r\nFrom: eve@example.net\r\nFrom: '),
    `${sent}one more line\r\n`,
  ];
  const found = await dkimpy(changed.map((text) => Buffer.from(text, 'latin1')), records);
  expect(found).toEqual(changed.map(() => both(false)));
  // The same mail, where DNS has no record of the keys.
  expect(await dkimpy([Buffer.from(sent, 'latin1')], {})).toEqual([both(false)]);
});
