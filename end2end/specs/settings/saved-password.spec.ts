//! A saved password is not sent to another relay or in a weaker way, over REST.

import { expect, test } from '@playwright/test';
import { CertificateAuthority, selfSigned } from '../../support/relays/certificate.ts';
import { type RecordingRelay, recordingRelay } from '../../support/relays/recording-relay.ts';
import { Relay } from '../../support/relays/relay.ts';
import { seal } from '../../support/api/sealing.ts';
import { type Fields, TestServer, fields } from '../../support/api/test-server.ts';

test.describe.configure({ mode: 'default' });

const SECRET = 'a password worth having';

let authority: CertificateAuthority;
let postern: TestServer;
/** The relay that the password was saved for. */
let relay: Relay;
/** The relay of an attacker, without TLS. */
let otherRelay: RecordingRelay;
/** The relay of an attacker with an untrusted certificate. */
let otherTlsRelay: Relay;
let original: Fields;

test.beforeAll(async () => {
  authority = new CertificateAuthority();
  const open = { auth: ['PLAIN', 'LOGIN', 'CRAM-MD5'] as const, users: { alerts: SECRET, other: SECRET } };
  const options = { ...open, auth: [...open.auth] };
  relay = await Relay.start({ ...options, tls: 'starttls', certificate: authority.issue('127.0.0.1') });
  otherRelay = await recordingRelay();
  otherTlsRelay = await Relay.start({ ...options, tls: 'implicit', certificate: selfSigned('127.0.0.1') });
  postern = await TestServer.start({ env: { SSL_CERT_FILE: authority.file } });
  original = fields(relay, {
    smtp_username: 'alerts',
    smtp_connection_type: 'TLS',
    smtp_authentication_type: 'Plain',
  });
  const saved = await postern.save({ ...original, smtp_password: await postern.sealed(SECRET) });
  expect(saved.status).toBe(200);
});

test.afterAll(async () => {
  await postern?.stop();
  await Promise.all([relay?.stop(), otherRelay?.stop(), otherTlsRelay?.stop()]);
});

/** Changes that would each send the password elsewhere or in a weaker way. */
function destinationChanges(): Array<[string, Fields]> {
  return [
    ['another port', { smtp_port: String(otherRelay.port) }],
    ['another port as a number', { smtp_port: otherRelay.port }],
    ['another name of the host', { smtp_host: 'localhost' }],
    ['the address mapped into IPv6', { smtp_host: '::ffff:127.0.0.1' }],
    ['another user', { smtp_username: 'other' }],
    ['no user', { smtp_username: '' }],
    ['a user in other case', { smtp_username: 'Alerts' }],
    ['StartTLS only when offered', { smtp_connection_type: 'None' }],
    ['TLS from the first byte', { smtp_connection_type: 'SSL' }],
    ['no certificate check', { smtp_certificate_check: 'Off' }],
    ['the password without encryption', { smtp_plaintext_auth: '1' }],
    ['no certificate check, with a stronger type', { smtp_certificate_check: 'Off', smtp_authentication_type: 'Cram_MD5' }],
    ['everything at once', { smtp_port: otherRelay.port, smtp_connection_type: 'None', smtp_plaintext_auth: '1', smtp_certificate_check: 'Off' }],
    ['a relay with a certificate of its own', { smtp_port: otherTlsRelay.port, smtp_connection_type: 'SSL', smtp_certificate_check: 'Off' }],
  ];
}

/** The ways to leave the password out of a save. */
async function withoutPassword(): Promise<Fields[]> {
  return [{}, { smtp_password: '' }, { smtp_password: await postern.sealed('') }];
}

test('the saved password is refused for every changed destination', async () => {
  const before = await postern.read();
  for (const [what, change] of destinationChanges()) {
    for (const omission of await withoutPassword()) {
      const refused = await postern.save({ ...original, ...change, ...omission });
      expect(refused.status, what).toBe(422);
      expect(Object.keys(refused.json.errors), what).toEqual(['smtp_password']);
      expect(refused.json.errors.smtp_password).toContain(`alerts at 127.0.0.1:${relay.port}`);
      expect(refused.text).not.toContain(SECRET);
    }
    const damaged = await postern.save({ ...original, ...change, smtp_password: 'e30.e30.e30.e30.e30' });
    expect(damaged.status, what).toBe(422);
  }
  expect((await postern.read()).json).toEqual(before.json);

  const sent = await postern.test('me@example.net');
  expect(sent.status, sent.text).toBe(200);
  expect((await relay.attempts.next()).password, 'the password is still sent to its relay').toBe(SECRET);
});

