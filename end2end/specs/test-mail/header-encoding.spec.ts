//! Encoding of names and addresses in headers and commands of a test mail.

import { domainToASCII } from 'node:url';
import { expect, test } from '@playwright/test';
import { recordingRelay } from '../../support/relays/recording-relay.ts';
import { type Received, Relay } from '../../support/relays/relay.ts';
import { type Fields, TestServer, fields } from '../../support/api/test-server.ts';

test.describe.configure({ mode: 'default' });

let postern: TestServer;
let relay: Relay;

test.beforeAll(async () => {
  relay = await Relay.start();
  postern = await TestServer.start();
});

test.afterAll(async () => {
  await postern?.stop();
  await relay?.stop();
});

async function sendTest(more: Fields, recipient = 'me@example.net'): Promise<Received> {
  const options = { smtp_from_name: null, smtp_reply_to: null, smtp_ehlo_name: null };
  const saved = await postern.save(fields(relay, { ...options, ...more }));
  expect(saved.status, saved.text).toBe(200);
  const sent = await postern.test(recipient);
  expect(sent.status, `${JSON.stringify(more)} ${recipient}: ${sent.text}`).toBe(200);
  const received = await relay.mails.next();
  const [head = ''] = received.raw.toString('latin1').split('\r\n\r\n');
  const names = head.split('\r\n').filter((line) => !/^\s/.test(line)).map((line) => line.split(':')[0]?.toLowerCase());
  expect(names.filter((name) => name !== 'reply-to').sort()).toEqual([
    'content-transfer-encoding',
    'content-type',
    'date',
    'from',
    'message-id',
    'mime-version',
    'subject',
    'to',
  ]);
  for (const line of received.raw.toString('latin1').split('\r\n')) {
    expect(line.length).toBeLessThanOrEqual(998);
    expect(line).not.toMatch(/[\r\n]/);
  }
  return received;
}

test('the display name of the From address', async () => {
  for (const name of [
    'Alerts',
    'Grüße aus Zürich',
    '通知センター',
    'عنوان البريد',
    '🔔 Alerts 🔔',
    'Müller, "Ops" <evil@example.com>',
    "O'Brien & Sons (Ltd.); [x] \\ /",
    '=?utf-8?q?not_encoded?=',
    '=?utf-8?B?RXZpbA==?= and more',
    'evil@example.com',
    'a, b@example.com, c',
    'ü'.repeat(128),
    'x '.repeat(63) + 'x',
    '"',
    '\\',
    '<>',
    '.',
  ]) {
    const received = await sendTest({ smtp_from_name: name });
    const from = received.mail.from?.value;
    expect(from, name).toEqual([{ address: 'alerts@example.org', name }]);
    expect(received.from).toBe('alerts@example.org');
    expect(received.raw.every((byte) => byte < 0x80), name).toBe(true);
  }
});

test('internationalised sender, Reply-To and recipient addresses', async () => {
  for (const address of [
    'o\'brien+tag@sub.example.org',
    'a.b-c_d=e@example.org',
    '!#$%&*/?^`{|}~@example.org',
    'root@localhost',
    'alerts@bücher.example',
    'alerts@例子.example',
    'ops@[192.0.2.1]',
    'ops@[IPv6:2001:db8::1]',
  ]) {
    const ascii = toAscii(address);
    const received = await sendTest({ from_address: address, smtp_reply_to: address }, address);
    // smtp-server converts A-labels back to Unicode.
    expect(toAscii(received.from)).toBe(ascii);
    expect(received.to.map(toAscii)).toEqual([ascii]);
    const raw = received.raw.toString('latin1');
    for (const header of ['From', 'To', 'Reply-To']) {
      expect(raw, header).toMatch(new RegExp(`^${header}: <?${escapeRegExp(ascii)}>?\r\n`, 'm'));
    }
    expect(received.raw.every((byte) => byte < 0x80), address).toBe(true);
  }
});

test('a quoted local part keeps its quotes', async () => {
  // smtp-server does not parse quoted local parts.
  const listening = await recordingRelay();
  for (const address of ['"two words"@example.org', '"a..b,c;d:e"@example.org', String.raw`"\"a\\b\" c@d"@example.org`]) {
    expect((await postern.save(fields(listening, { from_address: address }))).status).toBe(200);
    const sent = await postern.test(address);
    expect(sent.status, sent.text).toBe(200);
    for (const line of [`MAIL FROM:<${address}>`, `RCPT TO:<${address}>`, `From: ${address}`, `To: ${address}`]) {
      expect(listening.lines).toContain(line);
    }
  }
  await listening.stop();
});

test('the EHLO name is the configured one or the From domain, never localhost', async () => {
  for (const [more, ehlo] of [
    [{}, 'example.org'],
    [{ from_address: 'a@Sub.Example.ORG' }, 'sub.example.org'],
    [{ from_address: 'a@bücher.example' }, 'xn--bcher-kva.example'],
    [{ from_address: 'root@localhost' }, '[127.0.0.1]'],
    [{ smtp_ehlo_name: 'gate.example.net' }, 'gate.example.net'],
    [{ smtp_ehlo_name: '[192.0.2.1]' }, '[192.0.2.1]'],
  ] as const) {
    expect((await sendTest(more)).ehlo).toBe(ehlo);
  }
});

function toAscii(address: string): string {
  const at = address.lastIndexOf('@') + 1;
  const domain = address.slice(at);
  return address.slice(0, at) + (domain.startsWith('[') ? domain : domainToASCII(domain));
}

function escapeRegExp(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
