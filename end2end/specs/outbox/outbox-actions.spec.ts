//! Actions on messages over REST: single, bulk with a confirmed count, pause, suppressions.

import { expect, test } from '@playwright/test';
import { type RecipientReplies, actOnAll, counts, expectCounts, expectState, mail, mails, message, overview, requestOk, startWithRelay, submit } from '../../support/mail/messages.ts';
import { fields, parseResponse } from '../../support/api/test-server.ts';

test('one message is held, released, retried and cancelled', async () => {
  const moods: RecipientReplies = { moody: { code: 554, text: '5.7.1 Not today' } };
  const { postern, relay, stop } = await startWithRelay(moods);
  const [held = '', failed = '', cancelled = ''] = await submit(postern, [
    mail({ subject: 'held' }),
    mail({ subject: 'failed', to: 'moody@example.org' }),
    mail({ subject: 'cancelled' }),
  ]);
  expect((await requestOk(postern, `/api/messages/${held}/hold`)).data).toEqual({ number: 1 });
  expect((await requestOk(postern, `/api/messages/${cancelled}/cancel`)).data).toEqual({ number: 1 });
  await postern.save(fields(relay));
  await expectState(postern, failed, 'failed');
  expect((await requestOk(postern, `/api/messages/${held}/retry`)).data, 'a held message cannot be retried').toEqual({ number: 0 });
  delete moods.moody;
  expect((await requestOk(postern, `/api/messages/${failed}/retry`)).data).toEqual({ number: 1 });
  expect((await requestOk(postern, `/api/messages/${held}/release`)).data).toEqual({ number: 1 });
  await expectState(postern, failed, 'delivered');
  await expectState(postern, held, 'delivered');
  await expectState(postern, cancelled, 'cancelled');
  const eventsOf = async (id: string) => (await message(postern, id)).recipients[0]?.timeline.map((row) => [row.kind, row.by]);
  const admin = 'admin@example.org';
  const relayAddress = expect.stringContaining('127.0.0.1:');
  expect(await eventsOf(held)).toEqual([['held', admin], ['released', admin], ['delivered', relayAddress]]);
  expect(await eventsOf(failed)).toEqual([['failed', relayAddress], ['retried', admin], ['delivered', relayAddress]]);
  expect(await eventsOf(cancelled)).toEqual([['cancelled', admin]]);
  expect(relay.mails.all.map(({ mail }) => mail.subject).sort()).toEqual(['failed', 'held']);
  await stop();
});

test('a bulk action requires the confirmed number and leaves later messages alone', async () => {
  const { postern, relay, stop } = await startWithRelay();
  const act = (body: Record<string, unknown>) => requestOk(postern, '/api/messages/act', body);
  const refusedFields = async (body: Record<string, unknown>) => {
    const headers = { 'content-type': 'application/json' };
    const refused = parseResponse(await postern.request('/api/messages/act', { method: 'POST', headers, body: JSON.stringify(body) }));
    return [refused.status, refused.json.errors];
  };
  await submit(postern, mail({ to: 'mara@example.org', subject: 'Other' }));
  const [, , newest = ''] = await submit(postern, mails('Alarm', 3));
  const matching = { subject: 'alarm' };
  expect((await act({ act: 'cancel', matching })).data).toEqual({ number: 3, up_to: newest, done: false });
  expect(await counts(postern)).toMatchObject({ queued: 4 });
  const fewer = { act: 'cancel', matching, number: 2, up_to: newest };
  expect(await refusedFields(fewer)).toEqual([409, { number: expect.stringContaining('The number of recipients is 3 by now') }]);
  expect(await counts(postern), 'nothing has changed').toMatchObject({ queued: 4, cancelled: 0 });
  const [later = ''] = await submit(postern, mails('Alarm again', 1));
  expect((await act({ act: 'cancel', matching, number: 3, up_to: newest })).data).toEqual({ number: 3, up_to: null, done: true });
  await postern.save(fields(relay));
  await expectState(postern, later, 'delivered');
  await expectCounts(postern, { delivered: 2, cancelled: 3, queued: 0 });
  for (const [body, field] of [
    [{ matching }, 'act'],
    [{ act: 'lose', matching }, 'act'],
    [{ act: 'cancel' }, 'matching'],
    [{ act: 'cancel', matching: { adress: 'a' } }, 'adress'],
    [{ act: 'cancel', matching, number: 'all', up_to: newest }, 'number'],
    [{ act: 'cancel', matching, number: 1 }, 'up_to'],
    [{ act: 'cancel', matching, up_to: newest }, 'number'],
  ] as const) {
    expect(await refusedFields(body)).toEqual([422, { [field]: expect.any(String) }]);
  }
  await stop();
});

test('an action on many recipients is seen, and stopped', async () => {
  const { postern, stop } = await startWithRelay();
  const to = Array.from({ length: 100 }, (_, desk) => `desk${desk}@example.org`);
  await submit(postern, mails('Alarm', 200, { to }));
  const counted = (await requestOk(postern, '/api/messages/act', { act: 'hold', matching: {} })).data;
  expect(counted).toMatchObject({ number: 20_000 });
  const acted = requestOk(postern, '/api/messages/act', { act: 'hold', matching: {}, ...counted, done: undefined });
  await expect(async () => {
    await requestOk(postern, '/api/messages/act', undefined, 'DELETE');
  }).toPass({ intervals: [5] });
  const { number: done } = (await acted).data as unknown as { number: number };
  expect(done).toBeLessThan(20_000);
  expect((await overview(postern)).act).toMatchObject({ act: 'hold', by: 'admin@example.org', number: 20_000, done, state: 'stopped' });
  expect(await counts(postern)).toMatchObject({ held: done, queued: 20_000 - done });
  await actOnAll(postern, 'hold', {}, 20_000 - done);
  await actOnAll(postern, 'release', {}, 20_000);
  expect((await overview(postern)).act).toMatchObject({ act: 'release', done: 20_000, state: 'done' });
  await stop();
});

