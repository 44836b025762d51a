//! Trusted certificates over REST: validation, effect, and refusal of private keys.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { Authority, type Certificate, selfSigned } from '../support/certificate.ts';
import { Console, type Fields, type Reply, fields } from '../support/console.ts';
import { Relay } from '../support/relay.ts';

test.describe.configure({ mode: 'default' });

const FIELD = 'smtp_trusted_certificates';

let postern: Console;
/** A CA in the trust store. */
let authority: Authority;
/** A CA outside the trust store. */
let house: Authority;

test.beforeAll(async () => {
  authority = new Authority();
  house = new Authority();
  // With the most verbose log, what is missing from it is never logged.
  postern = await Console.start({ env: { SSL_CERT_FILE: authority.file, RUST_LOG: 'trace' } });
});

test.afterAll(() => postern?.stop());

function trusting(certificates: string, more: Fields = {}): Fields {
  return { smtp_certificate_check: 'Trusted', [FIELD]: certificates, ...more };
}

/** Saves the settings and sends a test mail. */
async function attempt(relay: { port: number }, more: Fields): Promise<Reply> {
  const saved = await postern.save(fields(relay, { smtp_connection_type: 'SSL', smtp_password: null, ...more }));
  expect(saved.status, saved.text).toBe(200);
  return postern.test('me@example.net');
}

async function showing(certificate: Certificate, act: (relay: Relay) => Promise<void>, port?: number): Promise<void> {
  const relay = await Relay.start({ tls: 'implicit', certificate, ...(port ? { port } : {}) });
  await act(relay);
  await relay.stop();
}

async function expectRefused(certificates: unknown, words: RegExp): Promise<string> {
  const before = (await postern.read()).json;
  const answer = await postern.save(fields({ port: 587 }, { ...trusting(''), [FIELD]: certificates }));
  expect(answer.status, answer.text).toBe(422);
  expect(Object.keys(answer.json.errors)).toEqual([FIELD]);
  expect(answer.json.errors[FIELD]).toMatch(words);
  expect((await postern.read()).json, 'nothing is stored').toEqual(before);
  return answer.text;
}

test('what is no certificate is refused, each for its own reason', async () => {
  const { cert } = house.issue('relay.test');
  const kind = (name: string): string => cert.replaceAll('CERTIFICATE-', `${name}-`);
  for (const [certificates, words] of [
    ['', /Add a certificate to trust/],
    ['a certificate', /in PEM/],
    [cert.replace('-----END', '----END'), /in PEM/],
    [kind('CERTIFICATE REQUEST'), /request.*that was issued/],
    [kind('PUBLIC KEY'), /no certificate/],
    [cert.replace('\nMII', '\nMIJ'), /Certificate 1 of 1 cannot be read/],
    [cert + cert.replace(/\n.*\n/, '\n'), /Certificate 2 of 2 cannot be read/],
    [`${'words '.repeat(9_000)}\n${cert}`, /too large/],
    [7, /This is a string/],
  ] as const) {
    await expectRefused(certificates, words);
  }
  const many = Array.from({ length: 17 }, () => selfSigned('relay.test').cert).join('');
  await expectRefused(many, /At most 16/);
});

test('a private key stands nowhere afterwards', async () => {
  const { key, cert } = selfSigned('relay.test');
  const secret = key.split('\n')[1] ?? '';
  expect(secret).toMatch(/^[A-Za-z0-9+/]{64}$/);
  for (const certificates of [key, cert + key, key + cert]) {
    expect(await expectRefused(certificates, /private key.*was not stored/)).not.toContain(secret);
  }
  const conflict = await postern.post({ data: fields({ port: 587 }, trusting(key)), revision: 99 });
  expect(conflict.status).toBe(409);
  expect(conflict.text).not.toContain(secret);
  expect(postern.postern.output).toContain('email_smtp');
  expect(postern.postern.output).not.toContain(secret);
  const { data } = postern.postern;
  for (const file of readdirSync(data).filter((name) => name.startsWith('postern.db'))) {
    expect(readFileSync(join(data, file)).includes(secret), file).toBe(false);
  }
});

test('what is stored says what it is, and can be posted back', async () => {
  const { cert } = house.issue('relay.test', '192.0.2.1');
  const pasted = `Subject: CN = somebody else\r\n${cert}${cert}`.replaceAll('\n', '\r\n');
  expect((await postern.save(fields({ port: 587 }, trusting(pasted)))).status).toBe(200);
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

test('the very certificate is believed, and another one is told beside it', async () => {
  const first = house.issue('mail.example.net');
  const second = house.issue('mail.example.net');
  let port = 0;
  await showing(first, async (relay) => {
    port = relay.port;
    const unknown = await attempt(relay, {});
    expect(unknown.status).toBe(502);
    const trusted = await attempt(relay, trusting(first.cert));
    expect(trusted.status, trusted.text).toBe(200);
    expect((await relay.mails.next()).encrypted).toBe(true);
  });
  await showing(
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

test('a trusted authority vouches for names, and nobody else does', async () => {
  await showing(house.issue('127.0.0.1'), async (relay) => {
    const trusted = await attempt(relay, trusting(house.cert));
    expect(trusted.status, trusted.text).toBe(200);
  });
  await showing(house.issue('mail.example.net'), async (relay) => {
    const other = await attempt(relay, trusting(house.cert));
    expect(other.status).toBe(502);
    expect(other.text).toContain('mail.example.net');
  });
  await showing(authority.issue('127.0.0.1'), async (relay) => {
    const known = await attempt(relay, trusting(house.cert));
    expect(known.status).toBe(502);
    expect(known.text).toContain('not one that is trusted');
  });
});

test('a password is typed again to trust more, and stays to trust less', async () => {
  const [one, other] = [house.cert, house.issue('relay.test').cert];
  const form = fields({ port: 587 }, { smtp_certificate_check: 'Verify', [FIELD]: null });
  const sealed = await postern.sealed('a password worth having');
  expect((await postern.save({ ...form, smtp_password: sealed })).status).toBe(200);
  for (const [certificates, stays] of [
    [one, false],
    [one + other, false],
    [one, true],
    [other, false],
  ] as const) {
    const next = { ...form, ...trusting(certificates) };
    const kept = await postern.save(next);
    expect(kept.status, kept.text).toBe(stays ? 200 : 422);
    if (!stays) {
      expect(Object.keys(kept.json.errors)).toEqual(['smtp_password']);
      expect((await postern.save({ ...next, smtp_password: sealed })).status).toBe(200);
    }
  }
  expect((await postern.save({ ...form, ...trusting(other), smtp_certificate_check: 'Off' })).status).toBe(422);
  expect((await postern.save(form)).status).toBe(200);
  expect((await postern.read()).json.password).toBe('saved');
});
