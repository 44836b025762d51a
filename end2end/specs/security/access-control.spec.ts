//! HTTP access control: authentication, roles, origin checks, rate limits, malformed requests.

import { hostname } from 'node:os';
import { expect, test } from '@playwright/test';
import { type Headers, postForm, signIn } from '../../support/api/forms.ts';
import { sendRaw, sendRequest } from '../../support/api/http.ts';
import { Postern } from '../../support/program/postern.ts';
import { Relay } from '../../support/relays/relay.ts';
import { PASSWORD, SETTINGS_PATH, TestServer, fields, parseResponse } from '../../support/api/test-server.ts';

test.describe.configure({ mode: 'default' });

let postern: TestServer;
let relay: Relay;
let url: string;

test.beforeAll(async () => {
  relay = await Relay.start();
  postern = await TestServer.start();
  url = postern.postern.url;
  expect((await postern.save(fields(relay))).status).toBe(200);
});

test.afterAll(async () => {
  await postern?.stop();
  await relay?.stop();
});

const TEST_PATH = '/api/setup/email_test/me@example.net';

/** Requests that require an administrator, as `[method, path, body]`. */
const PROTECTED = [
  ['GET', SETTINGS_PATH, undefined],
  ['POST', SETTINGS_PATH, '{"data":{}}'],
  ['POST', SETTINGS_PATH, 'not even JSON'],
  ['POST', TEST_PATH, undefined],
  ['POST', '/api/setup/email_test/nobody', undefined],
] as const;

test('requests without a session or token are refused', async () => {
  for (const authorization of [
    undefined,
    'Bearer',
    'Bearer ',
    'Bearer postern_',
    'Bearer postern_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    `Bearer ${postern.token}x`,
    `Bearer ${postern.token.slice(0, -1)}`,
    `Bearer ${postern.token.toUpperCase()}`,
    `Basic ${Buffer.from(`admin@example.org:${PASSWORD}`).toString('base64')}`,
    `Token ${postern.token}`,
    postern.token,
  ]) {
    for (const [method, path, body] of PROTECTED) {
      const headers = { 'content-type': 'application/json', ...(authorization ? { authorization } : {}) };
      const response = parseResponse(await sendRequest(url, path, { method, headers, body }));
      expect(response.status, `${method} ${path} with ${authorization}`).toBe(401);
      expect(response.headers['www-authenticate']).toBe('Bearer');
      expect(response.json).toEqual({ status: 'error', errors: { request: expect.stringContaining('Bearer') } });
    }
  }
  expect(relay.connections.all).toEqual([]);
});

test('the authentication scheme is case-insensitive (RFC 9110)', async () => {
  for (const scheme of ['bearer', 'BEARER']) {
    const headers = { authorization: `${scheme} ${postern.token}`, cookie: 'postern=x', origin: 'https://a.example' };
    expect((await sendRequest(url, SETTINGS_PATH, { headers })).status, scheme).toBe(200);
    expect((await sendRequest(url, SETTINGS_PATH, { method: 'POST', headers })).status, scheme).toBe(415);
  }
});

test('accounts without administrator role see and change no settings', async () => {
  const token = await postern.createAccount('user@example.org', 'user');
  const cookie = await signIn(url, 'user@example.org', PASSWORD);
  const before = (await postern.read()).json;
  for (const headers of [{ authorization: `Bearer ${token}` }, { cookie, 'sec-fetch-site': 'same-origin' }]) {
    for (const [method, path] of [
      ['GET', SETTINGS_PATH],
      ['POST', TEST_PATH],
    ] as const) {
      const response = parseResponse(await sendRequest(url, path, { method, headers }));
      expect(response.status).toBe(403);
      expect(response.json).toEqual({ status: 'error', errors: { request: expect.stringContaining('administrators') } });
    }
    const saved = await postern.save(fields(relay, { smtp_from_name: 'theirs' }), headers);
    expect(saved.status).toBe(403);
    expect(saved.text).not.toContain('127.0.0.1');
  }
  expect((await postern.read()).json).toEqual(before);
  expect(relay.connections.all).toEqual([]);
});

