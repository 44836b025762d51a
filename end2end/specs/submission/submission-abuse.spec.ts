//! Clients that abuse the SMTP listener: others are served, and the memory of Postern is bounded.

import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { loopback } from '../../support/program/chroot.ts';
import { sendRequest } from '../../support/api/http.ts';
import { Postern } from '../../support/program/postern.ts';
import { SmtpClient } from '../../support/mail/smtp-client.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const PORT = 2525;
const ON_DISK = /^250 2\.0\.0 Queued as /;

let host: string;
let server: Postern;

test.beforeEach(async () => {
  host = loopback();
  server = await Postern.start({ arguments: ['--submission', `${host}:${PORT}`] });
});

test.afterEach(async () => {
  expect(await server.stop()).toBe(0);
});

/** A client that has introduced itself. */
async function greeted(): Promise<SmtpClient> {
  const client = await SmtpClient.connect(host, PORT);
  expect(await client.reply()).toMatch(/^220 /);
  client.send('EHLO app.test\r\n');
  expect(await client.reply()).toMatch(/^250-/);
  return client;
}

/** The resident memory of the server in octets (proc(5)): `VmRSS` is the current one, `VmHWM` the most so far. */
function memory(field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
  return Number(status.match(new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm'))?.[1]) * 1024;
}

/** What clients have sent when they stop: nothing, a part of a line, a part of an envelope, a part of a mail. */
const BEGUN = [
  { sent: '', replies: 0 },
  { sent: 'x'.repeat(4000), replies: 0 },
  { sent: 'EHLO app.test\r\nMAIL FROM:<>\r\nRCPT TO:<desk@exam', replies: 2 },
  { sent: 'EHLO app.test\r\nMAIL FROM:<>\r\nRCPT TO:<desk@example.net>\r\nDATA\r\n', replies: 4, then: 'Subject: Fi' },
];

test('1,000 idle clients keep nobody away', async () => {
  const other = await greeted();
  expect(await other.submit('Before.')).toMatch(ON_DISK);
  const before = memory('VmRSS');
  const idle: SmtpClient[] = [];
  for (let group = 0; group < 10; group += 1) {
    const addresses = Array.from({ length: 100 }, (_, client) => `127.10.${group}.${client + 1}`);
    idle.push(...(await Promise.all(addresses.map((address) => SmtpClient.connect(host, PORT, address)))));
  }
  for (const [index, client] of idle.entries()) {
    const begun = BEGUN[index % BEGUN.length];
    client.send(begun?.sent ?? '');
    expect(await client.reply(), `client ${index}`).toMatch(/^220 /);
    for (let reply = 0; reply < (begun?.replies ?? 0); reply += 1) {
      expect(await client.reply(), `client ${index}`).toMatch(/^(250|354)/);
    }
    client.send(begun?.then ?? '');
  }
  expect(await other.submit('An old connection.')).toMatch(ON_DISK);
  const late = await greeted();
  expect(await late.submit('A new connection.')).toMatch(ON_DISK);
  expect((memory('VmRSS') - before) / idle.length, 'octets for each client').toBeLessThan(128 * 1024);
  [...idle, other, late].forEach((client) => client.close());
});

test('a line of 1 GiB, a mail and a chunk without an end take bounded memory', async () => {
  const other = await greeted();
  expect(await other.submit('Before.')).toMatch(ON_DISK);
  const before = memory('VmRSS');

  const chunk = await greeted();
  chunk.send('MAIL FROM:<>\r\nRCPT TO:<desk@example.net>\r\nBDAT 1000000000000 LAST\r\n');
  expect([await chunk.reply(), await chunk.reply()].join('')).toMatch(/^250 .*\r\n250 /);
  expect(await chunk.reply()).toMatch(/^552 5\.3\.4 /);
  expect(await chunk.reply(), 'it is closed').toBe('');

  const line = await greeted();
  const mails = [await greeted(), await greeted()];
  for (const mail of mails) {
    mail.send('MAIL FROM:<>\r\nRCPT TO:<desk@example.net>\r\nDATA\r\n');
    for (const code of ['250 2.1.0', '250 2.1.5', '354']) {
      expect(await mail.reply()).toContain(code);
    }
  }
  const piece = Buffer.alloc(MIB, 'x');
  let isFlooded = true;
  // A command line without an end, and in each mail a line of the body without one.
  const floods = Promise.all([line, ...mails].map((client) => client.flood(piece, GIB)));
  const ended = floods.then(() => (isFlooded = false));
  do {
    expect(await other.submit('Meanwhile.')).toMatch(ON_DISK);
  } while (isFlooded);
  await ended;
  const [ofLine, ...ofMails] = await floods;
  // The socket may hold some MiB that Postern does not read. A mail is dropped from 25 MiB on, up to 100 MiB.
  expect(ofLine, 'the line is not read to its end').toBeLessThan(64 * MIB);
  for (const octets of ofMails) {
    expect(octets, 'nor is a mail').toBeLessThan(256 * MIB);
  }
  // Two mails are held up to 25 MiB each, in buffers that grow.
  expect(memory('VmHWM') - before).toBeLessThan(192 * MIB);
  expect(await other.submit('After.')).toMatch(ON_DISK);
  [line, chunk, other, ...mails].forEach((client) => client.close());
});

test('10,000 recipients of a session are taken a thousand a mail, in bounded memory', async () => {
  const client = await greeted();
  expect(await client.submit('Before.')).toMatch(ON_DISK);
  const before = memory('VmRSS');
  let recipients = Array.from({ length: 10_000 }, (_, number) => `r${number}@example.net`);
  for (let mail = 1; mail <= 10; mail += 1) {
    client.send(`MAIL FROM:<app@example.org>\r\n${recipients.map((recipient) => `RCPT TO:<${recipient}>\r\n`).join('')}`);
    expect(await client.reply()).toMatch(/^250 2\.1\.0 /);
    const later: string[] = [];
    const replies: Record<string, number> = {};
    for (const recipient of recipients) {
      const code = (await client.reply()).slice(0, '452 4.5.3'.length);
      replies[code] = (replies[code] ?? 0) + 1;
      if (code === '452 4.5.3') {
        later.push(recipient);
      }
    }
    const refused = later.length > 0 ? { '452 4.5.3': 10_000 - mail * 1000 } : {};
    expect(replies, `mail ${mail}`).toEqual({ '250 2.1.5': 1000, ...refused });
    expect(await client.ask('DATA')).toMatch(/^354 /);
    expect(await client.ask('From: app@example.org\r\nSubject: Fire\r\n\r\nOut.\r\n.')).toMatch(ON_DISK);
    recipients = later;
  }
  expect(recipients, 'all were taken').toEqual([]);
  // Each of the 10 mails has up to 10,000 commands of 35 octets.
  expect(memory('VmHWM') - before).toBeLessThan(16 * MIB);
  const queued = async () => (await sendRequest(server.url, '/metrics')).text.match(/^postern_queue{state="queued"} (\d+)$/m)?.[1];
  await expect.poll(queued, 'with the recipient of the first mail').toBe('10001');
  client.close();
});

test('a client that sends an octet now and then is served, and others are meanwhile', async () => {
  const other = await greeted();
  const slow = await SmtpClient.connect(host, PORT);
  const commands = 'EHLO slow.test\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<desk@example.net>\r\nDATA\r\n';
  const sent = [...`${commands}Subject: Fire\r\n\r\n..\r\n.\r\nQUIT\r\n`];
  for (const [index, octet] of sent.entries()) {
    slow.send(octet);
    if (index % 4 === 0) {
      expect(await other.submit(`Before octet ${index}.`)).toMatch(ON_DISK);
    }
  }
  for (const reply of [/^220 /, /^250-/, /^250 2\.1\.0 /, /^250 2\.1\.5 /, /^354 /, ON_DISK, /^221 /, /^$/]) {
    expect(await slow.reply()).toMatch(reply);
  }
  other.close();
});
