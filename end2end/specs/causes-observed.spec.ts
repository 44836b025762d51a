//! Causes derived from observations: sessions that fail without an error reply of the relay.

import { type TlsOptions, TLSSocket } from 'node:tls';
import { expect, test } from '@playwright/test';
import { Authority, type Certificate, type Wish, selfSigned } from '../support/certificate.ts';
import { Console, type Fields, type Question, fields } from '../support/console.ts';
import { closedPort, unreachable } from '../support/hostile.ts';
import { Relay } from '../support/relay.ts';
import { cut, hangUp, relay, type Script, silence, tlsRelay, type Turn } from '../support/script.ts';

/** Starts a server and returns its port. */
type Place = () => Promise<{ port: number; stop?(): Promise<void> }>;

/** Title of the cause, stage, description and server, settings, and what to diagnose. */
type Case = [title: string, stage: string, what: string, place: Place, settings?: Fields, far?: Question];

const SSL = { smtp_connection_type: 'SSL' };
const TLS = { smtp_connection_type: 'TLS' };
const PLAIN = { smtp_authentication_type: 'Plain', smtp_username: 'me', smtp_plaintext_auth: '1' };
/** Command time-outs in seconds: for a silent relay, and for one that stops after a reply. */
const IMPATIENT = { smtp_command_timeout: '1' };
const PATIENT = { smtp_command_timeout: '3' };
const RCPT = { to: 'me@example.net' };
const MAIL = { ...RCPT, send: true };

test.describe.configure({ mode: 'default' });

let authority: Authority;
let postern: Console;
let secret: string;

test.beforeAll(async () => {
  authority = new Authority();
  postern = await Console.start({ env: { SSL_CERT_FILE: authority.file } });
  secret = await postern.sealed('secret');
});

test.afterAll(() => postern?.stop());

const at = (host: string) => ({ smtp_host: host });
const nothing: Place = async () => ({ port: await closedPort() });
const doing = (script: Script): Place => () => relay(script);
const offering = (...lines: string[]): Place =>
  doing({ EHLO: ['250-relay of a test', ...lines.map((line) => `250-${line}`), '250 HELP'].join('\n') });
/** Offers StartTLS and answers STARTTLS with `turn`. */
const upgrading = (turn: Turn): Place => doing({ EHLO: '250-relay of a test\n250 STARTTLS', STARTTLS: turn });
/** Accepts STARTTLS and runs `turn` on the first bytes of the handshake. */
const shaking = (turn: Exclude<Turn, string>): Place =>
  upgrading((socket) => {
    socket.write('220 2.0.0 Go on\r\n');
    socket.once('data', () => turn(socket));
  });
const encrypting = (options: TlsOptions, script?: Script): Place => () =>
  tlsRelay({ ...selfSigned('127.0.0.1'), ...options }, script);
/** Implicit TLS that requires a client certificate. */
const wanting = (options: TlsOptions): Place => () =>
  tlsRelay({ ...authority.issue('127.0.0.1'), requestCert: true, rejectUnauthorized: true, ca: authority.cert, ...options });
/** StartTLS that requires a client certificate. */
const wantingThen = (options: TlsOptions): Place =>
  upgrading((socket) => {
    socket.removeAllListeners('data');
    const mutual = { ...authority.issue('127.0.0.1'), requestCert: true, rejectUnauthorized: true, ca: authority.cert };
    new TLSSocket(socket, { isServer: true, ...mutual, ...options }).on('error', () => socket.destroy());
    socket.write('220 2.0.0 Go on\r\n');
  });
/** Answers the first bytes with `text` and closes. */
const answering = (text: string): Place => doing({ connected: (socket) => socket.once('data', () => socket.end(text)) });
const showing = (certificate: () => Certificate): Place => () =>
  Relay.start({ tls: 'implicit', certificate: certificate() });
const issued = (wish: Wish, by = () => authority) => showing(() => by().issueAs(['127.0.0.1'], wish));
const stranger = () => new Authority('A stranger');

