//! Outbox queries over REST: states, delivery events, search, visibility per account.

import { expect, test } from '@playwright/test';
import { bearer, counts, expectCounts, expectState, mail, mails, message, overview, postMessage, startWithRelay, submit } from '../../support/mail/messages.ts';
import { Relay } from '../../support/relays/relay.ts';
import { resetConnection, scriptedRelay } from '../../support/relays/scripted-relay.ts';
import { closedPort } from '../../support/relays/tcp-relay.ts';
import { fields, parseResponse } from '../../support/api/test-server.ts';

test('mail is queued until settings are saved', async () => {
  const { postern, relay, stop } = await startWithRelay();
  const withoutSender = await postMessage(postern, mail({ from: undefined }));
  expect(withoutSender.status).toBe(422);
  expect(withoutSender.json.errors).toEqual({ from: expect.stringContaining('Set the field from') });
  const ids = await submit(postern, mails('Alarm', 30));
  const [first = ''] = ids;
  expect(await message(postern, first)).toMatchObject({
    id: first,
    by: 'admin@example.org',
    from: 'alerts@example.org',
    subject: 'Alarm 0',
    kept: true,
    recipients: [{ address: 'desk@example.org', state: 'queued', attempts: 0, reply: null, timeline: [] }],
  });
  expect(await overview(postern)).toMatchObject({
    configured: false,
    pause: null,
    counts: { queued: { number: 30, oldest: expect.stringMatching(/^\d{4}-/) }, delivered: { number: 0, oldest: null } },
  });
  await postern.save(fields(relay));
  for (const id of ids) {
    await expectState(postern, id, 'delivered');
  }
  expect(relay.mails.all.map(({ mail }) => mail.subject).sort()).toEqual(mails('Alarm', 30).map(({ subject }) => subject).sort());
  expect(await overview(postern)).toMatchObject({ configured: true, counts: { queued: { number: 0, oldest: null } } });
  await stop();
});

test('a failing relay backs off with its cause, and delivery resumes after the repair', async () => {
  const { postern, relay, stop } = await startWithRelay();
  const authRelay = await Relay.start({ auth: ['PLAIN'], users: { alerts: 'new secret' } });
  await postern.save(fields({ port: await closedPort() }));
  await submit(postern, mails('Alarm', 5));
  const backoff = async () => ((await overview(postern)).workers as { backoffs?: unknown[] }[])[0]?.backoffs?.[0];
  await expect.poll(backoff).toMatchObject({ relay: expect.stringMatching(/^127\.0\.0\.1:\d+$/), failure: { stage: 'tcp' } });
  expect(await counts(postern)).toMatchObject({ queued: 5, deferred: 0, failed: 0 });

  const login = { smtp_username: 'alerts', smtp_authentication_type: 'Plain', smtp_plaintext_auth: '1' };
  await postern.save(fields(authRelay, { ...login, smtp_password: await postern.sealed('old secret') }));
  await expect.poll(backoff).toMatchObject({ failure: { stage: 'auth', reply: { code: 535 } } });
  expect(await counts(postern)).toMatchObject({ queued: 5, deferred: 0, failed: 0 });
  await postern.save(fields(authRelay, { ...login, smtp_password: await postern.sealed('new secret') }));
  await expectCounts(postern, { queued: 0, delivered: 5 });
  expect(authRelay.mails.all).toHaveLength(5);
  expect(relay.mails.all).toHaveLength(0);
  await authRelay.stop();
  await stop();
});

