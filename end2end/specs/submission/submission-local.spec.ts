//! Programs on this machine submit mail without AUTH: its account, and refused input.

import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { askAs, openFolder, otherUsersUnavailable } from '../../support/program/local-user.ts';
import { counts, expectState, message } from '../../support/mail/messages.ts';
import { Relay } from '../../support/relays/relay.ts';
import type { SmtpClient } from '../../support/mail/smtp-client.ts';
import { authPlain, greeted, idOf, withCertificate } from '../../support/mail/submission-listener.ts';
import { TestServer, fields } from '../../support/api/test-server.ts';

test.describe.configure({ mode: 'default' });

const HOST = '127.0.0.1';
const LISTENER = ['--submission', `${HOST}:0`];
const WEB = 'web@example.org';
const APP = 'app@example.org';
const ENVELOPE = 'RCPT TO:<desk@example.net>\r\nDATA\r\n';

/** The ids of two users without rights; the first one has an account of its own. */
const [WEB_USER, OTHER_USER] = [65_534, 65_533];

let server: TestServer;
let socket: string;
let authority: string;
let token: string;

test.beforeAll(async () => {
  const tls = withCertificate(HOST);
  authority = tls.authority.cert;
  socket = join(openFolder('submit'), 'submit.sock');
  server = await TestServer.start({
    env: { POSTERN_SUBMIT_SOCKET: socket, POSTERN_SUBMIT_USERS: `${WEB_USER}=${WEB}` },
    arguments: [...LISTENER, '--local-account', APP, ...tls.arguments],
  });
  token = await server.createAccount(WEB, 'user');
  await server.createAccount(APP, 'user');
});

test.afterAll(() => server?.stop());

/** The reply to a mail from a program of this user, by the Unix socket. */
async function submitAs(id: number, from: string): Promise<string> {
  const mail = `From: ${from}\r\nSubject: Fire\r\n\r\nOut.\r\n.\r\nQUIT\r\n`;
  const answer = await askAs(id, socket, `EHLO app.test\r\nMAIL FROM:<${from}>\r\n${ENVELOPE}${mail}`);
  const [reply, end] = answer.split('\r\n').filter((line) => /^\d{3} /.test(line)).slice(-2);
  expect(end, answer).toMatch(/^221 /);
  return `${reply}\r\n`;
}

test('mail by the Unix socket is of the account of its user, or of the local account', async () => {
  test.skip(otherUsersUnavailable() !== undefined, otherUsersUnavailable());
  for (const [id, email, other] of [[WEB_USER, WEB, APP], [OTHER_USER, APP, WEB]] as const) {
    const accepted = idOf(await submitAs(id, email));
    expect(await message(server, accepted), `user ${id}`).toMatchObject({ by: email, from: email, subject: 'Fire' });
    expect(await submitAs(id, other)).toMatch(/^550 5\.7\.1 This account sends only from /);
  }
});

test('mail over TCP is of the local account, or of the account that signs in', async () => {
  const { client } = await greeted(server);
  const id = idOf(await client.submit('Out.'));
  expect(await message(server, id)).toMatchObject({ by: APP, from: APP });
  expect(await client.ask(authPlain(WEB, token))).toMatch(/^235 /);
  expect(await client.submit('Out.'), 'the address of the local account').toMatch(/^550 5\.7\.1 This account sends only from web@example\.org/);
  client.close();
});

test('mail is refused for now while the local account is unknown, and taken once it is there', async () => {
  const own = await TestServer.start({ arguments: [...LISTENER, '--local-account', APP] });
  const early = (await greeted(own)).client;
  expect(await early.ask(`MAIL FROM:<${APP}>`)).toMatch(/^451 4\.3\.5 .*\(--local-account, --submit-users\)/);
  await own.postern.waitForOutput('the account of local mail is unknown or disabled (--local-account, --submit-users)');
  await own.createAccount(APP, 'user');
  const late = (await greeted(own)).client;
  expect((await message(own, idOf(await late.submit('Out.')))).by).toBe(APP);
  [early, late].forEach((client) => client.close());
  await own.stop();
});

/** What ends lines, and could end a mail for another server (CVE-2023-51764 and others). */
const LINE_ENDS = ['\n.\n', '\n.\r\n', '\r\n.\n', '\r.\r', '\r\n.\r', '\r.\r\n'];

