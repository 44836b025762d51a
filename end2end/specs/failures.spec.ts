//! Failed test mails over REST: 502 or 504 with the relay's reply, and the same by a diagnosis.

import { expect, test } from '@playwright/test';
import { Authority, selfSigned } from '../support/certificate.ts';
import { Console, type Fields, type Reply, fields } from '../support/console.ts';
import { closedPort, scripted, silent, unreachable } from '../support/hostile.ts';
import { Queue } from '../support/queue.ts';
import { Relay, type RelayOptions } from '../support/relay.ts';

test.describe.configure({ mode: 'default' });

let authority: Authority;
let postern: Console;

test.beforeAll(async () => {
  authority = new Authority();
  postern = await Console.start({ env: { SSL_CERT_FILE: authority.file } });
});

test.afterAll(() => postern?.stop());

/** Resets what an earlier test may have changed. */
const DEFAULTS: Fields = {
  smtp_password: null,
  smtp_connect_timeout: null,
  smtp_command_timeout: null,
  smtp_certificate_check: null,
  smtp_plaintext_auth: null,
};

/** Saves the settings and sends a test mail. */
async function attempt(relay: { port: number }, more: Fields = {}, recipient = 'me@example.net'): Promise<Reply> {
  const saved = await postern.save(fields(relay, { ...DEFAULTS, ...more }));
  expect(saved.status, saved.text).toBe(200);
  return postern.test(recipient);
}

function expectFailure(answer: Reply, status: number, ...words: RegExp[]): void {
  expect(answer.status, answer.text).toBe(status);
  expect(Object.keys(answer.json)).toEqual(['status', 'errors']);
  expect(Object.keys(answer.json.errors)).toEqual(['email_send']);
  words.forEach((word) => expect(answer.json.errors.email_send).toMatch(word));
}

/** Diagnoses the saved settings and expects this cause. */
async function expectCause(stage: string, title: string): Promise<void> {
  const found = await postern.diagnose({ to: 'me@example.net' });
  expect(found).toMatchObject({ outcome: 'failed', failure: { stage } });
  expect(found.cause?.title).toBe(title);
}

async function withRelay(options: RelayOptions, act: (relay: Relay) => Promise<void>): Promise<void> {
  const relay = await Relay.start(options);
  await act(relay);
  await relay.stop();
}

test('a wrong password', () =>
  withRelay(
    { tls: 'starttls', certificate: authority.issue('127.0.0.1'), auth: ['PLAIN'], users: { me: 'right' } },
    async (relay) => {
      const answer = await attempt(relay, {
        smtp_connection_type: 'TLS',
        smtp_authentication_type: 'Plain',
        smtp_username: 'me',
        smtp_password: await postern.sealed('hunter22'),
      });
      expectFailure(answer, 502, /^The relay replied: 535 5\.7\.8 Those are not the credentials\. .*Check User Name/);
      expect(relay.attempts.all).toMatchObject([{ user: 'me', accepted: false }]);
      expect(answer.text).not.toContain('hunter22');
      await expectCause('auth', 'The relay rejects user name and password');
    },
  ));

test('a refused recipient', () =>
  withRelay({ refuse: () => ({ code: 550, text: '5.1.1 Nobody of that name here' }) }, async (relay) => {
    const answer = await attempt(relay);
    expectFailure(answer, 502, /550 5\.1\.1 Nobody of that name here/, /Check the spelling of the recipient/);
    expect(relay.mails.all).toEqual([]);
    await expectCause('rcpt', 'The recipient is unknown');
  }));

test('a relay that wants a sign-in', () =>
  withRelay({ auth: ['PLAIN'], users: { me: 'right' } }, async (relay) => {
    expectFailure(await attempt(relay), 502, /530/, /only after a sign-in\. Choose Authentication Type/);
    await expectCause('mail', 'The relay requires a sign-in');
  }));

test('an authentication type that the relay does not offer', () =>
  withRelay({ auth: ['LOGIN'], users: { me: 'right' } }, async (relay) => {
    const answer = await attempt(relay, {
      smtp_authentication_type: 'Cram_MD5',
      smtp_plaintext_auth: '1',
      smtp_username: 'me',
      smtp_password: await postern.sealed('right'),
    });
    expectFailure(answer, 502, /^The relay offers LOGIN, not CRAM-MD5\. .*Choose an Authentication Type that the relay offers/);
    await expectCause('auth', 'The authentication type is not offered');
    expect(relay.attempts.all).toEqual([]);
  }));

