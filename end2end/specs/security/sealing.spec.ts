//! Sealed passwords: accepted and refused JWEs, and the public key as a JWK.

import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from '@playwright/test';
import { CompactEncrypt, exportJWK } from 'jose';
import { sendRequest } from '../../support/api/http.ts';
import { Relay } from '../../support/relays/relay.ts';
import { type BrowserKey, seal } from '../../support/api/sealing.ts';
import { TestServer, fields } from '../../support/api/test-server.ts';

test.describe.configure({ mode: 'default' });

const SECRET = 'grüße, "密码" & spaces ';

let postern: TestServer;
let relay: Relay;
let key: BrowserKey;

test.beforeAll(async () => {
  relay = await Relay.start({ auth: ['PLAIN'], users: { alerts: SECRET } });
  postern = await TestServer.start();
  key = await postern.browserKey();
});

test.afterAll(async () => {
  await postern?.stop();
  await relay?.stop();
});

function save(password: unknown) {
  return postern.save(
    fields(relay, {
      smtp_username: 'alerts',
      smtp_authentication_type: 'Plain',
      smtp_plaintext_auth: '1',
      smtp_password: password,
    }),
  );
}

async function expectRefused(token: string, pattern: RegExp): Promise<void> {
  const before = await postern.read();
  const response = await save(token);
  expect(response.status, response.text).toBe(422);
  expect(Object.keys(response.json.errors)).toEqual(['smtp_password']);
  expect(response.json.errors.smtp_password).toMatch(pattern);
  expect((await postern.read()).json).toEqual(before.json);
}

const SEAL_IT = /must be sealed.*JWE.*RSA-OAEP-256.*A256GCM.*\/api\/keys\/browser/;
const SEAL_AGAIN = /no longer valid, or was damaged.*\/api\/keys\/browser/;

test('the public key is a JWK that needs no authentication', async () => {
  const response = await sendRequest(postern.postern.url, '/api/keys/browser');
  expect(response.status).toBe(200);
  expect(response.headers['content-type']).toBe('application/json');
  expect(response.headers['cache-control']).toBe('no-store');
  const publicKey = JSON.parse(response.text);
  expect(Object.keys(publicKey).sort(), 'no private parameters').toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
  expect(publicKey).toMatchObject({ kty: 'RSA', use: 'enc', alg: 'RSA-OAEP-256' });
  expect(Buffer.from(publicKey.n, 'base64url')).toHaveLength(3072 / 8);
});

test('a password sealed by jose reaches the relay unchanged', async () => {
  expect((await save(await seal(key, SECRET))).status).toBe(200);
  expect((await postern.read()).json.password).toBe('saved');
  expect((await postern.test('me@example.net')).status).toBe(200);
  expect((await relay.attempts.next()).password).toBe(SECRET);
});

test('a password has up to 245 characters of any script', async () => {
  for (const letter of ['a', 'ü', '密', '🔑']) {
    expect((await save(await seal(key, letter.repeat(245)))).status, letter).toBe(200);
    await expectRefused(await seal(key, letter.repeat(246)), /at most 245 characters/);
  }
});

test('a password is text on one line', async () => {
  for (const token of ['a\nb', 'a\rb', 'a\0b']) {
    await expectRefused(await seal(key, token), /line break or a NUL/);
  }
  await expectRefused(await seal(key, Uint8Array.of(0xff, 0xfe)), SEAL_AGAIN);
});

test('a plaintext password is refused with instructions for sealing', async () => {
  for (const plain of ['hunter2', 'a.b.c.d.e', '....', 'x'.repeat(5000), `${'.'.repeat(4)}${'é'.repeat(9)}`]) {
    await expectRefused(plain, SEAL_IT);
  }
});

test('another algorithm is refused', async () => {
  await expectRefused(await seal(key, SECRET, { alg: 'RSA-OAEP' }), SEAL_IT);
  await expectRefused(await seal(key, SECRET, { alg: 'RSA-OAEP-384' }), SEAL_IT);
  await expectRefused(await seal(key, SECRET, { enc: 'A128CBC-HS256' }), SEAL_IT);
  await expectRefused(await seal(key, SECRET, { enc: 'A256CBC-HS512' }), SEAL_IT);
  await expectRefused(await seal(key, SECRET, { enc: 'A128GCM' }), SEAL_IT);
  for (const bytes of [new Uint8Array(32), Buffer.from(key.n as string, 'base64url').subarray(0, 32)]) {
    const direct = new CompactEncrypt(new TextEncoder().encode(SECRET));
    direct.setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: key.kid });
    await expectRefused(await direct.encrypt(bytes), SEAL_IT);
  }
  // Current libraries do not produce these headers.
  const [, ...rest] = (await seal(key, SECRET)).split('.');
  for (const header of [
    { alg: 'RSA1_5', enc: 'A256GCM', kid: key.kid },
    { alg: 'none', enc: 'A256GCM', kid: key.kid },
    { alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: key.kid, zip: 'DEF' },
    { alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: key.kid, crit: ['exp'], exp: 1 },
    { alg: 'RSA-OAEP-256', enc: 'A256GCM' },
    { alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: 7 },
    ['RSA-OAEP-256', 'A256GCM', key.kid],
    'RSA-OAEP-256',
  ]) {
    const protectedHeader = Buffer.from(JSON.stringify(header)).toString('base64url');
    await expectRefused([protectedHeader, ...rest].join('.'), SEAL_IT);
  }
});

test('a token is refused when any part has changed', async () => {
  const parts = (await seal(key, SECRET)).split('.');
  // The header is not among them: a change there names another key.
  for (const changed of [1, 2, 3, 4]) {
    const bytes = Buffer.from(parts[changed] as string, 'base64url');
    bytes[bytes.length >> 1]! ^= 1;
    const token = parts.with(changed, bytes.toString('base64url')).join('.');
    await expectRefused(token, SEAL_AGAIN);
  }
  await expectRefused(parts.with(1, '').join('.'), SEAL_AGAIN);
  await expectRefused(parts.with(1, Buffer.alloc(384, 0xff).toString('base64url')).join('.'), SEAL_AGAIN);
  await expectRefused(parts.with(3, '').join('.'), SEAL_AGAIN);
  await expectRefused(parts.with(4, '').join('.'), SEAL_IT);
  await expectRefused(parts.slice(0, 4).join('.'), SEAL_IT);
  await expectRefused([...parts, ''].join('.'), SEAL_IT);
  await expectRefused(parts.map((part) => `${part}=`).join('.'), SEAL_IT);
});

test('a token for another key is refused', async () => {
  await expectRefused(await seal({ ...key, kid: 'another' }, SECRET), SEAL_AGAIN);
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const stranger = { ...(await exportJWK(pair.publicKey)), kid: key.kid };
  await expectRefused(await seal(stranger, SECRET), SEAL_AGAIN);
});

test('saving the same password again is a change', async () => {
  expect((await save(await seal(key, SECRET))).status).toBe(200);
  const before = Number((await postern.read()).json.revision);
  expect((await save(await seal(key, SECRET))).status).toBe(200);
  expect((await postern.read()).json.revision).toBe(before + 1);
});
