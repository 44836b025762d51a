//! Diagnosis of a hostile or nonconforming relay.

import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { CertificateAuthority } from '../../support/relays/certificate.ts';
import { runShell } from '../../support/program/program.ts';
import { scriptedRelay, tlsRelay } from '../../support/relays/scripted-relay.ts';
import { type TcpRelay, tcpRelay } from '../../support/relays/tcp-relay.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { type Fields, TestServer, fields } from '../../support/api/test-server.ts';

test.describe.configure({ mode: 'default' });

const [USER, SECRET] = ['alerts', 'correct horse battery staple'];

let authority: CertificateAuthority;
let postern: TestServer;

test.beforeAll(async () => {
  authority = new CertificateAuthority();
  postern = await TestServer.start({ env: { SSL_CERT_FILE: authority.file } });
});

test.afterAll(() => postern?.stop());

async function authenticatedSettings(relay: { port: number }, type: string): Promise<Fields> {
  return fields(relay, {
    smtp_plaintext_auth: '1',
    smtp_authentication_type: type,
    smtp_username: USER,
    smtp_password: await postern.sealed(SECRET),
  });
}

/** Refuses AUTH and repeats the last line it received, changed by `say`. */
function echoRelay(reply: (line: string) => string): Promise<TcpRelay> {
  return tcpRelay((socket) => {
    let challenges = 0;
    socket.write('220 parrot\r\n');
    socket.on('data', (chunk) => {
      const line = chunk.toString().trimEnd();
      if (line.startsWith('EHLO')) {
        socket.write('250-parrot\r\n250 AUTH PLAIN LOGIN CRAM-MD5\r\n');
      } else if (/^AUTH (LOGIN|CRAM-MD5)$/.test(line) || challenges === 1) {
        challenges = line === 'AUTH LOGIN' ? 1 : 2;
        socket.write(`334 ${btoa('<1@parrot>')}\r\n`);
      } else {
        socket.write(line === 'QUIT' ? '221 bye\r\n' : `535 5.7.8 Not known: ${reply(line)}\r\n`);
      }
    });
  });
}

const plain = btoa(`\0${USER}\0${SECRET}`);
const digest = createHmac('md5', SECRET).update('<1@parrot>').digest('hex');

for (const [title, type, reply, leak] of [
  ['truncated', 'Plain', (line: string) => line.slice(0, 40), plain.slice(0, 24)],
  ['in folded lines', 'Login', (line: string) => line.replace(/(.{20})/g, '$1 '), btoa(SECRET).slice(0, 20)],
  ['without padding', 'Login', (line: string) => line.replace(/=+$/, ''), btoa(SECRET).slice(0, 30)],
  ['in upper case', 'Plain', (line: string) => line.toUpperCase(), plain.toUpperCase().slice(0, 30)],
  ['decoded', 'Cram_MD5', (line: string) => atob(line), digest],
  ['alone', 'Plain', () => btoa(SECRET), btoa(SECRET)],
] as const) {
  test(`redacts a secret that a relay repeats ${title}, ${type}`, async () => {
    const relay = await echoRelay(reply);
    const report = await postern.diagnose({ data: await authenticatedSettings(relay, type) });
    expect(report.failure).toMatchObject({ stage: 'auth', fault: 'rejected' });
    expect(JSON.stringify(report)).not.toContain(leak);
    await relay.stop();
  });
}

// RFC 5321 section 4.1.1.10: a client must not close the connection before it has sent QUIT.
for (const [title, script, more] of [
  ['a refused sign-in', { AUTH: '535 5.7.8 No' }, true],
  ['an EHLO that is refused', { EHLO: '554 5.7.1 Not you' }, false],
  ['an authentication type that is not offered', { EHLO: '250-here\n250 AUTH GSSAPI' }, true],
] as const) {
  test(`Postern sends QUIT after ${title}`, async () => {
    const relay = await scriptedRelay(script);
    const data = more ? await authenticatedSettings(relay, 'Plain') : fields(relay);
    expect((await postern.diagnose({ data })).outcome).toBe('failed');
    expect(relay.received.all.join('')).toMatch(/QUIT\r\n$/);
    await relay.stop();
  });
}

test('a relay that requires a client certificate', async () => {
  const { key, cert } = authority.issue('127.0.0.1');
  const wanting = { requestCert: true, rejectUnauthorized: true, ca: [authority.cert] };
  const relay = await tlsRelay({ key, cert, ...wanting, minVersion: 'TLSv1.3' });
  const report = await postern.diagnose({ data: fields(relay, { smtp_connection_type: 'SSL' }) });
  // The alert of the relay (RFC 8446 section 6.2), reported though both sides can encrypt.
  expect(report.failure?.detail).toContain('CertificateRequired');
  expect(report.cause?.title).toBe('The relay asks for a client certificate');
  expect(report.steps.find((step) => step.stage === 'tls')?.handshake).toMatchObject({ client_certificate_requested: true });
  await relay.stop();
});

