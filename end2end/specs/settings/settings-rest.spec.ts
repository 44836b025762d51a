//! Settings over REST: reading, saving, faults by field, content types and sizes.

import { expect, test } from '@playwright/test';
import { type Fields, SETTINGS_PATH, TestServer, fields } from '../../support/api/test-server.ts';

test.describe.configure({ mode: 'default' });

let postern: TestServer;

test.beforeAll(async () => {
  postern = await TestServer.start();
});

test.afterAll(() => postern?.stop());

const BASE_FIELDS = fields(
  { port: 587 },
  { smtp_host: 'smtp.example.org', smtp_connection_type: 'TLS', smtp_authentication_type: 'Plain' },
);

const DEFAULTS = {
  smtp_from_name: '',
  smtp_reply_to: '',
  smtp_ehlo_name: '',
  smtp_connect_timeout: '5',
  smtp_command_timeout: '15',
  smtp_certificate_check: 'Verify',
  smtp_trusted_certificates: '',
  smtp_plaintext_auth: '0',
};

/** Saves a known state, independent of earlier tests. */
async function saveBaseFields(more: Fields = {}): Promise<void> {
  const nulls = Object.fromEntries(Object.keys(DEFAULTS).map((option) => [option, null]));
  const saved = await postern.save({ ...BASE_FIELDS, ...nulls, smtp_password: null, ...more });
  expect(saved.json).toEqual({ status: 'success', data: {} });
}

async function expectRefused(body: unknown, errors: Record<string, unknown>, status = 422): Promise<void> {
  const before = (await postern.read()).json;
  const response = await postern.post(body);
  expect(response.status, response.text).toBe(status);
  expect(response.json).toEqual({ status: 'error', errors });
  expect((await postern.read()).json, 'a refused save stores nothing').toEqual(before);
}

test('before the first save every field has its default', async () => {
  const fresh = await postern.read();
  expect(fresh.status).toBe(200);
  expect(fresh.headers['etag']).toBe('"0"');
  expect(fresh.json).toEqual({
    status: 'success',
    data: {
      from_address: '',
      smtp_username: '',
      smtp_host: '',
      smtp_port: '',
      smtp_connection_type: 'None',
      smtp_authentication_type: 'None',
      ...DEFAULTS,
    },
    origin: Object.fromEntries(
      [...Object.keys(BASE_FIELDS), ...Object.keys(DEFAULTS), 'smtp_password'].map((field) => [field, 'default']),
    ),
    password: 'none',
    revision: 0,
    verified: { state: 'never' },
  });
});

test('a read returns the stored values as text, without the password', async () => {
  await saveBaseFields({ smtp_port: 2525, smtp_from_name: 'Grüße', smtp_password: await postern.sealed('secret') });
  const read = await postern.read();
  expect(read.json.data).toEqual({ ...BASE_FIELDS, ...DEFAULTS, smtp_port: '2525', smtp_from_name: 'Grüße' });
  expect(read.json.password).toBe('saved');
  expect(read.headers['etag']).toBe(`"${read.json.revision}"`);
  expect(read.headers['cache-control']).toBe('no-store');
  expect(read.text).not.toContain('secret');
});

test('posting back what was read changes nothing', async () => {
  await saveBaseFields({ smtp_password: await postern.sealed('secret'), smtp_reply_to: 'desk@example.org' });
  const read = await postern.read();
  const posted = await postern.post(read.json);
  expect(posted.json).toEqual({ status: 'success', data: {} });
  expect((await postern.read()).json).toEqual(read.json);
});

test('an absent option is kept; null and the empty text reset it', async () => {
  await saveBaseFields({ smtp_from_name: 'Alerts', smtp_connect_timeout: '7' });
  expect((await postern.save(BASE_FIELDS)).status).toBe(200);
  expect((await postern.read()).json.data).toMatchObject({ smtp_from_name: 'Alerts', smtp_connect_timeout: '7' });
  expect((await postern.save({ ...BASE_FIELDS, smtp_from_name: '', smtp_connect_timeout: null })).status).toBe(200);
  expect((await postern.read()).json.data).toMatchObject({ smtp_from_name: '', smtp_connect_timeout: '5' });
});

test('an absent or empty password keeps the saved one, null clears it', async () => {
  await saveBaseFields({ smtp_password: await postern.sealed('secret') });
  for (const [change, state] of [
    [{}, 'saved'],
    [{ smtp_password: '' }, 'saved'],
    [{ smtp_password: null }, 'none'],
    [{ smtp_password: '' }, 'none'],
  ] as const) {
    expect((await postern.save({ ...BASE_FIELDS, ...change })).status).toBe(200);
    expect((await postern.read()).json.password).toBe(state);
  }
});