test('a revoked token is refused within a second', async () => {
  const token = await postern.createAccount('leaver@example.org', 'admin');
  const headers = { authorization: `Bearer ${token}` };
  expect((await sendRequest(url, SETTINGS_PATH, { headers })).status).toBe(200);
  const { stdout } = await postern.command(['token', 'list']);
  const id = stdout.split('\n').find((line) => line.includes('leaver@'))?.split(' ')[0] ?? '';
  expect((await postern.command(['token', 'revoke', id])).code).toBe(0);
  await expect.poll(async () => (await sendRequest(url, SETTINGS_PATH, { headers })).status).toBe(401);
});

test('a session is accepted only from pages of this Postern', async () => {
  const cookie = await signIn(url, 'admin@example.org', PASSWORD);
  const body = JSON.stringify({ data: fields(relay, { smtp_from_name: 'from a page' }) });
  const post = (headers: Headers) =>
    sendRequest(url, SETTINGS_PATH, { method: 'POST', headers: { cookie, 'content-type': 'application/json', ...headers }, body });
  const before = (await postern.read()).json;
  for (const headers of [
    {},
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': '' },
    { 'sec-fetch-site': 'cross-site', origin: url },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: url.replace('127.0.0.1', 'localhost') },
    { origin: `${url}.evil.example` },
    { origin: '' },
    { authorization: 'Basic eDp4' },
  ] satisfies Headers[] as Headers[]) {
    const response = parseResponse(await post(headers));
    expect(response.status, JSON.stringify(headers)).toBe(403);
    expect(response.json.errors.request).toContain('did not come from a page of this console');
  }
  expect((await postern.read()).json).toEqual(before);
  expect((await sendRequest(url, SETTINGS_PATH, { headers: { cookie, 'sec-fetch-site': 'cross-site' } })).status).toBe(200);
  expect((await post({ 'sec-fetch-site': 'same-origin' })).status).toBe(200);
  expect((await post({ origin: url })).status).toBe(200);
});

test('a bearer token takes precedence over a cookie', async () => {
  const cookie = await signIn(url, 'admin@example.org', PASSWORD);
  const headers = { cookie, authorization: 'Bearer postern_wrong', 'sec-fetch-site': 'same-origin' };
  expect((await sendRequest(url, SETTINGS_PATH, { headers })).status).toBe(401);
});

test('after six test mails a minute the response has Retry-After', async () => {
  const token = await postern.createAccount('eager@example.org', 'admin');
  for (let sent = 1; sent <= 6; sent += 1) {
    expect((await postern.testAs(token, 'me@example.net')).status, `test mail ${sent}`).toBe(200);
  }
  const other = await postern.command(['token', 'create', '--account', 'eager@example.org', '--name', 'second']);
  for (const same of [token, other.stdout.trim()]) {
    const refused = await postern.testAs(same, 'me@example.net');
    expect(refused.status).toBe(429);
    const seconds = Number(refused.headers['retry-after']);
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(60);
    expect(refused.json.errors.request).toMatch(/At most six tests a minute.*Try again in \d+ s/);
  }
  expect(relay.mails.all).toHaveLength(6);
  expect((await postern.test('me@example.net')).status, 'another administrator').toBe(200);
});

