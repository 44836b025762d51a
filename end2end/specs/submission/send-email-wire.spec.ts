//! Messages submitted over REST as the relay receives them: MIME, envelope, raw bytes.

import { expect, test } from '@playwright/test';
import { expectState, mail, submit } from '../../support/mail/messages.ts';
import { type Received, Relay } from '../../support/relays/relay.ts';
import { scriptedRelay } from '../../support/relays/scripted-relay.ts';
import { TestServer, fields } from '../../support/api/test-server.ts';

test.describe.configure({ mode: 'default' });

let postern: TestServer;
let relay: Relay;

test.beforeAll(async () => {
  relay = await Relay.start();
  postern = await TestServer.start();
});

test.beforeEach(async () => {
  await postern.save(fields(relay, { smtp_from_name: 'Alerts', smtp_reply_to: 'desk@example.org' }));
});

test.afterAll(async () => {
  await postern?.stop();
  await relay?.stop();
});

/** Submits one message and returns it as received. */
async function submitAndReceive(submission: Record<string, unknown>): Promise<Received & { id: string; head: string }> {
  const [id = ''] = await submit(postern, submission);
  const received = await relay.mails.next();
  const head = received.raw.toString('latin1').split('\r\n\r\n')[0] ?? '';
  return { ...received, id, head };
}

const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');

test('text, HTML, an inline image and attachments arrive unchanged', async () => {
  const text = 'Grüße aus Köln.\n.\n..\n. Ende 🚪\nFrom here on\n\n-- \nDie Wache';
  const html = `<p>Grüße aus <b>Köln</b> <img src="cid:logo@example.org"></p>${'x'.repeat(2000)}`;
  const report = Buffer.from(Array.from({ length: 5000 }, (_, index) => index % 256));
  const { mail: got, from, to } = await submitAndReceive({
    from: 'Wächter, Nord <wacht@example.org>',
    to: ['Müller, "Hans" <hans@example.org>', 'desk@example.org'],
    cc: 'chef@example.org',
    reply_to: ['a@example.org', 'b@example.org'],
    subject: `Übung: ${'Alarm in Halle 3 🔥 '.repeat(20)}`,
    text,
    html,
    headers: { 'X-Job': 'Nächtlich', 'List-Unsubscribe': '<https://example.org/u?x=1>', 'X-Tag': ['a', 'b'] },
    attachments: [
      { filename: 'Bericht für März.pdf', content_type: 'application/pdf', content: report.toString('base64') },
      { filename: 'logo.png', content: PNG.toString('base64'), content_id: 'logo@example.org' },
      { filename: 'empty.bin', content: '' },
    ],
  });
  expect(from).toBe('wacht@example.org');
  expect(to).toEqual(['hans@example.org', 'desk@example.org', 'chef@example.org']);
  expect(got.text?.trimEnd()).toBe(text);
  expect(got.subject?.trim()).toBe(`Übung: ${'Alarm in Halle 3 🔥 '.repeat(20)}`.trim());
  expect(got.from?.value).toMatchObject([{ name: 'Wächter, Nord', address: 'wacht@example.org' }]);
  expect([got.to].flat()[0]?.value).toMatchObject([{ name: 'Müller, "Hans"' }, { address: 'desk@example.org' }]);
  expect(got.replyTo?.text).toBe('a@example.org, b@example.org');
  expect(got.headers.get('x-job'), 'an encoded word (RFC 2047)').toBe(`=?utf-8?b?${Buffer.from('Nächtlich').toString('base64')}?=`);
  expect(got.headers.get('x-tag')).toEqual(['a', 'b']);
  expect(got.headers.has('list')).toBe(true);
  expect(got.html).toContain('Grüße aus <b>Köln</b>');
  expect(got.html).toContain('x'.repeat(2000));
  expect(got.attachments.map(({ filename, contentType, size }) => [filename, contentType, size]).sort()).toEqual([
    ['Bericht für März.pdf', 'application/pdf', 5000],
    ['empty.bin', 'application/octet-stream', 0],
    ['logo.png', 'image/png', PNG.length],
  ]);
  expect(got.attachments.find(({ contentType }) => contentType === 'application/pdf')?.content).toEqual(report);
  const logo = got.attachments.find(({ contentType }) => contentType === 'image/png');
  expect(logo).toMatchObject({ cid: 'logo@example.org', content: PNG, related: true });
});

