//! Submission over REST: 202 with ids, faults by field, size limits; refused mail is not kept.

import { expect, test } from '@playwright/test';
import { type Mail, bearer, expectState, mail, mails, postMessage, requestOk, submit } from '../../support/mail/messages.ts';
import { Relay } from '../../support/relays/relay.ts';
import { TestServer, fields } from '../../support/api/test-server.ts';

test.describe.configure({ mode: 'default' });

let postern: TestServer;
let relay: Relay;

test.beforeAll(async () => {
  relay = await Relay.start();
  postern = await TestServer.start();
  await postern.save(fields(relay));
});

test.afterAll(async () => {
  await postern?.stop();
  await relay?.stop();
});

const ID = /^[0-9A-HJKMNP-TV-Z]{26}$/;

/** Expects a refusal with these faults, and that nothing is stored. */
async function expectRefused(body: unknown, errors: Record<string, unknown>): Promise<void> {
  const before = await listMessages();
  const response = await postMessage(postern, body);
  expect(response.status, response.text).toBe(422);
  expect(response.json).toEqual({ status: 'error', errors });
  expect(await listMessages(), 'nothing is stored').toEqual(before);
}

async function listMessages(): Promise<unknown> {
  return JSON.parse((await postern.request('/api/messages')).text).data.map((line: { id: string }) => line.id);
}

test('the response has the id of a message, or the ids of an array in order', async () => {
  const single = await postMessage(postern, mail());
  expect(single.status, single.text).toBe(202);
  expect(single.json).toEqual({ id: expect.stringMatching(ID), queue: 'organisation' });
  const many = await postMessage(postern, [mail({ subject: 'first' }), mail({ subject: 'second' })]);
  expect(many.status, many.text).toBe(202);
  expect(many.json).toEqual({ ids: [expect.stringMatching(ID), expect.stringMatching(ID)], queue: 'organisation' });
  const [first, second] = many.json.ids as [string, string];
  expect((await requestOk(postern, `/api/messages/${first}`, undefined, 'GET')).data).toMatchObject({ subject: 'first' });
  expect((await requestOk(postern, `/api/messages/${second}`, undefined, 'GET')).data).toMatchObject({ subject: 'second' });
  const alone = await postMessage(postern, [mail()]);
  expect(alone.json, 'an array of one is answered with an array').toEqual({ ids: [expect.stringMatching(ID)], queue: 'organisation' });
});

test('an array is accepted as a whole or refused with the fault of each message', async () => {
  await expectRefused([mail(), mail({ to: 'nobody' }), mail({ subject: 'a\nb' })], {
    '[1].to': expect.any(String),
    '[2].subject': expect.stringContaining('one line'),
  });
  await expectRefused([], { request: expect.stringContaining('1 to 500') });
  await expectRefused(mails('too many', 501), { request: expect.stringContaining('1 to 500') });
  await expectRefused([mail(), 'x', null], { '[1]': expect.any(String), '[2]': expect.any(String) });
  expect((await postMessage(postern, mails('many', 500))).json.ids).toHaveLength(500);
});

const INJECTION = 'Fire\r\nBcc: spy@example.net';
const attached = (file: Mail) => ({ attachments: [{ filename: 'a.txt', content: 'aGFsbA==', ...file }] });