test('unknown paths and other methods are refused in the envelope', async () => {
  for (const path of ['/api/', '/api/setup', `${SETTINGS_PATH}/`, '/api//setup/email_smtp', '/api/setup/email_test/', '/api/%2e%2e/login', '/api/setup/email_smtp%00', '/api/setup/email_test/a/b']) {
    for (const method of ['GET', 'POST']) {
      const response = parseResponse(await postern.request(path, { method }));
      expect(response.status, `${method} ${path}`).toBe(404);
      expect(response.json).toEqual({ status: 'error', errors: { request: expect.any(String) } });
    }
  }
  for (const [path, allowed] of [
    [SETTINGS_PATH, 'GET,HEAD,POST'],
    [TEST_PATH, 'POST'],
    ['/api/keys/browser', 'GET,HEAD,POST'],
  ] as const) {
    for (const method of ['DELETE', 'PUT', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const response = parseResponse(await postern.request(path, { method }));
      expect(response.status, `${method} ${path}`).toBe(405);
      expect(response.headers.allow).toBe(allowed);
      expect(response.json).toEqual({ status: 'error', errors: { request: expect.stringContaining('method') } });
    }
  }
});

test('HEAD returns the headers of GET without the body', async () => {
  const [get, head] = [await postern.read(), await postern.request(SETTINGS_PATH, { method: 'HEAD' })];
  expect(head.status).toBe(200);
  expect(head.text).toBe('');
  expect(head.headers.etag).toBe(get.headers.etag);
  expect((await sendRequest(url, SETTINGS_PATH, { method: 'HEAD' })).status).toBe(401);
});

test('a recipient that is not UTF-8 or has line breaks is refused', async () => {
  const before = { connections: relay.connections.all.length, mails: relay.mails.all.length };
  for (const [address, status, field] of [
    ['%ff%fe@example.net', 422],
    ['me@example.net%00', 422],
    ['me%0d%0aRCPT%20TO:%3Cb@example.net%3E@example.net', 422],
    ['me@example.net%0d%0aBcc:%20b@example.net', 422],
    ['%22me%0d%0a%22@example.net', 422],
    ['me@example.net%2fx', 422],
    ['%', 422],
    ['me@example.net?x=%0d%0a', 422, 'x'],
  ] as const) {
    const response = parseResponse(await postern.request(`/api/setup/email_test/${address}`, { method: 'POST' }));
    expect(response.status, address).toBe(status);
    expect(response.json).toEqual({ status: 'error', errors: { [field ?? 'email_send']: expect.any(String) } });
  }
  expect(relay.connections.all).toHaveLength(before.connections);
  expect(relay.mails.all).toHaveLength(before.mails);
});

test('malformed HTTP gets a response and does no harm', async () => {
  const authorization = `Authorization: Bearer ${postern.token}`;
  const host = 'Host: localhost';
  for (const [bytes, status] of [
    [`GET /api/setup/email_smtp HTTP/1.1\r\n${host}\r\nConnection: close\r\n\r\n`, 401],
    [`GET ${SETTINGS_PATH} HTTP/1.0\r\n${authorization}\r\n\r\n`, 200],
    [`GET ${SETTINGS_PATH}?${'q'.repeat(15_000)} HTTP/1.1\r\n${host}\r\nConnection: close\r\n${authorization}\r\n\r\n`, 422],
    [`GET ${SETTINGS_PATH}?${'q'.repeat(17_000)} HTTP/1.1\r\n${host}\r\n\r\n`, 431],
    [`GET ${SETTINGS_PATH} HTTP/1.1\r\n${host}\r\n${'X: x\r\n'.repeat(200)}\r\n`, 431],
    [`GET ${SETTINGS_PATH} HTTP/1.1\r\n${host}\r\nConnection: close\r\n${authorization}\xff\r\n\r\n`, 401],
    [`GET ${SETTINGS_PATH} HTTP/1.1\r\n${host}\r\nConnection: close\r\nCookie: postern=\xff\xfe\r\n\r\n`, 401],
    [`GET ${SETTINGS_PATH} HTTP/1.1\r\n${host}\r\nConnection: close\r\nUser-Agent: \xff\r\n${authorization}\r\n\r\n`, 200],
    [`GET ${SETTINGS_PATH} HTTP/1.1\r\nHost: \xff\r\nConnection: close\r\n${authorization}\r\n\r\n`, 400],
    [`GET ${SETTINGS_PATH} HTTP/1.1\r\nConnection: close\r\n${authorization}\r\n\r\n`, 400],
    [`GET ${SETTINGS_PATH} HTTP/1.1\r\n${host}\r\n${host}\r\nConnection: close\r\n${authorization}\r\n\r\n`, 400],
    [`GET /api/\xff HTTP/1.1\r\n${host}\r\n\r\n`, 400],
    [`GET http://localhost/api/keys/browser HTTP/1.1\r\n${host}\r\nConnection: close\r\n\r\n`, 200],
    [`GET http://other.example/api/keys/browser HTTP/1.1\r\n${host}\r\nConnection: close\r\n\r\n`, 421],
    [`CONNECT localhost:25 HTTP/1.1\r\n${host}\r\nConnection: close\r\n\r\n`, 400],
    [`OPTIONS * HTTP/1.1\r\n${host}\r\nConnection: close\r\n\r\n`, 404],
    [`POST ${SETTINGS_PATH} HTTP/1.1\r\n${host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx`, 400],
    [`POST ${SETTINGS_PATH} HTTP/1.1\r\n${host}\r\nContent-Length: -1\r\n\r\n`, 400],
    ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['EHLO example.org\r\n', 400],
  ] as const) {
    const response = await sendRaw(url, bytes);
    expect(response.slice(0, 12), bytes.slice(0, 90)).toBe(`HTTP/1.${bytes.includes('HTTP/1.0') ? 0 : 1} ${status}`);
  }
  const large = `GET ${SETTINGS_PATH} HTTP/1.1\r\n${host}\r\nConnection: close\r\nX: ${'x'.repeat(400_000)}\r\n\r\n`;
  expect(await sendRaw(url, large)).toMatch(/^HTTP\/1\.1 431 /);
  expect((await postern.read()).status, 'later requests are answered').toBe(200);
});

test('a request without a token names a host of this console', async () => {
  const named = await Postern.start({ env: { POSTERN_ALLOWED_HOST: 'mail.example.org,relay.example.org' } });
  const status = async (host: string, more = {}) => (await sendRequest(named.url, '/login', { headers: { host, ...more } })).status;
  for (const host of [new URL(named.url).host, 'localhost:3000', '[::1]', '192.0.2.7', hostname(), 'mail.example.org', 'Relay.Example.Org.:8080']) {
    expect(await status(host), host).toBe(200);
  }
  // A page of another site whose name was pointed here.
  for (const host of ['attacker.example', 'mail.example.org.attacker.example', '127.0.0.1.attacker.example']) {
    expect(await status(host), host).toBe(421);
    expect(await status(host, { cookie: 'postern=AAAAAAAAAAAAAAAAAAAAAA' }), host).toBe(421);
  }
  const api = await sendRequest(url, '/api/keys/browser', { headers: { host: 'attacker.example' } });
  expect([api.status, api.text]).toEqual([421, expect.stringContaining('--allowed-host')]);
  const behindProxy = { host: 'upstream', authorization: `Bearer ${postern.token}` };
  expect((await sendRequest(url, SETTINGS_PATH, { headers: behindProxy })).status, 'with a token').toBe(200);
  await named.stop();
});

test('a wrong call of a server function is the fault of the client', async () => {
  const cookie = await signIn(url, 'admin@example.org', PASSWORD);
  const call = async (path: string, body: string, headers: Headers = { cookie }) =>
    sendRequest(url, path, { method: 'POST', headers: { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin', ...headers }, body });
  for (const [path, body, status] of [
    ['/fn/save_settings', '{', 400],
    ['/fn/save_settings', '{}', 400],
    ['/fn/watch', '{', 400],
    ['/fn/watch', '{"watched":"none"}', 400],
    ['/fn/add_certificates', JSON.stringify({ listed: 'x'.repeat(70_000), added: '', authorities: false }), 413],
    ['/fn/none', '{}', 404],
    ['/fn/', '{}', 404],
  ] as const) {
    const response = await call(path, body);
    expect(response.status, `${path} ${body.slice(0, 40)}`).toBe(status);
    expect(response.text).not.toMatch(/server function|expected|deserializ/i);
  }
  for (const path of ['/fn/load_settings', '/fn/save_settings', '/fn/watch']) {
    expect((await call(path, '{', {})).status, 'before the body is read').toBe(401);
  }
  expect((await call('/fn/browser_key', '{}', {})).status).toBe(200);
  expect((await sendRequest(url, '/pkg/../api/outbox', { headers: { cookie } })).status).toBe(404);
});

test('a body that does not arrive is given up with a response', { tag: '@waits' }, async () => {
  const head = 'Host: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 30\r\n';
  const begun = Date.now();
  const response = await sendRaw(url, `POST /login HTTP/1.1\r\n${head}\r\nemail=`);
  expect(response).toMatch(/^HTTP\/1\.1 408 /);
  expect(Date.now() - begun).toBeGreaterThanOrEqual(9_900);
  const json = 'Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 30\r\n';
  const nobody = await sendRaw(url, `POST ${SETTINGS_PATH} HTTP/1.1\r\n${json}Connection: close\r\n\r\n{`);
  expect(nobody, 'nobody is signed in: the body is not waited for').toMatch(/^HTTP\/1\.1 401 /);
});

test('refusals before a handler are in the request log with the client', async () => {
  await sendRequest(url, '/logout', { method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } });
  const user = await postern.createAccount('log@example.org', 'user');
  const headers = { authorization: `Bearer ${user}` };
  expect((await sendRequest(url, SETTINGS_PATH, { headers })).status).toBe(403);
  await postern.postern.waitForOutput(/route="\/logout" status=403 .*client=127\.\d+\.\d+\.\d+/);
  await postern.createAccount('lured@example.org', 'user');
  const cookie = await signIn(url, 'lured@example.org', PASSWORD);
  await sendRequest(url, '/logout', { method: 'POST', headers: { 'sec-fetch-site': 'same-site', cookie } });
  await postern.postern.waitForOutput(/route="\/logout" status=403 .* account="lured@example\.org"/);
  expect((await sendRequest(url, '/account', { headers: { cookie } })).status, 'it is still signed in').toBe(200);
  await postern.postern.waitForOutput(/status=403 .*client=127\.\d+\.\d+\.\d+ account="log@example\.org"/);
});

test('cookies of other applications are ignored', async () => {
  for (const cookie of [
    'postern=',
    'postern=x',
    'postern=AAAAAAAAAAAAAAAAAAAAAA',
    `postern=${'A'.repeat(4000)}`,
    'postern="\\"; postern=%00; =; ;;;',
    '__Host-postern=AAAAAAAAAAAAAAAAAAAAAA',
    "postern=' OR 1=1 --",
  ]) {
    expect((await sendRequest(url, SETTINGS_PATH, { headers: { cookie } })).status, cookie).toBe(401);
    expect((await sendRequest(url, '/login', { headers: { cookie } })).status, cookie).toBe(200);
  }
  expect(postern.postern.output, 'any client can send them').not.toContain('suspicious');
  const real = await signIn(url, 'admin@example.org', PASSWORD);
  const among = { cookie: `a=b; ${real}; c=d` };
  expect((await sendRequest(url, SETTINGS_PATH, { headers: among })).status).toBe(200);
});

test('the forms of the account page are for people', async () => {
  const headers = { authorization: `Bearer ${postern.token}` };
  const [, id = ''] = /^(\S+)/.exec((await postern.command(['token', 'list'])).stdout) ?? [];
  for (const [path, fields] of [
    ['/account/tokens', { name: 'another', send: 'on' }],
    ['/account/tokens/revoke', { id }],
    ['/account/sessions/end', { id: 'any' }],
    ['/account/password', { current: PASSWORD, new: 'a new long password' }],
  ] as [string, Record<string, string>][]) {
    expect((await postForm(url, path, fields, headers)).status, path).toBe(403);
  }
  expect((await sendRequest(url, '/api/tokens', { headers })).status, 'the token is in use').toBe(200);
});

test('every response has the security headers', async () => {
  for (const path of [SETTINGS_PATH, '/api/keys/browser', '/api/none', '/login', '/none', '/']) {
    const { headers } = await sendRequest(url, path);
    expect(headers['x-content-type-options'], path).toBe('nosniff');
    expect(headers['referrer-policy'], path).toBe('same-origin');
    expect(headers['cross-origin-opener-policy'], path).toBe('same-origin');
    expect(headers['cross-origin-resource-policy'], path).toBe('same-origin');
    expect(headers['permissions-policy'], path).toContain('geolocation=()');
    expect(headers['cache-control'], path).toBe('no-store');
    expect(headers['content-security-policy'], path).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(headers['access-control-allow-origin'], path).toBeUndefined();
    expect(headers['strict-transport-security'], path).toBeUndefined();
    expect(headers['set-cookie'], path).toBeUndefined();
  }
});