test('each recipient has a state, attempts, the last reply, and a timeline', async () => {
  const { postern, relay, stop } = await startWithRelay({
    later: { code: 450, text: '4.2.0 Greylisted, come back' },
    never: { code: 554, text: '5.7.1 Not from you' },
  });
  await postern.save(fields(relay));
  const to = ['desk@example.org', 'later@example.org', 'never@example.org'];
  const [id = ''] = await submit(postern, mail({ to }));
  await expectState(postern, id, 'delivered', 'deferred', 'failed');
  expect((await relay.mails.next()).to, 'other recipients are delivered').toEqual(['desk@example.org']);
  const details = await message(postern, id);
  const [delivered, deferred, failed] = details.recipients;
  const relayAddress = expect.stringMatching(/^127\.0\.0\.1:\d+$/);
  expect(delivered).toMatchObject({ attempts: 1, next_attempt: null, reply: expect.stringContaining('250 2.0.0 Taken') });
  expect(delivered?.timeline).toMatchObject([{ kind: 'delivered', by: relayAddress, relay: 'Main relay', reason: 'first', may_have_arrived: false }]);
  expect(deferred).toMatchObject({ attempts: 1, leased: false, reply: expect.stringContaining('450 4.2.0 Greylisted') });
  expect(deferred?.timeline).toMatchObject([{ kind: 'deferred', by: relayAddress }]);
  const wait = Date.parse(deferred?.next_attempt ?? '') - Date.parse(deferred?.timeline[0]?.at ?? '');
  expect(wait, 'one minute with at most 25 % jitter').toBeGreaterThanOrEqual(60_000);
  expect(wait).toBeLessThanOrEqual(75_000);
  expect(failed).toMatchObject({ attempts: 1, next_attempt: null, reply: expect.stringContaining('554 5.7.1 Not from you') });
  expect(failed?.timeline).toMatchObject([{ kind: 'failed', by: relayAddress }]);
  const source = await postern.request(`/api/messages/${id}/source`);
  expect(source.headers).toMatchObject({ 'content-type': 'message/rfc822', 'cache-control': 'no-store' });
  expect(source.text).toBe(relay.mails.all[0]?.raw.toString('utf8'));
  await stop();
});

test('a connection lost after the final dot is marked as possibly delivered', async () => {
  const { postern, stop } = await startWithRelay();
  const cutting = await scriptedRelay({ sent: resetConnection });
  await postern.save(fields(cutting));
  const [id = ''] = await submit(postern, mail());
  await expectState(postern, id, 'deferred');
  expect((await message(postern, id)).recipients[0]?.timeline).toMatchObject([{ kind: 'deferred', may_have_arrived: true }]);
  await cutting.stop();
  await stop();
});

test('accounts see their own mail, administrators all mail', async () => {
  const { postern, stop } = await startWithRelay();
  const [owner, otherUser] = [await postern.createAccount('mara@example.org', 'user'), await postern.createAccount('ben@example.org', 'user')];
  const [ownersMessage = ''] = await submit(postern, mail({ from: 'mara@example.org', subject: 'Hers' }), bearer(owner));
  const [otherToken = ''] = await submit(postern, mail({ from: 'ben@example.org', subject: 'His' }), bearer(otherUser));
  const getWithToken = async (path: string, token: string) => parseResponse(await postern.request(path, { headers: bearer(token) }));
  const subjectsFor = async (token: string) =>
    ((await getWithToken('/api/messages', token)).json.data as unknown as { subject: string }[]).map(({ subject }) => subject);
  expect(await subjectsFor(owner)).toEqual(['Hers']);
  expect(await subjectsFor(otherUser)).toEqual(['His']);
  expect(await subjectsFor(postern.token)).toEqual(['His', 'Hers']);
  expect((await getWithToken(`/api/messages/${ownersMessage}`, owner)).json.data).toMatchObject({ id: ownersMessage, by: 'mara@example.org' });
  const foreign = await getWithToken(`/api/messages/${otherToken}`, owner);
  const absent = await getWithToken('/api/messages/01ARZ3NDEKTSV4RRFFQ69G5FAV', owner);
  expect(foreign.status).toBe(404);
  expect(foreign.json, 'the response is that for an unknown message').toEqual(absent.json);
  expect((await getWithToken('/api/outbox', owner)).json.data).toMatchObject({ counts: { queued: { number: 1 } } });

  for (const [method, path, body] of [
    ['GET', `/api/messages/${ownersMessage}/source`, undefined],
    ['POST', `/api/messages/${ownersMessage}/cancel`, undefined],
    ['POST', '/api/messages/act', '{"act":"cancel","matching":{}}'],
    ['POST', '/api/messages/act', '{"act":"cancel","matching":{},"number":9,"up_to":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}'],
    ['DELETE', '/api/messages/act', undefined],
    ['POST', '/api/outbox/pause', '{"on":true}'],
    ['GET', '/api/suppressions', undefined],
    ['DELETE', '/api/suppressions/a@example.org', undefined],
    ['POST', '/api/suppressions/remove', '{"matching":{}}'],
    ['POST', '/api/suppressions/remove', '{"matching":{},"number":1}'],
  ] as const) {
    const options = { method, body };
    const json = { 'content-type': 'application/json' };
    const refused = await postern.request(path, { ...options, headers: { ...json, ...bearer(owner) } });
    expect(refused.status, `${method} ${path} of a user: ${refused.text}`).toBe(403);
    const nobody = await postern.request(path, { ...options, headers: { ...json, authorization: '' } });
    expect(nobody.status, `${method} ${path} without authentication: ${nobody.text}`).toBe(401);
  }
  expect(await counts(postern)).toMatchObject({ queued: 2, cancelled: 0 });
  await stop();
});

