//! Trusted certificates over REST: validation, effect, and refusal of private keys.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { type Certificate, CertificateAuthority, selfSigned } from '../../support/relays/certificate.ts';
import { Relay } from '../../support/relays/relay.ts';
import { type ApiResponse, type Fields, TestServer, fields } from '../../support/api/test-server.ts';

test.describe.configure({ mode: 'default' });

const FIELD = 'smtp_trusted_certificates';

let postern: TestServer;
/** A CA in the trust store. */
let authority: CertificateAuthority;
/** A CA outside the trust store. */
let otherAuthority: CertificateAuthority;

test.beforeAll(async () => {
  authority = new CertificateAuthority();
  otherAuthority = new CertificateAuthority();
  // With the most verbose log, what is missing from it is never logged.
  postern = await TestServer.start({ env: { SSL_CERT_FILE: authority.file, RUST_LOG: 'trace' } });
});

test.afterAll(() => postern?.stop());

function trustedFields(certificates: string, more: Fields = {}): Fields {
  return { smtp_certificate_check: 'Trusted', [FIELD]: certificates, ...more };
}

/** Saves the settings and sends a test mail. */
async function sendTest(relay: { port: number }, more: Fields): Promise<ApiResponse> {
  const saved = await postern.save(fields(relay, { smtp_connection_type: 'SSL', smtp_password: null, ...more }));
  expect(saved.status, saved.text).toBe(200);
  return postern.test('me@example.net');
}

async function withRelay(certificate: Certificate, run: (relay: Relay) => Promise<void>, port?: number): Promise<void> {
  const relay = await Relay.start({ tls: 'implicit', certificate, ...(port ? { port } : {}) });
  await run(relay);
  await relay.stop();
}

async function expectRefused(certificates: unknown, pattern: RegExp): Promise<string> {
  const before = (await postern.read()).json;
  const response = await postern.save(fields({ port: 587 }, { ...trustedFields(''), [FIELD]: certificates }));
  expect(response.status, response.text).toBe(422);
  expect(Object.keys(response.json.errors)).toEqual([FIELD]);
  expect(response.json.errors[FIELD]).toMatch(pattern);
  expect((await postern.read()).json, 'nothing is stored').toEqual(before);
  return response.text;
}

test('an invalid certificate is refused with its own reason', async () => {
  const { cert } = otherAuthority.issue('relay.test');
  const kind = (name: string): string => cert.replaceAll('CERTIFICATE-', `${name}-`);
  for (const [certificates, pattern] of [
    ['', /Add a certificate to trust/],
    ['a certificate', /not PEM/],
    [cert.replace('-----END', '----END'), /not PEM/],
    [kind('CERTIFICATE REQUEST'), /request.*that was issued/],
    [kind('PUBLIC KEY'), /not a certificate/],
    [cert.replace('\nMII', '\nMIJ'), /Certificate 1 of 1 cannot be read/],
    [cert + cert.replace(/\n.*\n/, '\n'), /Certificate 2 of 2 cannot be read/],
    [`${'words '.repeat(9_000)}\n${cert}`, /too large/],
    [7, /This is a string/],
  ] as const) {
    await expectRefused(certificates, pattern);
  }
  const many = Array.from({ length: 17 }, () => selfSigned('relay.test').cert).join('');
  await expectRefused(many, /At most 16/);
});

test('a private key is neither stored nor logged', async () => {
  const { key, cert } = selfSigned('relay.test');
  const secret = key.split('\n')[1] ?? '';
  expect(secret).toMatch(/^[A-Za-z0-9+/]{64}$/);
  for (const certificates of [key, cert + key, key + cert]) {
    expect(await expectRefused(certificates, /private key.*was not stored/)).not.toContain(secret);
  }
  const conflict = await postern.post({ data: fields({ port: 587 }, trustedFields(key)), revision: 99 });
  expect(conflict.status).toBe(409);
  expect(conflict.text).not.toContain(secret);
  expect(postern.postern.output).toContain('email_smtp');
  expect(postern.postern.output).not.toContain(secret);
  const { data } = postern.postern;
  for (const file of readdirSync(data).filter((name) => name.startsWith('postern.db'))) {
    expect(readFileSync(join(data, file)).includes(secret), file).toBe(false);
  }
});