test('the authentication type None keeps no password', async () => {
  for (const [change, omission] of [
    [{}, {}],
    [{ smtp_host: 'smtp.example.net' }, { smtp_password: '' }],
    [{}, { smtp_password: await postern.sealed('another secret') }],
  ] as const) {
    await saveBaseFields({ smtp_password: await postern.sealed('secret') });
    const none = await postern.save({ ...BASE_FIELDS, ...change, smtp_authentication_type: 'None', ...omission });
    expect(none.status, none.text).toBe(200);
    expect((await postern.read()).json.password).toBe('none');
    expect((await postern.save({ ...BASE_FIELDS, ...change })).status).toBe(200);
    expect((await postern.read()).json.password).toBe('none');
  }
});

test('the port is a string or an integer', async () => {
  await saveBaseFields();
  for (const port of [1, '1', 65535, ' 25 ']) {
    expect((await postern.save({ ...BASE_FIELDS, smtp_port: port })).status, `${port}`).toBe(200);
    expect((await postern.read()).json.data.smtp_port).toBe(String(port).trim());
  }
  for (const port of [0, -1, 65536, 25.5, 1e99, '0', '+25', '0x19', '２５', 'smtp']) {
    await expectRefused({ data: { ...BASE_FIELDS, smtp_port: port } }, { smtp_port: expect.stringMatching(/1 to 65535/) });
  }
});

test('all faults are reported together, each under its field', async () => {
  await saveBaseFields();
  await expectRefused(
    {
      data: {
        from_address: 'nobody',
        smtp_username: 'u'.repeat(256),
        smtp_password: 'plaintext',
        smtp_host: 'https://smtp.example.org/',
        smtp_port: '70000',
        smtp_connection_type: 'StartTLS',
        smtp_authentication_type: 'CRAM-MD5',
        smtp_from_name: 'a\r\nBcc: b@example.org',
        smtp_reply_to: 'x',
        smtp_ehlo_name: 'localhost',
        smtp_connect_timeout: '0',
        smtp_command_timeout: '121',
        smtp_certificate_check: 'Maybe',
        smtp_trusted_certificates: '-----BEGIN PRIVATE KEY-----',
        smtp_plaintext_auth: 'yes',
      },
    },
    Object.fromEntries(
      [...Object.keys(BASE_FIELDS), ...Object.keys(DEFAULTS), 'smtp_password'].map((field) => [field, expect.any(String)]),
    ),
  );
});

test('faults of the body and of the fields are reported together', async () => {
  await saveBaseFields();
  await expectRefused(
    { data: { ...BASE_FIELDS, smtp_host: '', smtp_port: true, smtp_pasword: 'x' }, force: true },
    {
      smtp_host: expect.stringContaining('host name'),
      smtp_port: expect.stringContaining('whole number'),
      smtp_pasword: expect.stringContaining('no such field'),
      force: expect.stringContaining('no such field'),
    },
  );
});

test('fields that are missing, unknown or of another type are named', async () => {
  await saveBaseFields();
  for (const invalid of [1, true, [], {}, ['a@example.org']]) {
    await expectRefused({ data: { ...BASE_FIELDS, from_address: invalid } }, { from_address: 'This is a string.' });
    await expectRefused(
      { data: { ...BASE_FIELDS, smtp_password: invalid } },
      { smtp_password: expect.stringContaining('sealed password') },
    );
  }
  for (const required of Object.keys(BASE_FIELDS)) {
    const { [required]: _, ...rest } = BASE_FIELDS;
    await expectRefused({ data: rest }, { [required]: 'This field is required.' });
  }
  await expectRefused({ data: { ...BASE_FIELDS, __proto__x: '1' } }, { __proto__x: expect.any(String) });
  for (const data of [undefined, null, 'x', 1, [], [BASE_FIELDS]]) {
    await expectRefused({ data }, { data: expect.any(String) });
  }
});

test('texts are trimmed, and lengths are counted in characters', async () => {
  await saveBaseFields({ smtp_host: '  SMTP.Example.ORG. ', smtp_username: '密'.repeat(255) });
  expect((await postern.read()).json.data).toMatchObject({
    smtp_host: 'smtp.example.org',
    smtp_username: '密'.repeat(255),
  });
  await expectRefused({ data: { ...BASE_FIELDS, smtp_username: '密'.repeat(256) } }, { smtp_username: expect.any(String) });
});

test('a host name that DNS cannot hold is refused', async () => {
  await saveBaseFields({ smtp_host: 'smtp.bücher.example', from_address: 'alerts@例子.example' });
  await expectRefused(
    { data: { ...BASE_FIELDS, smtp_host: '１２７.０.０.１', from_address: 'a@⒈.example', smtp_reply_to: 'a@⒈.example' } },
    Object.fromEntries(['smtp_host', 'from_address', 'smtp_reply_to'].map((field) => [field, expect.any(String)])),
  );
});