test('mail is found by recipient, subject, id, state and time, in pages of fifty', async () => {
  const { postern, stop } = await startWithRelay();
  const ids = await submit(postern, mails('Report', 60).map((one, index) => ({ ...one, to: `desk${index}@example.org` })));
  const [special = ''] = await submit(postern, mail({ to: 'Mara_1@Example.ORG', cc: 'x@example.org', subject: '100% ÜBER' }));
  type Line = { id: string; to: string; subject: string; state: string; recipient: number };
  const page = async (query: string) => {
    const response = parseResponse(await postern.request(`/api/messages?${query}`));
    expect(response.status, response.text).toBe(200);
    return { lines: response.json.data as unknown as Line[], next: response.json.next as string | null };
  };
  const first = await page('');
  expect(first.lines).toHaveLength(50);
  expect(first.lines[0]).toMatchObject({ id: special, state: 'queued', subject: '100% ÜBER' });
  const second = await page(`before=${first.next}`);
  expect(second.next).toBeNull();
  const listed = [...first.lines, ...second.lines].map(({ id, recipient }) => `${id}.${recipient}`);
  expect(new Set(listed).size).toBe(62);
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
  for (const [query, number] of [
    ['address=desk1', 11],
    ['address=DESK10%40', 1],
    ['address=mara_', 1],
    ['address=mara%25', 0],
    ['subject=0%25', 2],
    ['subject=report+1', 11],
    ['subject=report+1&address=desk10', 1],
    [`id=${special}`, 2],
    [`id=${ids[7]?.toLowerCase()}`, 1],
    ['state=held', 0],
    ['state=queued&address=x', 1],
    ['subject=100%25+%C3%9Cb', 2],
    ['since=2020-01-01&until=2020-01-02T03:04', 0],
    [`since=2020-01-01&until=${tomorrow}&address=desk1`, 11],
    ["address=desk'--", 0],
  ] as const) {
    expect((await page(query)).lines, query).toHaveLength(number);
  }
  const refused = parseResponse(await postern.request('/api/messages?since=soon&state=lost&before=x'));
  expect(refused.status).toBe(422);
  expect(Object.keys(refused.json.errors).sort()).toEqual(['before', 'since', 'state']);
  await stop();
});

test('unknown messages and pages are refused', async () => {
  const { postern, stop } = await startWithRelay();
  const [id = ''] = await submit(postern, mail());
  const absent = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
  for (const [method, path, field] of [
    ['GET', `/api/messages/${absent}`, 'id'],
    ['GET', '/api/messages/no-id', 'id'],
    ['GET', `/api/messages/${absent}/source`, 'id'],
    ['POST', `/api/messages/${id}/lose`, 'act'],
    ['DELETE', '/api/suppressions/nobody@example.org', 'address'],
    ['GET', '/api/outboxes', 'request'],
    ['GET', '/api/messages/a/b/c', 'request'],
  ] as const) {
    const response = parseResponse(await postern.request(path, { method }));
    expect(response.status, `${method} ${path}`).toBe(404);
    expect(response.json, `${method} ${path}`).toEqual({ status: 'error', errors: { [field]: expect.any(String) } });
  }
  const wrong = await postern.request('/api/messages/send-email');
  expect([wrong.status, wrong.headers.allow], 'the path exists').toEqual([405, 'POST']);
  await stop();
});