test('a relay that requests a client certificate and accepts none', async () => {
  const { key, cert } = authority.issue('127.0.0.1');
  for (const requestCert of [true, false]) {
    const relay = await tlsRelay({ key, cert, requestCert, rejectUnauthorized: false });
    const report = await postern.diagnose({ data: fields(relay, { smtp_connection_type: 'SSL' }) });
    expect(report.outcome).toBe('passed');
    expect(report.steps.find((step) => step.stage === 'tls')?.handshake).toMatchObject({ client_certificate_requested: requestCert });
    await relay.stop();
  }
});

test('TLS to a web server', async () => {
  const relay = await tcpRelay((socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
  const report = await postern.diagnose({ data: fields(relay, { smtp_connection_type: 'SSL' }) });
  expect(report.failure).toMatchObject({ stage: 'tls', fault: 'not_smtp' });
  expect(report.failure?.detail).toContain('a web server answered, and not with TLS: HTTP/1.1 400 Bad Request');
  expect(report.cause?.title).toBe('The port does not speak SMTP');
  await relay.stop();
});

test('bidirectional control characters in a reply', async () => {
  const relay = await scriptedRelay({ connected: '554 5.7.1 Ask \u202egro.elpmaxe@liam\u202c\u200b' });
  const report = await postern.diagnose({ data: fields(relay) });
  expect(JSON.stringify(report)).not.toMatch(/[\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/);
  await relay.stop();
});

test('a comma in a certificate subject is escaped', async () => {
  const folder = temporaryFolder('certificate');
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const opensslArgs = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', [...opensslArgs, '-subj', '/CN=relay, O=A Bank', '-keyout', key, '-out', cert], { stdio: 'pipe' });
  const relay = await tlsRelay({ key: readFileSync(key), cert: readFileSync(cert) });
  const report = await postern.diagnose({ data: fields(relay, { smtp_connection_type: 'SSL' }) });
  const [certificate] = report.steps.flatMap((step) => step.handshake?.chain ?? []);
  // RFC 4514 section 2.4: an escaped separator does not start another attribute.
  expect(certificate?.subject).toBe('CN=relay\\, O=A Bank');
  await relay.stop();
});

test('a sender that Postfix refuses at RCPT', async () => {
  const relay = await scriptedRelay({ RCPT: '554 5.7.1 <alerts@example.org>: Sender address rejected: Access denied' });
  const report = await postern.diagnose({ data: fields(relay), to: 'me@example.net' });
  expect(report.cause?.title).toBe('The relay does not accept this From address');
  await relay.stop();
});

test('a long list of capabilities is complete', async () => {
  const lines = Array.from({ length: 99 }, (_, number) => `250-X-${number} ${'p'.repeat(100)}`);
  const relay = await scriptedRelay({ EHLO: [...lines, '250 AUTH PLAIN'].join('\n') });
  const report = await postern.diagnose({ data: fields(relay) });
  const ehlo = report.steps.find((step) => step.stage === 'ehlo') as unknown as { capabilities: { keyword: string }[] };
  expect(ehlo.capabilities.at(-1)?.keyword).toBe('AUTH');
  await relay.stop();
});

test('a greeting that never ends is not reported as missing', { tag: '@waits' }, async () => {
  const relay = await tcpRelay((socket) => socket.write('220-Welcome\r\n'.repeat(3)));
  const report = await postern.diagnose({ data: fields(relay, { smtp_command_timeout: '3' }) });
  expect(report.failure).toMatchObject({ stage: 'greeting', fault: 'timed_out' });
  expect(report.cause?.title).toBe("The relay's reply does not end");
  await relay.stop();
});

test('JSON with the weight 0 in Accept is not sent', async () => {
  const relay = await scriptedRelay();
  const headers = { 'accept': 'application/json;q=0', 'content-type': 'application/json' };
  const body = JSON.stringify({ data: fields(relay) });
  const response = await postern.request('/api/diagnosis', { method: 'POST', headers, body });
  expect(response.headers['content-type']).toBe('application/x-ndjson');
  await relay.stop();
});

test('a command whose output cannot be written does not panic', async () => {
  const line = `diagnose --host 127.0.0.1 --port 1 --from a@example.org --data ${postern.postern.data}`;
  const result = await runShell(`$0 ${line} >/dev/full 2>/dev/full; echo $?`);
  expect(result.stdout.trim()).toBe('1');
});
