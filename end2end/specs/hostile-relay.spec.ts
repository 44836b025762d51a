//! Diagnosis of a hostile or nonconforming relay.

import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { Authority } from '../support/certificate.ts';
import { Console, type Fields, fields } from '../support/console.ts';
import { type Hostile, scripted } from '../support/hostile.ts';
import { posternFromShell } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import { relay, tlsRelay } from '../support/script.ts';

test.describe.configure({ mode: 'default' });

const [USER, SECRET] = ['alerts', 'correct horse battery staple'];

let authority: Authority;
let postern: Console;

test.beforeAll(async () => {
  authority = new Authority();
  postern = await Console.start({ env: { SSL_CERT_FILE: authority.file } });
});

test.afterAll(() => postern?.stop());

async function signedIn(place: { port: number }, type: string): Promise<Fields> {
  return fields(place, {
    smtp_plaintext_auth: '1',
    smtp_authentication_type: type,
    smtp_username: USER,
    smtp_password: await postern.sealed(SECRET),
  });
}

/** Refuses AUTH and repeats the last line it received, changed by `say`. */
function parrot(say: (line: string) => string): Promise<Hostile> {
  return scripted((socket) => {
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
        socket.write(line === 'QUIT' ? '221 bye\r\n' : `535 5.7.8 Not known: ${say(line)}\r\n`);
      }
    });
  });
}

const plain = btoa(`\0${USER}\0${SECRET}`);
const digest = createHmac('md5', SECRET).update('<1@parrot>').digest('hex');

for (const [title, type, say, leak] of [
  ['cut off, as many relays do with long lines', 'Plain', (line: string) => line.slice(0, 40), plain.slice(0, 24)],
  ['in pieces, as lines are folded', 'Login', (line: string) => line.replace(/(.{20})/g, '$1 '), btoa(SECRET).slice(0, 20)],
  ['without the padding', 'Login', (line: string) => line.replace(/=+$/, ''), btoa(SECRET).slice(0, 30)],
  ['in capitals', 'Plain', (line: string) => line.toUpperCase(), plain.toUpperCase().slice(0, 30)],
  ['decoded', 'Cram_MD5', (line: string) => atob(line), digest],
  ['alone', 'Plain', () => btoa(SECRET), btoa(SECRET)],
] as const) {
  test(`a secret that a relay repeats ${title}, ${type}`, async () => {
    const place = await parrot(say);
    const trace = await postern.diagnose({ data: await signedIn(place, type) });
    expect(trace.failure).toMatchObject({ stage: 'auth', fault: 'rejected' });
    expect(JSON.stringify(trace)).not.toContain(leak);
    await place.stop();
  });
}

// RFC 5321 section 4.1.1.10: a client must not close the connection before it has sent QUIT.
for (const [title, script, more] of [
  ['a refused sign-in', { AUTH: '535 5.7.8 No' }, true],
  ['an EHLO that is refused', { EHLO: '554 5.7.1 Not you' }, false],
  ['an authentication type that is not offered', { EHLO: '250-here\n250 AUTH GSSAPI' }, true],
] as const) {
  test(`Postern says goodbye after ${title}`, async () => {
    const place = await relay(script);
    const data = more ? await signedIn(place, 'Plain') : fields(place);
    expect((await postern.diagnose({ data })).outcome).toBe('failed');
    expect(place.heard.all.join('')).toMatch(/QUIT\r\n$/);
    await place.stop();
  });
}

test('a relay that wants a certificate from Postern', async () => {
  const { key, cert } = authority.issue('127.0.0.1');
  const wanting = { requestCert: true, rejectUnauthorized: true, ca: [authority.cert] };
  const place = await tlsRelay({ key, cert, ...wanting, minVersion: 'TLSv1.3' });
  const trace = await postern.diagnose({ data: fields(place, { smtp_connection_type: 'SSL' }) });
  // The alert of the relay (RFC 8446 section 6.2), reported though both sides can encrypt.
  expect(trace.failure?.detail).toContain('CertificateRequired');
  expect(trace.cause?.title).toBe('The relay asks for a client certificate');
  expect(trace.steps.find((step) => step.stage === 'tls')?.handshake).toMatchObject({ client_certificate_requested: true });
  await place.stop();
});

