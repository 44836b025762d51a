//! Failed test mails over REST: 502 or 504 with the relay's reply, and the same by a diagnosis.

import { expect, test } from '@playwright/test';
import { CertificateAuthority, selfSigned } from '../../support/relays/certificate.ts';
import { Queue } from '../../support/queue.ts';
import { Relay, type RelayOptions } from '../../support/relays/relay.ts';
import { closedPort, silentRelay, tcpRelay, unreachablePort } from '../../support/relays/tcp-relay.ts';
import { type ApiResponse, type Fields, TestServer, fields } from '../../support/api/test-server.ts';

test.describe.configure({ mode: 'default' });

let authority: CertificateAuthority;
let postern: TestServer;

test.beforeAll(async () => {
  authority = new CertificateAuthority();
  postern = await TestServer.start({ env: { SSL_CERT_FILE: authority.file } });
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
async function sendTest(relay: { port: number }, more: Fields = {}, recipient = 'me@example.net'): Promise<ApiResponse> {
  const saved = await postern.save(fields(relay, { ...DEFAULTS, ...more }));
  expect(saved.status, saved.text).toBe(200);
  return postern.test(recipient);
}

function expectFailure(response: ApiResponse, status: number, ...text: RegExp[]): void {
  expect(response.status, response.text).toBe(status);
  expect(Object.keys(response.json)).toEqual(['status', 'errors']);
  expect(Object.keys(response.json.errors)).toEqual(['email_send']);
  text.forEach((text) => expect(response.json.errors.email_send).toMatch(text));
}

/** Diagnoses the saved settings and expects this cause. */
async function expectCause(stage: string, title: string): Promise<void> {
  const report = await postern.diagnose({ to: 'me@example.net' });
  expect(report).toMatchObject({ outcome: 'failed', failure: { stage } });
  expect(report.cause?.title).toBe(title);
}

async function withRelay(options: RelayOptions, run: (relay: Relay) => Promise<void>): Promise<void> {
  const relay = await Relay.start(options);
  await run(relay);
  await relay.stop();
}

test('a wrong password', () =>
  withRelay(
    { tls: 'starttls', certificate: authority.issue('127.0.0.1'), auth: ['PLAIN'], users: { me: 'right' } },
    async (relay) => {
      const response = await sendTest(relay, {
        smtp_connection_type: 'TLS',
        smtp_authentication_type: 'Plain',
        smtp_username: 'me',
        smtp_password: await postern.sealed('hunter22'),
      });
      expectFailure(response, 502, /^The relay replied: 535 5\.7\.8 Those are not the credentials\. .*Check User Name/);
      expect(relay.attempts.all).toMatchObject([{ user: 'me', accepted: false }]);
      expect(response.text).not.toContain('hunter22');
      await expectCause('auth', 'The relay rejects user name and password');
    },
  ));

test('a refused recipient', () =>
  withRelay({ refuse: () => ({ code: 550, text: '5.1.1 Nobody of that name here' }) }, async (relay) => {
    const response = await sendTest(relay);
    expectFailure(response, 502, /550 5\.1\.1 Nobody of that name here/, /Check the spelling of the recipient/);
    expect(relay.mails.all).toEqual([]);
    await expectCause('rcpt', 'The recipient is unknown');
  }));

test('a relay that requires authentication', () =>
  withRelay({ auth: ['PLAIN'], users: { me: 'right' } }, async (relay) => {
    expectFailure(await sendTest(relay), 502, /530/, /only after a sign-in\. Choose Authentication Type/);
    await expectCause('mail', 'The relay requires a sign-in');
  }));

test('an authentication type that the relay does not offer', () =>
  withRelay({ auth: ['LOGIN'], users: { me: 'right' } }, async (relay) => {
    const response = await sendTest(relay, {
      smtp_authentication_type: 'Cram_MD5',
      smtp_plaintext_auth: '1',
      smtp_username: 'me',
      smtp_password: await postern.sealed('right'),
    });
    expectFailure(response, 502, /^The relay offers LOGIN, not CRAM-MD5\. .*Choose an Authentication Type that the relay offers/);
    await expectCause('auth', 'The authentication type is not offered');
    expect(relay.attempts.all).toEqual([]);
  }));

test('a missing password', () =>
  withRelay({ auth: ['PLAIN'], users: { me: 'right' } }, async (relay) => {
    const response = await sendTest(relay, {
      smtp_authentication_type: 'Plain',
      smtp_plaintext_auth: '1',
      smtp_username: 'me',
    });
    expectFailure(response, 502, /Enter User Name and Password/);
    await expectCause('auth', 'The user name or the password is missing');
  }));

test('a closed port', async () => {
  expectFailure(await sendTest({ port: await closedPort() }), 502, /no mail service runs at this port/);
  await expectCause('tcp', 'Nothing listens on the port');
});

test('a port that never answers', async () => {
  const relay = await unreachablePort();
  expectFailure(
    await sendTest(relay, { smtp_connect_timeout: '1' }),
    504,
    new RegExp(`127\\.0\\.0\\.1:${relay.port}.* 1 s`),
    /most likely a firewall drops/,
  );
  await expectCause('tcp', 'The port is filtered');
  await relay.stop();
});

test('a silent relay', async () => {
  const relay = await silentRelay();
  expectFailure(await sendTest(relay, { smtp_command_timeout: '1' }), 504, / 1 s/, /no greeting arrives/);
  await expectCause('greeting', 'No greeting: the port may expect SSL');
  expect(relay.received.all, 'nothing is sent before the greeting').toEqual([]);
  await relay.stop();
});

test('a relay that closes the connection', async () => {
  const relay = await tcpRelay((socket) => socket.end());
  expectFailure(await sendTest(relay), 502, /ended before the relay replied to EHLO/);
  await expectCause('greeting', 'The relay closes the connection at once');
  await relay.stop();
});

test('an unknown host name', async () => {
  const response = await sendTest({ port: 25 }, { smtp_host: 'no-such-relay.invalid' });
  expect([502, 504]).toContain(response.status);
  expect(response.json.errors.email_send).toMatch(/^no-such-relay\.invalid: .*DNS/);
});

for (const [title, certificate, pattern, cause] of [
  [
    'a self-signed certificate',
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
        expectFailure(await sendTest(relay, { smtp_connection_type: connection }), 502, pattern);
        expect(relay.mails.all).toEqual([]);
        await expectCause('tls', cause);

        const unchecked = await sendTest(relay, { smtp_connection_type: connection, smtp_certificate_check: 'Off' });
        expect(unchecked.status, unchecked.text).toBe(200);
        expect((await relay.mails.next()).encrypted).toBe(true);
      }));
  }
}

test('a client that disconnects cancels the test', async () => {
  const closed = new Queue<string>();
  const relay = await tcpRelay((socket) => socket.once('close', () => closed.push('left')));
  expect((await postern.save(fields(relay, { ...DEFAULTS, smtp_command_timeout: '120' }))).status).toBe(200);
  const abort = new AbortController();
  const path = '/api/setup/email_test/me@example.net';
  const pending = postern.request(path, { method: 'POST', signal: abort.signal });
  await relay.connections.next();
  abort.abort();
  await expect(pending).rejects.toThrow(/abort/);
  await closed.next();
  await relay.stop();
});

test('an invalid recipient is refused before a connection is opened', async () => {
  const relay = await silentRelay();
  for (const recipient of ['nobody', 'a@b@c', 'a b@example.net', 'a@example.net\r\nRCPT TO:<b@example.net>', 'a@example.net\0', 'a@example.net,b@example.net', ' ']) {
    const response = await sendTest(relay, {}, recipient);
    expectFailure(response, 422);
  }
  expect(relay.connections.all).toEqual([]);
  await relay.stop();
});