test('Bcc is in the envelope and not in the message', async () => {
  const { to, raw } = await submitAndReceive(mail({ bcc: ['Spy <spy@example.net>', 'second@example.net'] }));
  expect(to).toEqual(['desk@example.org', 'spy@example.net', 'second@example.net']);
  expect(raw.toString('latin1')).not.toMatch(/bcc|spy|example\.net/i);
});

test('a recipient in several lists gets one copy', async () => {
  const { to } = await submitAndReceive(mail({ to: ['desk@example.org', 'Desk <desk@EXAMPLE.org>'], bcc: 'desk@example.org' }));
  expect(to).toEqual(['desk@example.org']);
});

test('Date and Message-ID are added unless they are given', async () => {
  const before = Date.now();
  const added = await submitAndReceive(mail());
  expect(Math.abs((added.mail.date?.getTime() ?? 0) - before)).toBeLessThan(60_000);
  expect(added.mail.messageId).toBe(`<${added.id}@example.org>`);
  const given = { 'Date': 'Fri, 20 Nov 2026 11:45:00 +0100', 'Message-ID': '<alarm.1@example.org>' };
  const { head } = await submitAndReceive(mail({ headers: given }));
  expect(head.match(/^Date: .*/gm)).toEqual([`Date: ${given.Date}`]);
  expect(head.match(/^Message-ID: .*/gim)).toEqual([`Message-ID: ${given['Message-ID']}`]);
});

test('a file name that looks like an encoded word is percent-encoded', async () => {
  const attachments = [{ filename: '=?utf-8?q?a?=.bin', content: '' }];
  const text = (await submitAndReceive(mail({ attachments }))).raw.toString('latin1');
  expect(text).toContain("Content-Disposition: attachment;\r\n filename*0*=utf-8''%3D%3Futf-8%3Fq%3Fa%3F%3D.bin\r\n");
});

test('From and Reply-To default to the saved settings', async () => {
  const { from, mail: got } = await submitAndReceive(mail({ from: undefined }));
  expect(from).toBe('alerts@example.org');
  expect(got.from?.value).toMatchObject([{ name: 'Alerts', address: 'alerts@example.org' }]);
  expect(got.replyTo?.value).toMatchObject([{ address: 'desk@example.org' }]);
  expect((await submitAndReceive(mail())).mail.replyTo, 'Reply-To belongs to the saved sender').toBeUndefined();
});

const HEAD = [
  'Received: from somewhere',
  'from: Alerts <alerts@example.org>',
  'X-Folded: one',
  '\ttwo  ',
  'To: desk@example.org',
  'DATE: Fri, 20 Nov 2026 11:45:00 +0100',
  'message-id: <1@example.org>',
  'Subject:  odd   spacing ',
];
const BODY = '.\r\n..\r\n.x\r\ntrailing  \r\n\r\n\r\nGr\xfc\xdfe\xff\r\nno end of line';

test('a raw message arrives byte for byte', async () => {
  const raw = Buffer.from(`${HEAD.join('\r\n')}\r\n\r\n${BODY}\r\n`, 'latin1');
  // Octets above 127 need 8BITMIME, which every relay here offers.
  const got = await submitAndReceive({ raw: raw.toString('base64') });
  expect(got.raw.toString('latin1')).toBe(raw.toString('latin1'));
  expect(got).toMatchObject({ from: 'alerts@example.org', to: ['desk@example.org'] });
});

test('a raw message loses Bcc, gets CRLF line ends and missing headers', async () => {
  const raw = [
    'From: alerts@example.org',
    'Bcc: spy@example.net,',
    ' second@example.net',
    'To: desk@example.org',
    'bcc: third@example.net',
    'X-Bcc: stays',
    '',
    'Bcc: in the text',
    '.',
    'end',
    '',
  ].join('\n');
  const got = await submitAndReceive({ raw: Buffer.from(raw).toString('base64') });
  expect(got.to).toEqual(['desk@example.org', 'spy@example.net', 'second@example.net', 'third@example.net']);
  const text = got.raw.toString('latin1');
  const added = /^Date: [^\r]+\r\nMessage-ID: <[^\r>]+@example\.org>\r\n/;
  expect(text).toMatch(added);
  expect(text.replace(added, '')).toBe(
    'From: alerts@example.org\r\nTo: desk@example.org\r\nX-Bcc: stays\r\n\r\nBcc: in the text\r\n.\r\nend\r\n',
  );
});