test('while delivery is paused mail is accepted and not sent', async () => {
  const { postern, relay, stop } = await startWithRelay();
  await postern.save(fields(relay));
  await requestOk(postern, '/api/outbox/pause', { on: true });
  expect(await overview(postern)).toMatchObject({ pause: { by: 'admin@example.org', since: expect.any(String) } });
  const ids = await submit(postern, mails('Held', 3));
  expect(await counts(postern)).toMatchObject({ held: 3, queued: 0 });
  await requestOk(postern, '/api/outbox/pause', { on: false });
  const [later = ''] = await submit(postern, mail({ subject: 'later' }));
  await expectState(postern, later, 'delivered');
  expect(relay.mails.all.map(({ mail }) => mail.subject), 'held messages stay held').toEqual(['later']);
  await actOnAll(postern, 'release', {}, 3);
  for (const id of ids) {
    await expectState(postern, id, 'delivered');
  }
  expect(relay.mails.all).toHaveLength(4);
  await stop();
});

test('a suppressed address is skipped until it is removed', async () => {
  const unknownRecipient = { code: 550, text: '5.1.1 No such user here' };
  const moods: RecipientReplies = { Gone: unknownRecipient, bare: { code: 550, text: 'No such user' }, policy: { code: 550, text: '5.7.1 No' } };
  const { postern, relay, stop } = await startWithRelay(moods);
  await postern.save(fields(relay));
  const to = ['Gone@example.org', 'bare@example.org', 'policy@example.org'];
  const [first = ''] = await submit(postern, mail({ to }));
  await expectState(postern, first, 'failed', 'failed', 'failed');
  const list = async (query = '') => (await requestOk(postern, `/api/suppressions${query}`, undefined, 'GET')).data;
  const entry = { address: expect.stringMatching(/^gone@example\.org$/i), reply: expect.stringContaining('550 5.1.1'), id: first };
  expect(await list(), 'only a reply about the address suppresses it').toMatchObject([entry]);
  expect(await list()).toHaveLength(1);
  expect(await list('?address=GO')).toHaveLength(1);
  expect(await list('?address=x')).toHaveLength(0);

  delete moods.Gone;
  const [second = ''] = await submit(postern, mail({ to: ['Gone@example.org', 'desk@example.org'] }));
  await expectState(postern, second, 'failed', 'delivered');
  expect((await message(postern, second)).recipients[0]).toMatchObject({ attempts: 0, reply: expect.stringContaining('5.1.1') });
  expect((await relay.mails.next()).to).toEqual(['desk@example.org']);

  for (const [query, number] of [['reply=NO+SUCH', 1], ['reply=5.1.2', 0], ['since=2001-01-01', 1], ['since=2101-01-01', 0]] as const) {
    expect(await list(`?${query}`), query).toHaveLength(number);
  }
  expect((await requestOk(postern, '/api/suppressions/remove', { matching: { reply: '5.1.1' } })).data).toEqual({ number: 1, done: false });
  await requestOk(postern, `/api/suppressions/${encodeURIComponent('Gone@example.org')}`, undefined, 'DELETE');
  expect(await list()).toHaveLength(0);
  await requestOk(postern, `/api/messages/${second}/retry`);
  await expectState(postern, second, 'delivered', 'delivered');
  expect((await relay.mails.next()).to).toEqual(['Gone@example.org']);
  await stop();
});

test('a relay that reports every address as unknown suppresses 20, which are removed at once', async () => {
  const unknown = Array.from({ length: 25 }, (_, desk) => `desk${desk}`);
  const moods: RecipientReplies = Object.fromEntries(unknown.map((name) => [name, { code: 550, text: '5.1.2 No such domain' }]));
  const { postern, relay, stop } = await startWithRelay(moods);
  await postern.save(fields(relay));
  const [id = ''] = await submit(postern, mail({ to: unknown.map((name) => `${name}@example.org`) }));
  await expectState(postern, id, ...unknown.map(() => 'failed'));
  const reached = { suppression_limit: { listed: 20, limit: 20 } };
  expect(await overview(postern)).toMatchObject(reached);
  const matching = { reply: '5.1.2' };
  const remove = (body: Record<string, unknown>) => requestOk(postern, '/api/suppressions/remove', body);
  expect((await remove({ matching })).data).toEqual({ number: 20, done: false });
  expect((await remove({ matching, number: 20 })).data).toEqual({ number: 20, done: true });
  expect(await overview(postern)).toMatchObject({ suppression_limit: null });
  for (const name of unknown) {
    delete moods[name];
  }
  await actOnAll(postern, 'retry', { state: 'failed' }, 25);
  await expectState(postern, id, ...unknown.map(() => 'delivered'));
  await stop();
});