/** Sends a mail that hides another one behind the line ends, and returns the reply to it. */
async function smuggle(client: SmtpClient, end: string): Promise<string> {
  expect(await client.ask(`MAIL FROM:<${APP}>`)).toMatch(/^250 /);
  client.send(ENVELOPE);
  expect([await client.reply(), await client.reply()].join('')).toMatch(/^250 .*\r\n354 /);
  const hidden = `MAIL FROM:<eve@example.org>\r\n${ENVELOPE}From: eve@example.org\r\n\r\nHa!`;
  return client.ask(`From: ${APP}\r\nSubject: Fire\r\n\r\nOut.${end}${hidden}\r\n.`);
}

test('a mail with CR or LF alone is refused', async () => {
  const { client } = await greeted(server);
  const before = await counts(server);
  for (const end of LINE_ENDS) {
    expect(await smuggle(client, end), JSON.stringify(end)).toMatch(/^550 5\.6\.0 .* has a (CR|LF) alone; end all lines with CRLF\./);
    expect(await client.ask('NOOP'), 'there is one reply').toBe('250 2.0.0 OK\r\n');
  }
  expect(await counts(server)).toEqual(before);
  client.close();
});

test('with --submission-normalize it is taken, its lines end with CRLF, and it stays one mail', async () => {
  const relay = await Relay.start();
  const repairing = await TestServer.start({ arguments: [...LISTENER, '--submission-normalize'] });
  expect((await repairing.save(fields(relay))).status).toBe(200);
  const { client } = await greeted(repairing);
  for (const end of LINE_ENDS) {
    const id = idOf(await smuggle(client, end));
    expect(await client.ask('NOOP'), 'there is one reply').toBe('250 2.0.0 OK\r\n');
    await expectState(repairing, id, 'delivered');
    const { from, raw } = await relay.mails.next();
    expect(from).toBe(APP);
    const [, body] = raw.toString().split(/\r\n\r\n(.*)/s);
    // A dot at the beginning of a line, behind CRLF, is one of dot-stuffing (RFC 5321, section 4.5.2).
    const dot = end.startsWith('\r\n') ? '' : '.';
    expect(body?.split('\r\n').slice(0, 3), JSON.stringify(end)).toEqual(['Out.', dot, 'MAIL FROM:<eve@example.org>']);
    expect(raw.toString().replaceAll('\r\n', ''), JSON.stringify(end)).not.toMatch(/[\r\n]/);
  }
  expect(await counts(repairing)).toMatchObject({ delivered: LINE_ENDS.length, queued: 0 });
  client.close();
  await Promise.all([repairing.stop(), relay.stop()]);
});

test('a client that speaks HTTP is hung up on', async () => {
  const before = await counts(server);
  for (const request of ['GET / HTTP/1.1', 'POST / HTTP/1.1', 'CONNECT mail.example.org:25 HTTP/1.1']) {
    const { client } = await greeted(server);
    // A browser can be made to send a form whose body is SMTP.
    client.send(`${request}\r\nHost: mail.example.org\r\n\r\nMAIL FROM:<${APP}>\r\n${ENVELOPE}Subject: Ha\r\n\r\n.\r\n`);
    expect(await client.reply(), request).toBe('');
  }
  expect(await counts(server)).toEqual(before);
});

test('what is sent behind STARTTLS ends the session, and counts for nothing', async () => {
  const before = await counts(server);
  for (const behind of ['NOOP', `MAIL FROM:<${APP}>\r\n${ENVELOPE}Subject: Ha\r\n\r\n.`]) {
    const { client, capabilities } = await greeted(server);
    expect(capabilities).toMatch(/^250[- ]STARTTLS\r$/m);
    expect(await client.ask(`STARTTLS\r\n${behind}`)).toMatch(/^503 5\.5\.1 Nothing may be sent behind STARTTLS before its reply/);
    expect(await client.reply(), 'the connection is closed').toBe('');
  }
  expect(await counts(server)).toEqual(before);

  const { client } = await greeted(server);
  expect(await client.ask('STARTTLS')).toMatch(/^220 /);
  await client.secure(authority);
  expect(await client.ask('EHLO app.test')).toMatch(/^250-/);
  expect((await message(server, idOf(await client.submit('Inside TLS.')))).by).toBe(APP);
  client.close();
});