test('a relay that asks for a certificate and does without', async () => {
  const { key, cert } = authority.issue('127.0.0.1');
  for (const requestCert of [true, false]) {
    const place = await tlsRelay({ key, cert, requestCert, rejectUnauthorized: false });
    const trace = await postern.diagnose({ data: fields(place, { smtp_connection_type: 'SSL' }) });
    expect(trace.outcome).toBe('passed');
    expect(trace.steps.find((step) => step.stage === 'tls')?.handshake).toMatchObject({ client_certificate_requested: requestCert });
    await place.stop();
  }
});

test('a web server that is spoken to with SSL', async () => {
  const place = await scripted((socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
  const trace = await postern.diagnose({ data: fields(place, { smtp_connection_type: 'SSL' }) });
  expect(trace.failure).toMatchObject({ stage: 'tls', fault: 'not_smtp' });
  expect(trace.failure?.detail).toContain('a web server answered, and not with TLS: HTTP/1.1 400 Bad Request');
  expect(trace.cause?.title).toBe('The port does not speak SMTP');
  await place.stop();
});

test('characters that turn the text around', async () => {
  const place = await relay({ connected: '554 5.7.1 Ask \u202egro.elpmaxe@liam\u202c\u200b' });
  const trace = await postern.diagnose({ data: fields(place) });
  expect(JSON.stringify(trace)).not.toMatch(/[\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/);
  await place.stop();
});

test('a subject that has a comma in it', async () => {
  const folder = scratch('certificate');
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', [...made, '-subj', '/CN=relay, O=A Bank', '-keyout', key, '-out', cert], { stdio: 'pipe' });
  const place = await tlsRelay({ key: readFileSync(key), cert: readFileSync(cert) });
  const trace = await postern.diagnose({ data: fields(place, { smtp_connection_type: 'SSL' }) });
  const [shown] = trace.steps.flatMap((step) => step.handshake?.chain ?? []);
  // RFC 4514 section 2.4: an escaped separator does not start another attribute.
  expect(shown?.subject).toBe('CN=relay\\, O=A Bank');
  await place.stop();
});

test('a sender refused by Postfix when it has the recipient', async () => {
  const place = await relay({ RCPT: '554 5.7.1 <alerts@example.org>: Sender address rejected: Access denied' });
  const trace = await postern.diagnose({ data: fields(place), to: 'me@example.net' });
  expect(trace.cause?.title).toBe('The relay does not accept this From address');
  await place.stop();
});

test('an offer that is long is shown to its end', async () => {
  const lines = Array.from({ length: 99 }, (_, number) => `250-X-${number} ${'p'.repeat(100)}`);
  const place = await relay({ EHLO: [...lines, '250 AUTH PLAIN'].join('\n') });
  const trace = await postern.diagnose({ data: fields(place) });
  const ehlo = trace.steps.find((step) => step.stage === 'ehlo') as unknown as { capabilities: { keyword: string }[] };
  expect(ehlo.capabilities.at(-1)?.keyword).toBe('AUTH');
  await place.stop();
});

test('a greeting that never ends is no missing one', async () => {
  const place = await scripted((socket) => socket.write('220-Welcome\r\n'.repeat(3)));
  const trace = await postern.diagnose({ data: fields(place, { smtp_command_timeout: '3' }) });
  expect(trace.failure).toMatchObject({ stage: 'greeting', fault: 'timed_out' });
  expect(trace.cause?.title).toBe("The relay's reply does not end");
  await place.stop();
});

test('who accepts JSON with the weight 0 does not get it', async () => {
  const place = await relay();
  const headers = { 'accept': 'application/json;q=0', 'content-type': 'application/json' };
  const body = JSON.stringify({ data: fields(place) });
  const answer = await postern.ask('/api/diagnosis', { method: 'POST', headers, body });
  expect(answer.headers['content-type']).toBe('application/x-ndjson');
  await place.stop();
});

test('a command whose output nobody reads to the end does not panic', async () => {
  const line = `diagnose --host 127.0.0.1 --port 1 --from a@example.org --data ${postern.postern.data}`;
  const ended = await posternFromShell(`$0 ${line} >/dev/full 2>/dev/full; echo $?`);
  expect(ended.stdout.trim()).toBe('1');
});