test('stored certificates are described and can be posted back', async () => {
  const { cert } = otherAuthority.issue('relay.test', '192.0.2.1');
  const pasted = `Subject: CN = somebody else\r\n${cert}${cert}`.replaceAll('\n', '\r\n');
  expect((await postern.save(fields({ port: 587 }, trustedFields(pasted)))).status).toBe(200);
  const read = await postern.read();
  const text = read.json.data[FIELD] ?? '';
  expect(text.split('\n').filter((line) => line.includes(':')).map((line) => line.split(': ')[0])).toEqual([
    'Subject',
    'Issuer',
    'Names',
    'Valid from',
    'Valid until',
    'SHA-256',
    'Trusted as',
  ]);
  expect(text).toMatch(/^Subject: CN=relay\.test\nIssuer: CN=Test Authority\nNames: relay\.test, 192\.0\.2\.1\n/);
  expect(text.trim().endsWith(cert.trim())).toBe(true);
  const posted = await postern.post(read.json);
  expect(posted.status, posted.text).toBe(200);
  expect((await postern.read()).json).toEqual(read.json);

  const kept = { ...(read.json.data as Fields), smtp_certificate_check: 'Verify' };
  expect((await postern.save(kept)).status).toBe(200);
  expect((await postern.read()).json.data[FIELD]).toBe(text);
  expect((await postern.save({ ...kept, [FIELD]: null })).status).toBe(200);
  expect((await postern.read()).json.data[FIELD]).toBe('');
});

test('the trusted certificate passes, and another one is reported beside it', async () => {
  const first = otherAuthority.issue('mail.example.net');
  const second = otherAuthority.issue('mail.example.net');
  let port = 0;
  await withRelay(first, async (relay) => {
    port = relay.port;
    const unknown = await sendTest(relay, {});
    expect(unknown.status).toBe(502);
    const trusted = await sendTest(relay, trustedFields(first.cert));
    expect(trusted.status, trusted.text).toBe(200);
    expect((await relay.mails.next()).encrypted).toBe(true);
  });
  await withRelay(
    second,
    async (relay) => {
      const changed = await postern.test('me@example.net');
      expect(changed.status).toBe(502);
      const fingerprints = changed.text.match(/SHA-256 [0-9A-F]{2}(:[0-9A-F]{2}){31}/g) ?? [];
      expect(new Set(fingerprints).size, changed.text).toBe(2);
      expect(relay.mails.all).toEqual([]);
    },
    port,
  );
});

test('a trusted CA still requires a matching name', async () => {
  await withRelay(otherAuthority.issue('127.0.0.1'), async (relay) => {
    const trusted = await sendTest(relay, trustedFields(otherAuthority.cert));
    expect(trusted.status, trusted.text).toBe(200);
  });
  await withRelay(otherAuthority.issue('mail.example.net'), async (relay) => {
    const leaf = await sendTest(relay, trustedFields(otherAuthority.cert));
    expect(leaf.status).toBe(502);
    expect(leaf.text).toContain('mail.example.net');
  });
  await withRelay(authority.issue('127.0.0.1'), async (relay) => {
    const known = await sendTest(relay, trustedFields(otherAuthority.cert));
    expect(known.status).toBe(502);
    expect(known.text).toContain('not one that is trusted');
  });
});

test('trusting more requires the password, trusting less keeps it', async () => {
  const [ca, leaf] = [otherAuthority.cert, otherAuthority.issue('relay.test').cert];
  const form = fields({ port: 587 }, { smtp_authentication_type: 'Plain', smtp_certificate_check: 'Verify', [FIELD]: null });
  const sealed = () => postern.sealed('a password worth having');
  expect((await postern.save({ ...form, smtp_password: await sealed() })).status).toBe(200);
  for (const [certificates, stays] of [
    [ca, false],
    [ca + leaf, false],
    [ca, true],
    [leaf, false],
  ] as const) {
    const next = { ...form, ...trustedFields(certificates) };
    const kept = await postern.save(next);
    expect(kept.status, kept.text).toBe(stays ? 200 : 422);
    if (!stays) {
      expect(Object.keys(kept.json.errors)).toEqual(['smtp_password']);
      expect((await postern.save({ ...next, smtp_password: await sealed() })).status).toBe(200);
    }
  }
  expect((await postern.save({ ...form, ...trustedFields(leaf), smtp_certificate_check: 'Off' })).status).toBe(422);
  expect((await postern.save(form)).status).toBe(200);
  expect((await postern.read()).json.password).toBe('saved');
});
