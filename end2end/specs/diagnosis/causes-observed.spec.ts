//! Causes derived from observations: sessions that fail without an error reply of the relay.

import { TLSSocket, type TlsOptions } from 'node:tls';
import { expect, test } from '@playwright/test';
import { type Certificate, CertificateAuthority, type CertificateOptions, selfSigned } from '../../support/relays/certificate.ts';
import { Relay } from '../../support/relays/relay.ts';
import { type ReplyAction, type ReplyScript, closeConnection, resetConnection, scriptedRelay, sendNothing, tlsRelay } from '../../support/relays/scripted-relay.ts';
import { closedPort, unreachablePort } from '../../support/relays/tcp-relay.ts';
import { type DiagnosisRequest, type Fields, TestServer, fields } from '../../support/api/test-server.ts';

/** Starts a server and returns its port. */
type RelayFactory = () => Promise<{ port: number; stop?(): Promise<void> }>;

/** Title of the cause, stage, description and server, settings, and what to diagnose. */
type Case = [title: string, stage: string, what: string, place: RelayFactory, settings?: Fields, far?: DiagnosisRequest];

const SSL = { smtp_connection_type: 'SSL' };
const TLS = { smtp_connection_type: 'TLS' };
const PLAIN = { smtp_authentication_type: 'Plain', smtp_username: 'me', smtp_plaintext_auth: '1' };
/** Command time-outs in seconds: for a silent relay, and for one that stops after a reply. */
const SHORT_TIMEOUT = { smtp_command_timeout: '1' };
const LONG_TIMEOUT = { smtp_command_timeout: '3' };
const RCPT = { to: 'me@example.net' };
const MAIL = { ...RCPT, send: true };

test.describe.configure({ mode: 'default' });

let authority: CertificateAuthority;
let postern: TestServer;

test.beforeAll(async () => {
  authority = new CertificateAuthority();
  postern = await TestServer.start({ env: { SSL_CERT_FILE: authority.file } });
});

test.afterAll(() => postern?.stop());

const at = (host: string) => ({ smtp_host: host });
const closed: RelayFactory = async () => ({ port: await closedPort() });
const scripted = (script: ReplyScript): RelayFactory => () => scriptedRelay(script);
const offers = (...lines: string[]): RelayFactory =>
  scripted({ EHLO: ['250-relay of a test', ...lines.map((line) => `250-${line}`), '250 HELP'].join('\n') });
/** Offers StartTLS and answers STARTTLS with `turn`. */
const afterStartTls = (turn: ReplyAction): RelayFactory => scripted({ EHLO: '250-relay of a test\n250 STARTTLS', STARTTLS: turn });
/** Accepts STARTTLS and runs `turn` on the first bytes of the handshake. */
const duringHandshake = (turn: Exclude<ReplyAction, string>): RelayFactory =>
  afterStartTls((socket) => {
    socket.write('220 2.0.0 Go on\r\n');
    socket.once('data', () => turn(socket));
  });
const withTls = (options: TlsOptions, script?: ReplyScript): RelayFactory => () =>
  tlsRelay({ ...selfSigned('127.0.0.1'), ...options }, script);
/** Implicit TLS that requires a client certificate. */
const wantsCertificate = (options: TlsOptions): RelayFactory => () =>
  tlsRelay({ ...authority.issue('127.0.0.1'), requestCert: true, rejectUnauthorized: true, ca: authority.cert, ...options });
/** StartTLS that requires a client certificate. */
const wantsCertificateAfterStartTls = (options: TlsOptions): RelayFactory =>
  afterStartTls((socket) => {
    socket.removeAllListeners('data');
    const mutual = { ...authority.issue('127.0.0.1'), requestCert: true, rejectUnauthorized: true, ca: authority.cert };
    new TLSSocket(socket, { isServer: true, ...mutual, ...options }).on('error', () => socket.destroy());
    socket.write('220 2.0.0 Go on\r\n');
  });
/** Answers the first bytes with `text` and closes. */
const sends = (text: string): RelayFactory => scripted({ connected: (socket) => socket.once('data', () => socket.end(text)) });
const presents = (certificate: () => Certificate): RelayFactory => () =>
  Relay.start({ tls: 'implicit', certificate: certificate() });
const presentsIssued = (options: CertificateOptions, by = () => authority) => presents(() => by().issueWith(['127.0.0.1'], options));
const unknownAuthority = () => new CertificateAuthority('A stranger');