for (const [description, wrong, field, text] of [
  ['no recipient', { to: undefined }, 'to', 'at least one recipient'],
  ['an empty list of recipients', { to: [] }, 'to', 'at least one recipient'],
  ['an invalid recipient', { to: 'desk' }, 'to', ''],
  ['an invalid recipient among valid ones', { to: ['a@example.org', 'desk@', 'b@example.org'] }, 'to[1]', ''],
  ['an invalid Cc', { cc: 'x y@example.org' }, 'cc', ''],
  ['an invalid Bcc', { bcc: ['@example.org'] }, 'bcc', ''],
  ['two recipients in one string', { to: 'a@example.org, b@example.org' }, 'to', 'list of strings'],
  ['a command behind a recipient', { to: 'a@example.org>\r\nRCPT TO:<spy@example.net' }, 'to', ''],
  ['101 recipients', { to: Array.from({ length: 101 }, (_, n) => `${n}@example.org`) }, 'to', 'at most 100'],
  ['an invalid sender', { from: 'alerts' }, 'from', ''],
  ['a header behind the sender', { from: 'alerts@example.org\r\nBcc: spy@example.net' }, 'from', ''],
  ['a header in the name of the sender', { from: `${INJECTION} <alerts@example.org>` }, 'from', ''],
  ['a header in the name of a recipient', { to: `${INJECTION} <desk@example.org>` }, 'to', ''],
  ['a header in Reply-To', { reply_to: `${INJECTION} <desk@example.org>` }, 'reply_to', ''],
  ['a header in the subject', { subject: INJECTION }, 'subject', 'one line'],
  ['a lone CR in the subject', { subject: 'Fire\rBcc: spy@example.net' }, 'subject', 'one line'],
  ['a header in a header value', { headers: { 'X-Job': INJECTION } }, 'headers', '“X-Job”'],
  ['a header in a header name', { headers: { 'X\r\nBcc': 'spy@example.net' } }, 'headers', 'A name has'],
  ['Bcc among the headers', { headers: { bcc: 'spy@example.net' } }, 'headers', 'blind copies'],
  ['Received among the headers', { headers: { Received: 'from here' } }, 'headers', '“Received”'],
  ['Content-Type among the headers', { headers: { 'content-type': 'text/html' } }, 'headers', '“content-type”'],
  ['Content-anything among the headers', { headers: { 'Content-X': '1' } }, 'headers', '“Content-X”'],
  ['a header that has a field of its own', { headers: { Subject: 'x' } }, 'headers', 'a field of its own'],
  ['headers that are not an object', { headers: ['X-Job: 1'] }, 'headers', 'object'],
  ['broken base64', attached({ content: 'aGFsb' }), 'attachments[0].content', 'base64'],
  ['text instead of base64', attached({ content: 'Fire!' }), 'attachments[0].content', 'base64'],
  ['an attachment without content', attached({ content: undefined }), 'attachments[0].content', 'required'],
  ['an attachment without a name', attached({ filename: '' }), 'attachments[0].filename', 'name'],
  ['a header in the name of a file', attached({ filename: 'a\r\nX: y' }), 'attachments[0].filename', 'control'],
  ['an invalid media type', attached({ content_type: 'text' }), 'attachments[0].content_type', ''],
  ['a header in a media type', attached({ content_type: 'text/plain\r\nX: y' }), 'attachments[0].content_type', ''],
  ['an invalid content id', attached({ content_id: 'a b>' }), 'attachments[0].content_id', 'ASCII'],
  ['two Senders', { headers: { Sender: 'a@example.org, b@example.org' } }, 'headers', 'one Sender'],
  ['References without brackets', { headers: { References: '1@example.org' } }, 'headers', '“References”'],
  ['an overlong line in a header', { headers: { 'X-Job': 'x'.repeat(992) } }, 'headers', '999 octets'],
  ['an unknown field', { subjekt: 'x' }, 'subjekt', 'no such field'],
  ['a field of another type', { text: 1 }, 'text', 'a string'],
] as const) {
  test(`refused by field: ${description}`, async () => {
    await expectRefused(mail(wrong), { [field]: expect.stringContaining(text) });
  });
}

test('all faults are reported together', async () => {
  await expectRefused(mail({ from: 'x', to: ['a', 'b'], subject: 'a\nb', headers: { Bcc: 'a@example.org' } }), {
    'from': expect.any(String),
    'to[0]': expect.any(String),
    'to[1]': expect.any(String),
    'subject': expect.any(String),
    'headers': expect.any(String),
  });
});

const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64');
const HEAD = 'From: a@example.org\r\nTo: b@example.org\r\n';

for (const [description, raw, text] of [
  ['with a lone LF', `${HEAD}\r\nFire\n.\r\n`, 'Line 4 has a LF alone'],
  ['with a lone CR', `${HEAD}\r\nFire\r.\r\n`, 'Line 4 has a CR alone'],
  ['with a lone CR in the header', `${HEAD}Subject: a\rBcc: b\r\n\r\nFire`, 'Line 3 has a CR alone'],
  ['with a NUL', `${HEAD}\r\nFire\0`, 'NUL'],
  ['with an overlong line', `${HEAD}\r\n${'x'.repeat(999)}`, 'at most 998'],
  ['without a header', '\r\nFire', 'has none'],
  ['with an invalid header', 'Fire!\r\n\r\n', 'Line 1'],
  ['without content', '', 'empty'],
  ['with a lone CR where lines end with LF', 'From: a@example.org\nTo: b@example.org\n\nFire\r!\n', 'Line 4 has a CR alone'],
  ['with octets above 127 in its Date', `${HEAD}Date: fr\xfch\r\n\r\nFire`, 'Date in line 3 has octets above 127'],
  ['with an empty From', 'To: b@example.org\r\nFrom: \r\n\r\nFire', 'From in line 2 names no address'],
  ['with a second From', `${HEAD}From: c@example.org\r\n\r\nFire`, 'From is in lines 1 and 3'],
] as const) {
  test(`a raw message ${description} is refused`, async () => {
    await expectRefused({ raw: base64(raw) }, { raw: expect.stringContaining(text) });
  });
}

test('a Bcc header that names another recipient than the fields is refused', async () => {
  const raw = base64(`${HEAD}Bcc: spy@example.org\r\n\r\nFire`);
  await expectRefused({ raw, to: 'b@example.org' }, { raw: expect.stringContaining('spy@example.org') });
});