const CASES: Case[] = [
  ['The host name is unknown', 'dns', 'a name that is not there', nothing, at('no-such-relay.invalid')],
  ['The address is not allowed', 'tcp', 'a link-local address', nothing, at('169.254.1.1')],
  ['The host is unreachable', 'tcp', 'an address that no way leads to', nothing, at('255.255.255.255')],
  ['Nothing listens on the port', 'tcp', 'a closed port', nothing],

  ['The relay closes the connection at once', 'greeting', 'a relay that closes', doing({ connected: hangUp })],
  ['The relay closes the connection at once', 'ehlo', 'a relay that cuts over EHLO', doing({ EHLO: cut })],
  ['No greeting: the port may expect SSL', 'greeting', 'a port that waits', doing({ connected: silence }), IMPATIENT],
  ['The relay does not answer EHLO', 'ehlo', 'silence over EHLO', doing({ EHLO: silence }), PATIENT],
  ["The relay's reply does not end", 'greeting', 'a greeting in two parts', doing({ connected: '220-Wait' }), PATIENT],
  ["The relay's reply does not end", 'ehlo', 'an offer cut off', doing({ EHLO: '250-relay of a test\n250-AUTH' }), PATIENT],
  ['The relay violates the SMTP protocol', 'ehlo', 'two codes in a reply', doing({ EHLO: '250-one\n550 and two' })],
  ['The relay violates the SMTP protocol', 'rcpt', 'a 354 to RCPT', doing({ RCPT: '354 Go on' }), {}, RCPT],
  ['The relay does not answer MAIL or RCPT', 'mail', 'silence over MAIL', doing({ MAIL: silence }), PATIENT],
  ['The relay does not answer MAIL or RCPT', 'rcpt', 'silence over RCPT', doing({ RCPT: silence }), PATIENT, RCPT],
  ['The relay closes the connection at MAIL or RCPT', 'mail', 'a relay that closes over MAIL', doing({ MAIL: hangUp })],
  ['The relay closes the connection at MAIL or RCPT', 'rcpt', 'a relay that cuts over RCPT', doing({ RCPT: cut }), {}, RCPT],
  ['It is unknown whether the mail was accepted', 'data', 'a relay that closes over the mail', doing({ sent: hangUp }), {}, MAIL],
  ['The mail is too big for the relay', 'mail', 'a relay of small mails', () => Relay.start({ size: 100 }), {}, MAIL],
  ['The relay takes only ASCII addresses', 'mail', 'no SMTPUTF8', doing({}), {}, { to: 'grüße@example.net' }],

  ['SSL is used on a StartTLS port', 'tls', 'a relay that greets', doing({}), SSL],
  ['The relay closes the connection on SSL', 'tls', 'a relay that cuts over the handshake', doing({ connected: (socket) => socket.once('data', () => socket.resetAndDestroy()) }), SSL],
  ['The relay does not greet', 'greeting', 'silence inside TLS', () => tlsRelay(authority.issue('127.0.0.1'), { connected: silence }), { ...SSL, ...PATIENT }],
  ['StartTLS is not offered', 'starttls', 'a relay without TLS', doing({}), TLS],
  ['A firewall may be removing StartTLS', 'starttls', 'offers overwritten', offering('SIZE 35882577', 'XXXXXXXA'), TLS],
  ['Plain text was injected after StartTLS', 'starttls', 'two replies at once', upgrading('220 Go on\n250 And on'), TLS],
  ['Plain text was injected after StartTLS', 'tls', 'text for a handshake', shaking((socket) => socket.write('250 And on\r\n')), TLS],
  ['The connection is cut after StartTLS', 'tls', 'a firewall that cuts', shaking((socket) => socket.resetAndDestroy()), TLS],
  ['The connection is cut after StartTLS', 'tls', 'a firewall that closes', shaking((socket) => socket.end())],
  ['The connection is cut after StartTLS', 'starttls', 'a firewall that closes before', upgrading(hangUp), TLS],
  ['The TLS handshake hangs', 'tls', 'a firewall that swallows', shaking(() => {}), { ...TLS, ...PATIENT }],
  ['The TLS handshake hangs', 'tls', 'silence over TLS', doing({ connected: silence }), { ...SSL, ...IMPATIENT }],
  ['The TLS handshake hangs', 'starttls', 'silence over STARTTLS', upgrading(silence), { ...TLS, ...PATIENT }],
  ["The relay's TLS is too old", 'tls', 'TLS 1.1', encrypting({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }), SSL],
  ['The TLS handshake fails', 'tls', 'one cipher of old', encrypting({ maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' }), SSL],

  ['The relay asks for a client certificate', 'tls', 'mutual TLS 1.2', wanting({ maxVersion: 'TLSv1.2' }), SSL],
  ['The relay asks for a client certificate', 'greeting', 'mutual TLS 1.3', wanting({ minVersion: 'TLSv1.3' }), SSL],
  ['The relay asks for a client certificate', 'tls', 'mutual TLS 1.2 behind StartTLS', wantingThen({ maxVersion: 'TLSv1.2' }), TLS],
  ['The relay asks for a client certificate', 'ehlo', 'mutual TLS 1.3 behind StartTLS', wantingThen({ minVersion: 'TLSv1.3' }), TLS],
  ['The port does not speak SMTP', 'tls', 'a web server', answering('HTTP/1.1 400 Bad Request\r\n\r\n'), SSL],
  ['The port does not speak SMTP', 'tls', 'a mailbox server', doing({ connected: '+OK POP3 ready' }), SSL],

  ['The certificate has expired', 'tls', 'a certificate of last week', issued({ from: -9, to: -2 }), SSL],
  ['The certificate is not valid yet', 'tls', 'a certificate of next week', issued({ from: 2, to: 9 }), SSL],
  ['The certificate is for another name', 'tls', 'another relay', showing(() => authority.issue('smtp.example.org')), SSL],
  ['The certificate is self-signed', 'tls', 'a certificate by itself', showing(() => selfSigned('127.0.0.1')), SSL],
  ["The certificate's issuer is unknown", 'tls', 'a stranger for an authority', issued({}, stranger), SSL],
  ['The certificate chain is incomplete', 'tls', 'a certificate that says where its issuer is', issued({ extensions: ['authorityInfoAccess=caIssuers;URI:http://ca.example.org/ca.der'] }, stranger), SSL],
  ['The certificate is not the trusted one', 'tls', 'another certificate than the trusted one', showing(() => authority.issue('127.0.0.1')), { ...SSL, smtp_certificate_check: 'Trusted', smtp_trusted_certificates: selfSigned('127.0.0.1').cert }],
  ['The certificate is of version 1', 'tls', 'a certificate without names', issued({ version1: true }), SSL],
  ['The certificate cannot be checked', 'tls', "a client's certificate", issued({ extensions: ['extendedKeyUsage=clientAuth'] }), SSL],

  ['The password would be sent unencrypted', 'auth', 'a relay without TLS', doing({}), { ...PLAIN, smtp_plaintext_auth: '0' }],
  ['A firewall may be removing StartTLS', 'auth', 'an offer overwritten', offering('XXXXXXXA'), { ...PLAIN, smtp_plaintext_auth: '0' }],
  ['Signing in requires encryption', 'auth', 'no sign-in without TLS', offering(), PLAIN],
  ['The relay offers no sign-in', 'auth', 'no sign-in in TLS', showing(() => authority.issue('127.0.0.1')), { ...PLAIN, ...SSL }],
  ['The authentication type is not offered', 'auth', 'LOGIN', offering('AUTH LOGIN XOAUTH2'), PLAIN],
  ['The relay supports only OAuth', 'auth', 'OAuth', offering('AUTH XOAUTH2 OAUTHBEARER'), PLAIN],
  ['No authentication type in common', 'auth', 'Kerberos', offering('AUTH GSSAPI NTLM'), PLAIN],
  ['The user name or the password is missing', 'auth', 'a relay with a sign-in', doing({}), { ...PLAIN, smtp_username: '' }],
  ['The relay does not answer the sign-in', 'auth', 'silence over AUTH', doing({ AUTH: silence }), { ...PLAIN, ...PATIENT }],
  ['The relay closes the connection at sign-in', 'auth', 'a relay that closes over AUTH', doing({ AUTH: hangUp }), PLAIN],
  ['The relay closes the connection at sign-in', 'auth', 'a relay that cuts over AUTH', doing({ AUTH: cut }), PLAIN],
];

for (const [title, stage, what, place, settings, far] of CASES) {
  test(`${title}: ${what}`, async () => {
    const there = await place();
    const password = settings && 'smtp_username' in settings ? { smtp_password: secret } : {};
    const found = await postern.diagnose({ data: fields(there, { ...password, ...settings }), ...far });
    expect(found).toMatchObject({ outcome: 'failed', failure: { stage } });
    expect(found.cause?.title).toBe(title);
    await there.stop?.();
  });
}

test('The port is filtered: told when the connect time-out is over, and not later', async () => {
  const { port, stop } = await unreachable();
  const found = await postern.diagnose({ data: fields({ port }, { smtp_connect_timeout: '2' }) });
  expect(found).toMatchObject({ outcome: 'failed', failure: { stage: 'tcp' } });
  expect(found.cause?.title).toBe('The port is filtered');
  const tcp = found.steps.find((step) => step.stage === 'tcp');
  expect(tcp?.milliseconds).toBeGreaterThan(1_500);
  expect(tcp?.milliseconds).toBeLessThan(4_900);
  await stop();
});
