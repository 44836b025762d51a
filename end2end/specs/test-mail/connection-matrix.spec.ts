//! Every connection type and authentication type against relays with and without TLS.

import { expect, test } from '@playwright/test';
import { CertificateAuthority } from '../../support/relays/certificate.ts';
import { type AuthMethod, Relay } from '../../support/relays/relay.ts';
import { TestServer, fields } from '../../support/api/test-server.ts';

const CONNECTIONS = ['None', 'SSL', 'TLS'] as const;
const AUTHENTICATIONS = ['None', 'Plain', 'Login', 'Cram_MD5'] as const;
const RELAYS = ['none', 'starttls', 'implicit'] as const;

type Connection = (typeof CONNECTIONS)[number];
type Authentication = (typeof AUTHENTICATIONS)[number];
type Tls = (typeof RELAYS)[number];

const METHOD: Record<Authentication, AuthMethod | undefined> = {
  None: undefined,
  Plain: 'PLAIN',
  Login: 'LOGIN',
  Cram_MD5: 'CRAM-MD5',
};

const USER = 'alerts';
const SECRET = 'grüße, "密码" & spaces';

/** Whether Postern and the relay both wait for the other to send first. */
function bothWait(connection: Connection, tls: Tls): boolean {
  return tls === 'implicit' && connection !== 'SSL';
}

/** The expected result of a test mail: 200, or a status with the failure. */
function expected(connection: Connection, authentication: Authentication, tls: Tls, plaintextAuth: boolean) {
  if (bothWait(connection, tls)) {
    return {
      status: 504,
      words: /no greeting arrives.*Choose Connection Type SSL/,
      stage: 'greeting',
      cause: 'No greeting: the port may expect SSL',
    };
  }
  if (connection === 'SSL' && tls !== 'implicit') {
    return {
      status: 502,
      words: /this port begins in plain text\. Choose Connection Type TLS/,
      stage: 'tls',
      cause: 'SSL is used on a StartTLS port',
    };
  }
  if (connection === 'TLS' && tls === 'none') {
    return { status: 502, words: /does not offer StartTLS/, stage: 'starttls', cause: 'StartTLS is not offered' };
  }
  if (authentication !== 'None' && tls === 'none' && !plaintextAuth) {
    return {
      status: 502,
      words: /not encrypted; the password was not sent/,
      stage: 'auth',
      cause: 'The password would be sent unencrypted',
    };
  }
  return { status: 200, encrypted: tls !== 'none' };
}

test.describe.configure({ mode: 'default' });

let authority: CertificateAuthority;
let postern: TestServer;
/** For each kind of TLS a relay without and one with authentication. */
const relays = new Map<string, Relay>();

test.beforeAll(async () => {
  authority = new CertificateAuthority();
  const certificate = authority.issue('127.0.0.1');
  for (const tls of RELAYS) {
    const tlsOptions = tls === 'none' ? {} : { certificate };
    relays.set(`${tls} open`, await Relay.start({ tls, ...tlsOptions }));
    relays.set(
      `${tls} closed`,
      await Relay.start({
        tls,
        ...tlsOptions,
        auth: ['PLAIN', 'LOGIN', 'CRAM-MD5'],
        users: { [USER]: SECRET },
        authWithoutTls: true,
      }),
    );
  }
  postern = await TestServer.start({ env: { SSL_CERT_FILE: authority.file } });
});

test.afterAll(async () => {
  await postern?.stop();
  await Promise.all([...relays.values()].map((relay) => relay.stop()));
});

for (const tls of RELAYS) {
  for (const connection of CONNECTIONS) {
    for (const authentication of AUTHENTICATIONS) {
      const plaintext = tls === 'none' && connection === 'None' && authentication !== 'None';
      for (const plaintextAuth of plaintext ? [false, true] : [false]) {
        const allowed = plaintextAuth ? ', the password allowed without encryption' : '';
        const tag = bothWait(connection, tls) ? '@waits' : [];
        test(`${connection} and ${authentication} to a relay with TLS ${tls}${allowed}`, { tag }, () =>
          expectOutcome(connection, authentication, tls, plaintextAuth));
      }
    }
  }
}

async function expectOutcome(connection: Connection, authentication: Authentication, tls: Tls, plaintextAuth: boolean) {
  const signsIn = authentication !== 'None';
  const relay = relays.get(`${tls} ${signsIn ? 'closed' : 'open'}`)!;
  const [mailsBefore, attemptsBefore] = [relay.mails.all.length, relay.attempts.all.length];
  const saved = await postern.save(
    fields(relay, {
      smtp_connection_type: connection,
      smtp_authentication_type: authentication,
      smtp_username: signsIn ? USER : '',
      smtp_password: signsIn ? await postern.sealed(SECRET) : null,
      smtp_plaintext_auth: plaintextAuth ? '1' : '0',
      smtp_command_timeout: bothWait(connection, tls) ? '1' : '15',
    }),
  );
  expect(saved.json).toEqual({ status: 'success', data: {} });

  const recipient = `${connection}.${authentication}.${tls}@example.net`.toLowerCase();
  const response = await postern.test(recipient);
  const outcome = expected(connection, authentication, tls, plaintextAuth);
  expect(response.status, response.text).toBe(outcome.status);
  const attempts = relay.attempts.all.slice(attemptsBefore);
  const report = await postern.diagnose({ to: recipient });
  if (outcome.words) {
    expect(report).toMatchObject({ outcome: 'failed', failure: { stage: outcome.stage } });
    expect(report.cause?.title).toBe(outcome.cause);
    expect(response.json.errors.email_send).toMatch(outcome.words);
    expect(relay.mails.all).toHaveLength(mailsBefore);
    expect(attempts, 'no sign-in').toEqual([]);
    return;
  }

  expect(report.outcome).toBe('passed');
  expect(Boolean(report.encryption)).toBe(outcome.encrypted);
  expect(response.json.status).toBe('success');
  expect(response.json.data.reply).toBe('250 2.0.0 Taken');
  const received = await relay.mails.next();
  expect(received.to).toEqual([recipient]);
  expect(received.from).toBe('alerts@example.org');
  expect(received.ehlo).toBe('example.org');
  expect(received.encrypted).toBe(outcome.encrypted);
  expect(received.user).toBe(signsIn ? USER : undefined);
  expect(received.mail.from?.text).toBe('alerts@example.org');
  expect([received.mail.to].flat().map((to) => to?.text)).toEqual([recipient]);
  expect(received.mail.messageId).toBe(response.json.data.message_id);
  expect(received.mail.text).toContain(`Sent by: ${postern.postern.url}`);
  expect(received.mail.text).toContain(`Relay: 127.0.0.1:${relay.port}`);
  expect(received.mail.text).toContain(`Connection type: ${connection}`);
  expect(received.mail.text).toMatch(outcome.encrypted ? /Encryption: TLS ?1\.[23]/ : /Encryption: none/);
  expect(attempts).toEqual(
    signsIn
      ? [
          {
            method: METHOD[authentication],
            user: USER,
            password: authentication === 'Cram_MD5' ? undefined : SECRET,
            encrypted: outcome.encrypted,
            accepted: true,
          },
        ]
      : [],
  );
  const { verified } = (await postern.read()).json;
  expect(verified).toMatchObject({ state: 'verified' });
}
