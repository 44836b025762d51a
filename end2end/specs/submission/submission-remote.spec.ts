//! Programs of other machines submit mail: inside TLS and signed in only.

import { expect, test } from '@playwright/test';
import { message } from '../../support/mail/messages.ts';
import { NO_OWN_ADDRESS, OWN_ADDRESS } from '../../support/relays/own-address.ts';
import { Relay } from '../../support/relays/relay.ts';
import type { SmtpClient } from '../../support/mail/smtp-client.ts';
import { authPlain, greeted, idOf, withCertificate } from '../../support/mail/submission-listener.ts';
import { TestServer, fields } from '../../support/api/test-server.ts';

test.skip(OWN_ADDRESS === undefined, NO_OWN_ADDRESS);
test.describe.configure({ mode: 'default' });

const HOST = OWN_ADDRESS ?? '';
const USER = 'app@example.org';
const LOCAL = 'local@example.org';
const MAIL = `MAIL FROM:<${USER}>`;

let server: TestServer;
let relay: Relay;
let token: string;
let authority: string;

test.beforeAll(async () => {
  const tls = withCertificate(HOST);
  authority = tls.authority.cert;
  relay = await Relay.start();
  // An account of programs on this machine, which those of others do not have.
  server = await TestServer.start({ arguments: ['--submission', `${HOST}:0`, '--local-account', LOCAL, ...tls.arguments] });
  expect((await server.save(fields(relay))).status).toBe(200);
  token = await server.createAccount(USER, 'user');
  await server.createAccount(LOCAL, 'user');
});

test.afterAll(async () => {
  await Promise.all([server?.stop(), relay?.stop()]);
});

/** A client in TLS, which has introduced itself again, and the reply to that. */
async function secured(): Promise<{ client: SmtpClient; capabilities: string }> {
  const { client } = await greeted(server);
  expect(await client.ask('STARTTLS')).toMatch(/^220 2\.0\.0 /);
  await client.secure(authority);
  expect(await client.ask(MAIL), 'the session begins anew').toMatch(/^503 5\.5\.1 Send EHLO first/);
  return { client, capabilities: await client.ask('EHLO app.test') };
}

test('before STARTTLS neither passwords nor mail are taken', async () => {
  const { client, capabilities } = await greeted(server);
  expect(capabilities).toMatch(/^250[- ]STARTTLS\r$/m);
  expect(capabilities).not.toMatch(/AUTH/);
  expect(await client.ask(MAIL)).toMatch(/^530 5\.7\.0 Send STARTTLS, and sign in with AUTH/);
  expect(await client.ask(authPlain(USER, token))).toMatch(/^538 5\.7\.11 /);
  expect(await client.ask('AUTH LOGIN')).toMatch(/^538 5\.7\.11 /);
  expect(await client.ask(MAIL), 'the password did not count').toMatch(/^530 5\.7\.0 /);
  expect(await client.ask('RCPT TO:<desk@example.net>')).toMatch(/^503 5\.5\.1 /);
  client.close();
});

test('inside TLS a program signs in before it submits mail', async () => {
  const { client, capabilities } = await secured();
  expect(capabilities).toMatch(/^250[- ]AUTH PLAIN LOGIN\r$/m);
  expect(capabilities).not.toMatch(/STARTTLS/);
  expect(await client.ask(MAIL)).toMatch(/^530 5\.7\.0 Sign in with AUTH/);
  expect(await client.ask(authPlain(USER, 'postern_wrong'))).toMatch(/^535 5\.7\.8 /);
  expect(await client.ask(authPlain(LOCAL, token)), 'a token of another account').toMatch(/^535 5\.7\.8 /);
  expect(await client.ask(MAIL)).toMatch(/^530 5\.7\.0 /);
  expect(relay.mails.all).toEqual([]);

  expect(await client.ask(authPlain(USER, token))).toMatch(/^235 2\.7\.0 /);
  const id = idOf(await client.submit('Leave the building.'));
  const arrived = await relay.mails.next();
  expect(arrived).toMatchObject({ from: USER, to: ['desk@example.net'] });
  expect(arrived.mail.text?.trim()).toBe('Leave the building.');
  // RFC 3848: the A is for AUTH, the S for TLS.
  const [, host, protocol] = arrived.raw.toString().replace(/\s+/g, ' ').match(/Received: from app\.test \((\S+)\) by \S+ with (\S+) id /) ?? [];
  expect([host, protocol], arrived.raw.toString()).toEqual([`[${HOST}]`, 'ESMTPSA']);
  expect((await message(server, id)).by).toBe(USER);
  expect(await client.ask('QUIT')).toMatch(/^221 /);
});

test('a program sends only from the addresses of its account', async () => {
  const { client } = await secured();
  expect(await client.ask(authPlain(USER, token))).toMatch(/^235 /);
  client.send('MAIL FROM:<boss@example.com>\r\nRCPT TO:<desk@example.net>\r\nDATA\r\n');
  expect([await client.reply(), await client.reply(), await client.reply()].join('')).toMatch(/^250 .*\r\n250 .*\r\n354 /);
  expect(await client.ask('From: boss@example.com\r\nSubject: Raise\r\n\r\nYes.\r\n.')).toMatch(
    /^550 5\.7\.1 This account sends only from app@example\.org/,
  );
  client.close();
});

test('without a certificate there is no way to sign in, and the reply says why', async () => {
  const plain = await TestServer.start({ arguments: ['--submission', `${HOST}:0`] });
  await plain.postern.waitForOutput('programs of other machines cannot submit mail here');
  const { client, capabilities } = await greeted(plain);
  expect(capabilities).not.toMatch(/STARTTLS|AUTH/);
  expect(await client.ask('STARTTLS')).toMatch(/^502 5\.5\.1 /);
  expect(await client.ask(authPlain(USER, token))).toMatch(/^538 5\.7\.11 /);
  expect(await client.ask(MAIL)).toMatch(/^530 5\.7\.0 .*this listener has no certificate.*--submission-cert and --submission-key/);
  client.close();
  await plain.stop();
});