test('a password that nobody gave', () =>
  withRelay({ auth: ['PLAIN'], users: { me: 'right' } }, async (relay) => {
    const answer = await attempt(relay, {
      smtp_authentication_type: 'Plain',
      smtp_plaintext_auth: '1',
      smtp_username: 'me',
    });
    expectFailure(answer, 502, /Enter User Name and Password/);
    await expectCause('auth', 'The user name or the password is missing');
  }));

test('a port where nobody listens', async () => {
  expectFailure(await attempt({ port: await closedPort() }), 502, /no mail service runs at this port/);
  await expectCause('tcp', 'Nothing listens on the port');
});

test('a port that never answers', async () => {
  const relay = await unreachable();
  expectFailure(
    await attempt(relay, { smtp_connect_timeout: '1' }),
    504,
    new RegExp(`127\\.0\\.0\\.1:${relay.port}.* 1 s`),
    /most likely a firewall drops/,
  );
  await expectCause('tcp', 'The port is filtered');
  await relay.stop();
});

test('a relay that says nothing', async () => {
  const relay = await silent();
  expectFailure(await attempt(relay, { smtp_command_timeout: '1' }), 504, / 1 s/, /no greeting arrives/);
  await expectCause('greeting', 'No greeting: the port may expect SSL');
  expect(relay.heard.all, 'who was not greeted does not speak').toEqual([]);
  await relay.stop();
});

test('a relay that hangs up', async () => {
  const relay = await scripted((socket) => socket.end());
  expectFailure(await attempt(relay), 502, /ended before the relay replied to EHLO/);
  await expectCause('greeting', 'The relay closes the connection at once');
  await relay.stop();
});

test('a name that DNS does not know', async () => {
  const answer = await attempt({ port: 25 }, { smtp_host: 'no-such-relay.invalid' });
  expect([502, 504]).toContain(answer.status);
  expect(answer.json.errors.email_send).toMatch(/^no-such-relay\.invalid: .*DNS/);
});

for (const [title, certificate, words, cause] of [
  [
    'a certificate nobody vouches for',
    () => selfSigned('127.0.0.1'),
    /issued by itself.*Trust this certificate/s,
    'The certificate is self-signed',
  ],
  [
    'a certificate for another host',
    () => authority.issue('smtp.example.org'),
    /is for smtp\.example\.org, not for 127\.0\.0\.1.*Enter one of the certificate's names/s,
    'The certificate is for another name',
  ],
] as const) {
  for (const [tls, connection] of [
    ['implicit', 'SSL'],
    ['starttls', 'TLS'],
    ['starttls', 'None'],
  ] as const) {
    test(`${title}, with ${connection}`, () =>
      withRelay({ tls, certificate: certificate() }, async (relay) => {
        expectFailure(await attempt(relay, { smtp_connection_type: connection }), 502, words);
        expect(relay.mails.all).toEqual([]);
        await expectCause('tls', cause);

        const unchecked = await attempt(relay, { smtp_connection_type: connection, smtp_certificate_check: 'Off' });
        expect(unchecked.status, unchecked.text).toBe(200);
        expect((await relay.mails.next()).encrypted).toBe(true);
      }));
  }
}

test('who hangs up cancels the test', async () => {
  const left = new Queue<string>();
  const relay = await scripted((socket) => socket.once('close', () => left.push('left')));
  expect((await postern.save(fields(relay, { ...DEFAULTS, smtp_command_timeout: '120' }))).status).toBe(200);
  const hangUp = new AbortController();
  const path = '/api/setup/email_test/me@example.net';
  const asked = postern.ask(path, { method: 'POST', signal: hangUp.signal });
  await relay.connections.next();
  hangUp.abort();
  await expect(asked).rejects.toThrow(/abort/);
  await left.next();
  await relay.stop();
});

test('a test is refused before anything is sent', async () => {
  const relay = await silent();
  for (const recipient of ['nobody', 'a@b@c', 'a b@example.net', 'a@example.net\r\nRCPT TO:<b@example.net>', 'a@example.net\0', 'a@example.net,b@example.net', ' ']) {
    const answer = await attempt(relay, {}, recipient);
    expectFailure(answer, 422);
  }
  expect(relay.connections.all).toEqual([]);
  await relay.stop();
});