test('a raw message is base64 and excludes the other content fields', async () => {
  await expectRefused({ raw: 'From: a@example.org' }, { raw: expect.stringContaining('base64') });
  await expectRefused(
    { raw: base64(`${HEAD}\r\nFire`), subject: 'x', text: 'y' },
    { subject: expect.stringContaining('omit the field'), text: expect.stringContaining('omit the field') },
  );
});

test('submitting requires a token', async () => {
  for (const headers of [
    { authorization: '' },
    { authorization: 'Bearer postern_not-one' },
    { authorization: `Basic ${btoa(`x:${postern.token}`)}` },
  ]) {
    const response = await postMessage(postern, mail(), headers);
    expect(response.status, headers.authorization).toBe(401);
    expect(response.json).toMatchObject({ status: 'error', errors: { request: expect.any(String) } });
  }
  const [id = ''] = await submit(postern, mail(), bearer(await postern.createAccount('sender@example.org', 'user')));
  expect((await requestOk(postern, `/api/messages/${id}`, undefined, 'GET')).data).toMatchObject({ by: 'sender@example.org' });
  await expectState(postern, id, 'delivered');
});

test('submitting requires valid JSON', async () => {
  const text = JSON.stringify(mail());
  for (const [type, body, status] of [
    ['text/plain', text, 415],
    ['application/x-www-form-urlencoded', 'to=desk@example.org', 415],
    ['', text, 415],
    ['application/json', '', 400],
    ['application/json', '{', 400],
    ['application/json', `${text}x`, 400],
    ['application/json', '"mail"', 400],
    ['application/json', '{"to":'.repeat(5000), 400],
    ['application/json', text.replace('{', '{"to":"spy@example.net",'), 400],
    ['application/json', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 400],
    ['application/json', Buffer.alloc(40 * 1024 * 1024 + 1, ' '), 413],
  ] as const) {
    const response = await postMessage(postern, body, { 'content-type': type });
    const description = `${type}: ${body.slice(0, 30)}`;
    expect(response.status, description).toBe(status);
    expect(response.json, description).toEqual({ status: 'error', errors: { request: expect.any(String) } });
  }
  expect((await postMessage(postern, text, { 'content-type': 'Application/JSON; charset=utf-8' })).status).toBe(202);
});

test('a message of more than 25 MiB is refused with the size of its parts', async () => {
  const file = (size: number) => mail(attached({ content: Buffer.alloc(size, 'x').toString('base64') }));
  await expectRefused(file(20 * 1024 * 1024), { attachments: expect.stringContaining('25 MiB') });
  const [id = ''] = await submit(postern, file(17 * 1024 * 1024));
  await expectState(postern, id, 'delivered');
});

test('a repeated Idempotency-Key returns the first response', async () => {
  const key = { 'idempotency-key': 'order-4711' };
  const first = await postMessage(postern, [mail(), mail()], key);
  expect(first.status).toBe(202);
  const before = await listMessages();
  expect((await postMessage(postern, [mail(), mail()], key)).json).toEqual(first.json);
  const other = await postMessage(postern, [mail({ subject: 'another' })], key);
  expect(other.status).toBe(422);
  expect(other.json.errors).toEqual({ 'Idempotency-Key': expect.stringContaining('another body') });
  expect(await listMessages(), 'no further message').toEqual(before);

  const user = bearer(await postern.createAccount('other@example.org', 'user'));
  expect((await postMessage(postern, [mail(), mail()], { ...key, ...user })).json, 'keys are separate per account').not.toEqual(first.json);
  for (const bad of ['', 'a b', 'k'.repeat(256)]) {
    expect((await postMessage(postern, mail(), { 'idempotency-key': bad })).json.errors).toEqual({
      'Idempotency-Key': expect.any(String),
    });
  }
  const refused = { 'idempotency-key': 'order-4712' };
  expect((await postMessage(postern, mail({ to: 'x' }), refused)).status).toBe(422);
  expect((await postMessage(postern, mail(), refused)).status, 'a refused request does not use up the key').toBe(202);
});

test('of concurrent requests with one key one is stored', async () => {
  const key = { 'idempotency-key': 'at-once' };
  const answers = await Promise.all(Array.from({ length: 12 }, () => postMessage(postern, mail({ subject: 'at once' }), key)));
  const accepted = answers.filter((response) => response.status === 202);
  const rest = answers.filter((response) => response.status !== 202);
  expect(new Set(accepted.map((response) => response.json.id)).size).toBe(1);
  rest.forEach((response) => expect(response, response.text).toMatchObject({ status: 409, headers: { 'retry-after': '1' } }));
  await expectState(postern, String(accepted[0]?.json.id), 'delivered');
  expect(relay.mails.all.filter(({ mail }) => mail.subject === 'at once')).toHaveLength(1);
});