test('a save of an older revision is refused with the differences', async () => {
  await saveBaseFields({ smtp_host: 'first.example.org' });
  const own = await postern.read();
  const other = await postern.createAccount('other@example.org', 'admin');
  const theirs = await postern.save(
    { ...BASE_FIELDS, smtp_host: 'theirs.example.org' },
    { authorization: `Bearer ${other}` },
  );
  expect(theirs.status).toBe(200);
  const now = await postern.read();

  const edit = { ...BASE_FIELDS, smtp_host: 'mine.example.org' };
  const attempts = [
    await postern.save(edit, { 'if-match': own.headers['etag'] }),
    await postern.post({ data: edit, revision: own.json.revision }),
  ];
  for (const refused of attempts) {
    expect(refused.status).toBe(409);
    expect(Object.keys(refused.json.errors).sort()).toEqual(['request', 'smtp_host']);
    expect(refused.json.errors.request).toContain('other@example.org');
    expect(refused.json.errors.smtp_host).toContain('theirs.example.org');
    expect(refused.json.errors.smtp_host).toContain('mine.example.org');
  }
  expect((await postern.read()).json, 'nothing is stored').toEqual(now.json);

  expect((await postern.save(edit, { 'if-match': now.headers['etag'] })).status).toBe(200);
  for (const tag of ['7', '"x"', 'W/"1"', '']) {
    const refused = await postern.save(edit, { 'if-match': tag });
    expect([409, 422], `If-Match: ${tag}`).toContain(refused.status);
  }
  await expectRefused({ data: edit, revision: '7' }, { revision: expect.any(String) });
});

test('of concurrent saves of one revision one is stored', async () => {
  await saveBaseFields();
  const { etag } = (await postern.read()).headers;
  const saves = Array.from({ length: 12 }, (_, index) =>
    postern.save({ ...BASE_FIELDS, smtp_from_name: `number ${index}` }, { 'if-match': etag }),
  );
  const statuses = (await Promise.all(saves)).map((response) => response.status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(1);
  expect(statuses.filter((status) => status === 409)).toHaveLength(11);
  const { json } = await postern.read();
  expect(json.revision).toBe(Number(etag?.replaceAll('"', '')) + 1);

  const unconditional = Array.from({ length: 12 }, (_, index) =>
    postern.save({ ...BASE_FIELDS, smtp_from_name: `again ${index}` }),
  );
  expect(new Set((await Promise.all(unconditional)).map((response) => response.status))).toEqual(new Set([200]));
  expect((await postern.read()).json.revision).toBe(Number(json.revision) + 12);
});

test('settings are verified only by a test of that revision', async () => {
  await saveBaseFields();
  const refused = await postern.testAs(postern.token, 'me@example.net');
  expect([502, 504]).toContain(refused.status);
  expect((await postern.read()).json.verified).toEqual({ state: 'never' });
});

test('a save requires JSON', async () => {
  await saveBaseFields();
  const before = await postern.read();
  const text = JSON.stringify({ data: BASE_FIELDS });
  for (const [type, body, status] of [
    ['text/plain', text, 415],
    ['application/x-www-form-urlencoded', 'data=1', 415],
    ['application/jsonp', text, 415],
    ['', text, 415],
    ['application/json', '', 400],
    ['application/json', '{', 400],
    ['application/json', `${text}x`, 400],
    ['application/json', '[]', 400],
    ['application/json', 'null', 400],
    ['application/json', '"data"', 400],
    ['application/json', '{"data":'.repeat(5000), 400],
    ['application/json', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 400],
    ['application/json', '\ufeff{}', 400],
    ['application/json', `{"data":"${'x'.repeat(64 * 1024)}"}`, 413],
    ['application/json', 'x'.repeat(8 * 1024 * 1024), 413],
  ] as const) {
    const response = await postern.request(SETTINGS_PATH, { method: 'POST', headers: { 'content-type': type }, body });
    const what = `${type}: ${body.slice(0, 20)}`;
    expect(response.status, what).toBe(status);
    expect(JSON.parse(response.text), what).toEqual({ status: 'error', errors: { request: expect.any(String) } });
  }
  const typed = { 'content-type': 'Application/JSON; charset=utf-8' };
  expect((await postern.request(SETTINGS_PATH, { method: 'POST', headers: typed, body: text })).status).toBe(200);
  expect((await postern.read()).json).toEqual(before.json);
});

test('a duplicate name in a body is refused', async () => {
  await saveBaseFields();
  const before = await postern.read();
  const once = JSON.stringify(BASE_FIELDS);
  for (const body of [
    `{"data":${once.replace('{', '{"smtp_host":"other.example.org",')}}`,
    `{"data":${once},"data":${once}}`,
    `{"data":${once.replace('{', '{"smtp_password":null,"smtp\\u005fpassword":"",')}}`,
  ]) {
    const response = await postern.request(SETTINGS_PATH, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(response.status, body).toBe(400);
    expect(JSON.parse(response.text).errors.request).toMatch(/twice/);
  }
  expect((await postern.read()).json).toEqual(before.json);
});