test('a raw header with octets above 127 arrives as encoded words', async () => {
  const lines = ['From: Wächter <alerts@example.org>', 'To: Büro <desk@bücher.example>', 'Subject: Übung', '', 'Fire'];
  for (const encoding of ['utf8', 'latin1'] as const) {
    const got = await submitAndReceive({ raw: Buffer.from(lines.join('\r\n'), encoding).toString('base64') });
    expect(got.raw.every((byte) => byte < 0x80)).toBe(true);
    expect(got.mail.subject).toBe('Übung');
    expect(got.mail.from?.value).toMatchObject([{ name: 'Wächter', address: 'alerts@example.org' }]);
    expect([got.mail.to].flat()[0]?.value).toMatchObject([{ name: 'Büro' }]);
    expect(got.head).toContain('<desk@xn--bcher-kva.example>');
  }
});

test('a raw message without From gets the configured one', async () => {
  const raw = Buffer.from('To: desk@example.org\r\nSubject: Fire\r\n\r\nFire').toString('base64');
  const got = await submitAndReceive({ raw });
  expect(got.from).toBe('alerts@example.org');
  expect(got.head.match(/^From: .*$/gm)).toEqual(['From: Alerts <alerts@example.org>']);
});

test('a resent raw message goes to the recipients of its Resent- fields', async () => {
  const raw = [
    'Resent-From: desk@example.org',
    'Resent-To: Chief <chief@example.net>',
    'Resent-Bcc: spy@example.net',
    'From: a@example.org',
    'To: list@example.org',
    '',
    'Fire',
  ].join('\r\n');
  const got = await submitAndReceive({ raw: Buffer.from(raw).toString('base64') });
  expect(got.to).toEqual(['chief@example.net', 'spy@example.net']);
  expect(got.head).toContain('\r\nTo: list@example.org');
  expect(got.head).not.toContain('spy');
});

test('the envelope of a raw message can be given in fields', async () => {
  const raw = Buffer.from('From: a@example.org\r\nTo: list@example.org\r\n\r\nFire').toString('base64');
  const got = await submitAndReceive({ raw, from: 'bounces@example.org', to: 'one@example.org', bcc: 'two@example.org' });
  expect(got).toMatchObject({ from: 'bounces@example.org', to: ['one@example.org', 'two@example.org'] });
  expect(got.head).not.toContain('bounces@');
});

test('a message that contains an end of data arrives as one message', async () => {
  const scripted = await scriptedRelay({ EHLO: '250-relay of a test\n250 8BITMIME' });
  await postern.save(fields(scripted));
  const second = 'MAIL FROM:<boss@example.org>\r\nRCPT TO:<all@example.org>\r\nDATA\r\nYou are fired.\r\n.\r\n';
  const ends = ['\r\n.\r\n', '\n.\n', '\n.\r\n', '\r\n.\n', '\r.\r', '\r.\r\n', '\r\n.\r', '\r\n\0.\r\n'];
  const ids = await submit(
    postern,
    ends.flatMap((end, index) => [
      mail({ text: `One ${index}${end}${second}`, html: `<p>One ${index}${end}${second}</p>` }),
      mail({ text: `${end.slice(2)}${second}` }),
    ]),
  );
  const wholes = ends.map((end) => Buffer.from(`From: a@example.org\r\nTo: b@example.org\r\n\r\nFire${end}${second}`));
  for (const whole of wholes) {
    const lines = whole.toString('latin1').replace(/\r\n|\r|\n/g, '\n').replace('\0', '');
    ids.push(...(await submit(postern, { raw: Buffer.from(lines).toString('base64') })));
  }
  for (const id of ids) {
    await expectState(postern, id, 'delivered');
  }
  const heard = scripted.received.all.join('');
  expect(heard.match(/\r\n\.\r\n/g), 'one end of data per message').toHaveLength(ids.length);
  expect(heard, 'only CRLF line ends').not.toMatch(/\r(?!\n)|(?<!\r)\n/);
  expect(heard.match(/^DATA\r\n(?!You)/gm)).toHaveLength(ids.length);
  await scripted.stop();
});