const CASES: Case[] = [
  ['The host name is unknown', 'dns', 'a name that is not there', closed, at('no-such-relay.invalid')],
  ['The address is not allowed', 'tcp', 'a link-local address', closed, at('169.254.1.1')],
  ['The host is unreachable', 'tcp', 'an unroutable address', closed, at('255.255.255.255')],
  ['Nothing listens on the port', 'tcp', 'a closed port', closed],

  ['The relay closes the connection at once', 'greeting', 'a relay that closes at the greeting', scripted({ connected: closeConnection })],
  ['The relay closes the connection at once', 'ehlo', 'a relay that resets at EHLO', scripted({ EHLO: resetConnection })],
  ['No greeting: the port may expect SSL', 'greeting', 'a port that sends nothing', scripted({ connected: sendNothing }), SHORT_TIMEOUT],
  ['The relay does not answer EHLO', 'ehlo', 'no reply to EHLO', scripted({ EHLO: sendNothing }), LONG_TIMEOUT],
  ["The relay's reply does not end", 'greeting', 'a greeting in two parts', scripted({ connected: '220-Wait' }), LONG_TIMEOUT],
  ["The relay's reply does not end", 'ehlo', 'a truncated EHLO reply', scripted({ EHLO: '250-relay of a test\n250-AUTH' }), LONG_TIMEOUT],
  ['The relay violates the SMTP protocol', 'ehlo', 'two codes in one reply', scripted({ EHLO: '250-one\n550 and two' })],
  ['The relay violates the SMTP protocol', 'rcpt', 'a 354 to RCPT', scripted({ RCPT: '354 Go on' }), {}, RCPT],
  ['The relay does not answer MAIL or RCPT', 'mail', 'no reply to MAIL', scripted({ MAIL: sendNothing }), LONG_TIMEOUT],
  ['The relay does not answer MAIL or RCPT', 'rcpt', 'no reply to RCPT', scripted({ RCPT: sendNothing }), LONG_TIMEOUT, RCPT],
  ['The relay closes the connection at MAIL or RCPT', 'mail', 'a relay that closes at MAIL', scripted({ MAIL: closeConnection })],
  ['The relay closes the connection at MAIL or RCPT', 'rcpt', 'a relay that resets at RCPT', scripted({ RCPT: resetConnection }), {}, RCPT],
  ['It is unknown whether the mail was accepted', 'data', 'a relay that closes after the message', scripted({ sent: closeConnection }), {}, MAIL],
  ['The mail is too big for the relay', 'mail', 'a small size limit', () => Relay.start({ size: 100 }), {}, MAIL],
  ['The relay takes only ASCII addresses', 'mail', 'no SMTPUTF8', scripted({}), {}, { to: 'grüße@example.net' }],

  ['SSL is used on a StartTLS port', 'tls', 'a relay that greets', scripted({}), SSL],
  ['The relay closes the connection on SSL', 'tls', 'a relay that resets during the handshake', scripted({ connected: (socket) => socket.once('data', () => socket.resetAndDestroy()) }), SSL],
  ['The relay does not greet', 'greeting', 'no greeting inside TLS', () => tlsRelay(authority.issue('127.0.0.1'), { connected: sendNothing }), { ...SSL, ...LONG_TIMEOUT }],
  ['StartTLS is not offered', 'starttls', 'a relay without TLS', scripted({}), TLS],
  ['A firewall may be removing StartTLS', 'starttls', 'overwritten capabilities', offers('SIZE 35882577', 'XXXXXXXA'), TLS],
  ['Plain text was injected after StartTLS', 'starttls', 'two replies at once', afterStartTls('220 Go on\n250 And on'), TLS],
  ['Plain text was injected after StartTLS', 'tls', 'plain text during the handshake', duringHandshake((socket) => socket.write('250 And on\r\n')), TLS],
  ['The connection is cut after StartTLS', 'tls', 'a firewall that resets', duringHandshake((socket) => socket.resetAndDestroy()), TLS],
  ['The connection is cut after StartTLS', 'tls', 'a firewall that closes', duringHandshake((socket) => socket.end())],
  ['The connection is cut after StartTLS', 'starttls', 'a firewall that closes before the 220', afterStartTls(closeConnection), TLS],
  ['The TLS handshake hangs', 'tls', 'a firewall that drops the handshake', duringHandshake(() => {}), { ...TLS, ...LONG_TIMEOUT }],
  ['The TLS handshake hangs', 'tls', 'no reply to the handshake', scripted({ connected: sendNothing }), { ...SSL, ...SHORT_TIMEOUT }],
  ['The TLS handshake hangs', 'starttls', 'no reply to STARTTLS', afterStartTls(sendNothing), { ...TLS, ...LONG_TIMEOUT }],
  ["The relay's TLS fails", 'tls', 'an internal error of the relay', duringHandshake((socket) => socket.end(Buffer.from([0x15, 3, 3, 0, 2, 2, 80]))), TLS],
  ["The relay's TLS is too old", 'tls', 'TLS 1.1', withTls({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }), SSL],
  ['The TLS handshake fails', 'tls', 'an outdated cipher', withTls({ maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' }), SSL],

  ['The relay asks for a client certificate', 'tls', 'mutual TLS 1.2', wantsCertificate({ maxVersion: 'TLSv1.2' }), SSL],
  ['The relay asks for a client certificate', 'greeting', 'mutual TLS 1.3', wantsCertificate({ minVersion: 'TLSv1.3' }), SSL],
  ['The relay asks for a client certificate', 'tls', 'mutual TLS 1.2 after StartTLS', wantsCertificateAfterStartTls({ maxVersion: 'TLSv1.2' }), TLS],
  ['The relay asks for a client certificate', 'ehlo', 'mutual TLS 1.3 after StartTLS', wantsCertificateAfterStartTls({ minVersion: 'TLSv1.3' }), TLS],
  ['The port does not speak SMTP', 'tls', 'a web server', sends('HTTP/1.1 400 Bad Request\r\n\r\n'), SSL],
  ['The port does not speak SMTP', 'tls', 'a POP3 server', scripted({ connected: '+OK POP3 ready' }), SSL],

  ['The certificate has expired', 'tls', 'a certificate that expired last week', presentsIssued({ from: -9, to: -2 }), SSL],
  ['The certificate is not valid yet', 'tls', 'a certificate that becomes valid next week', presentsIssued({ from: 2, to: 9 }), SSL],
  ['The certificate is for another name', 'tls', 'a certificate of another relay', presents(() => authority.issue('smtp.example.org')), SSL],
  ['The certificate is self-signed', 'tls', 'a self-signed certificate', presents(() => selfSigned('127.0.0.1')), SSL],
  ["The certificate's issuer is unknown", 'tls', 'an unknown CA', presentsIssued({}, unknownAuthority), SSL],
  ['The certificate chain is incomplete', 'tls', 'a certificate with the URL of its issuer', presentsIssued({ extensions: ['authorityInfoAccess=caIssuers;URI:http://ca.example.org/ca.der'] }, unknownAuthority), SSL],
  ['The certificate is not the trusted one', 'tls', 'another certificate than the trusted one', presents(() => authority.issue('127.0.0.1')), { ...SSL, smtp_certificate_check: 'Trusted', smtp_trusted_certificates: selfSigned('127.0.0.1').cert }],
  ['The certificate is of version 1', 'tls', 'a certificate without names', presentsIssued({ version1: true }), SSL],
  ['The certificate cannot be checked', 'tls', "a client's certificate", presentsIssued({ extensions: ['extendedKeyUsage=clientAuth'] }), SSL],

  ['The password would be sent unencrypted', 'auth', 'a relay without TLS', scripted({}), { ...PLAIN, smtp_plaintext_auth: '0' }],
  ['A firewall may be removing StartTLS', 'auth', 'an overwritten capability', offers('XXXXXXXA'), { ...PLAIN, smtp_plaintext_auth: '0' }],
  ['The relay offers no sign-in', 'auth', 'neither AUTH nor TLS', offers(), PLAIN],
  ['The relay offers no sign-in', 'auth', 'no AUTH inside TLS', presents(() => authority.issue('127.0.0.1')), { ...PLAIN, ...SSL }],
  ['The authentication type is not offered', 'auth', 'LOGIN', offers('AUTH LOGIN XOAUTH2'), PLAIN],
  ['The relay supports only OAuth', 'auth', 'OAuth', offers('AUTH XOAUTH2 OAUTHBEARER'), PLAIN],
  ['No authentication type in common', 'auth', 'Kerberos', offers('AUTH GSSAPI NTLM'), PLAIN],
  ['The user name or the password is missing', 'auth', 'a relay that offers AUTH', scripted({}), { ...PLAIN, smtp_username: '' }],
  ['The relay does not answer the sign-in', 'auth', 'no reply to AUTH', scripted({ AUTH: sendNothing }), { ...PLAIN, ...LONG_TIMEOUT }],
  ['The relay closes the connection at sign-in', 'auth', 'a relay that closes at AUTH', scripted({ AUTH: closeConnection }), PLAIN],
  ['The relay closes the connection at sign-in', 'auth', 'a relay that resets at AUTH', scripted({ AUTH: resetConnection }), PLAIN],
];

for (const [title, stage, observation, startRelay, settings, diagnosis] of CASES) {
  const isSilent = settings && 'smtp_command_timeout' in settings;
  test(`${title}: ${observation}`, { tag: isSilent ? '@waits' : [] }, async () => {
    const relay = await startRelay();
    const password = settings && 'smtp_username' in settings ? { smtp_password: await postern.sealed('secret') } : {};
    const report = await postern.diagnose({ data: fields(relay, { ...password, ...settings }), ...diagnosis });
    expect(report).toMatchObject({ outcome: 'failed', failure: { stage } });
    expect(report.cause?.title).toBe(title);
    await relay.stop?.();
  });
}

test('The port is filtered: reported when the connect time-out expires', async () => {
  const { port, stop } = await unreachablePort();
  const report = await postern.diagnose({ data: fields({ port }, { smtp_connect_timeout: '2' }) });
  expect(report).toMatchObject({ outcome: 'failed', failure: { stage: 'tcp' } });
  expect(report.cause?.title).toBe('The port is filtered');
  const tcp = report.steps.find((step) => step.stage === 'tcp');
  expect(tcp?.milliseconds).toBeGreaterThan(1_500);
  expect(tcp?.milliseconds).toBeLessThan(4_900);
  await stop();
});