test('concurrent saves cannot bypass the check', async () => {
  const all = destinationChanges().map(([, change]) => postern.save({ ...original, ...change }));
  const harmless = [1, 2, 3, 4].map((seconds) =>
    postern.save({ ...original, smtp_connect_timeout: String(seconds) }),
  );
  expect(new Set((await Promise.all(all)).map((response) => response.status))).toEqual(new Set([422]));
  expect(new Set((await Promise.all(harmless)).map((response) => response.status))).toEqual(new Set([200]));
});

test('changes that keep the destination keep the password', async () => {
  for (const harmless of [
    { from_address: 'other@example.org' },
    { smtp_authentication_type: 'Login' },
    { smtp_from_name: 'Alerts', smtp_reply_to: 'desk@example.org', smtp_ehlo_name: 'gate.example.org' },
    { smtp_connect_timeout: '7', smtp_command_timeout: '20' },
    { smtp_host: ' 127.0.0.1 ' },
  ]) {
    expect((await postern.save({ ...original, ...harmless })).status, JSON.stringify(harmless)).toBe(200);
    expect((await postern.read()).json.password).toBe('saved');
  }
});

test('strengthening keeps the password; weakening again requires it', async () => {
  const weak = { ...original, smtp_certificate_check: 'Off', smtp_plaintext_auth: '1' };
  expect((await postern.save({ ...weak, smtp_password: await postern.sealed(SECRET) })).status).toBe(200);
  expect((await postern.save({ ...weak, smtp_certificate_check: null })).status).toBe(200);
  expect((await postern.save({ ...weak, smtp_certificate_check: null, smtp_plaintext_auth: null })).status).toBe(200);
  expect((await postern.save(weak)).status).toBe(422);
});

test('a save without a sign-in forgets the password', async () => {
  const other = { smtp_port: otherRelay.port, smtp_connection_type: 'None', smtp_plaintext_auth: '1' };
  expect((await postern.save({ ...original, smtp_password: await postern.sealed(SECRET) })).status).toBe(200);
  expect((await postern.save({ ...original, ...other, smtp_authentication_type: 'None' })).status).toBe(200);
  expect((await postern.read()).json.password).toBe('none');
  expect((await postern.save({ ...original, ...other })).status).toBe(200);
  expect((await postern.test('me@example.net')).json.errors.email_send).toContain('Enter User Name and Password');
  expect((await postern.save({ ...original, smtp_password: await postern.sealed(SECRET) })).status).toBe(200);
});

test('a cleared password is not restored for another relay', async () => {
  const otherDestination = {
    ...original,
    smtp_port: otherRelay.port,
    smtp_connection_type: 'None',
    smtp_plaintext_auth: '1',
  };
  expect((await postern.save({ ...otherDestination, smtp_password: null })).status).toBe(200);
  const refused = await postern.test('me@example.net');
  expect(refused.status).toBe(502);
  expect(refused.json.errors.email_send).toContain('Enter User Name and Password');
  expect((await postern.save({ ...original, smtp_password: '' })).status).toBe(200);
  expect((await postern.read()).json.password).toBe('none');
});

test('the other relays never received the password', async () => {
  const encoded = [SECRET, `\0alerts\0${SECRET}`].map((text) => Buffer.from(text).toString('base64'));
  for (const line of otherRelay.lines) {
    expect(line).not.toMatch(/^AUTH/i);
    encoded.forEach((secret) => expect(line).not.toContain(secret));
  }
  expect(otherTlsRelay.connections.all).toEqual([]);
  // Control: the recorder does see a password that is meant for it.
  const typed = await seal(await postern.browserKey(), 'meant for you');
  const saved = await postern.save({
    ...original,
    smtp_port: otherRelay.port,
    smtp_connection_type: 'None',
    smtp_plaintext_auth: '1',
    smtp_password: typed,
  });
  expect(saved.status).toBe(200);
  expect((await postern.test('me@example.net')).status).toBe(200);
  expect(otherRelay.lines).toContain(`AUTH PLAIN ${Buffer.from('\0alerts\0meant for you').toString('base64')}`);
});
