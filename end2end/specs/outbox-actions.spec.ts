//! Actions on messages over REST: single, bulk with a confirmed count, pause, suppressions.

import { expect, test } from '@playwright/test';
import { type RecipientReplies, counts, expectCounts, expectState, mail, mails, message, overview, requestOk, startWithRelay, submit } from '../support/messages.ts';
import { fields, parseResponse } from '../support/test-server.ts';

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

test('a bulk action requires the confirmed number and changes no more', async () => {
  const { postern, relay, stop } = await startWithRelay();
  const act = (body: Record<string, unknown>) => requestOk(postern, '/api/messages/act', body);
  await submit(postern, mails('Alarm', 3));
  await submit(postern, mail({ to: 'mara@example.org', subject: 'Other' }));
  const matching = { subject: 'alarm' };
  expect((await act({ act: 'cancel', matching })).data).toEqual({ number: 3, done: false });
  expect(await counts(postern)).toMatchObject({ queued: 4 });
  await submit(postern, mails('Alarm again', 1));
  const response = await postern.request('/api/messages/act', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ act: 'cancel', matching, number: 3 }),
  });
  expect(response.status).toBe(409);
  expect(parseResponse(response).json.errors).toEqual({ number: expect.stringContaining('The number is 4 by now') });
  expect(await counts(postern), 'nothing has changed').toMatchObject({ queued: 5, cancelled: 0 });
  expect((await act({ act: 'cancel', matching, number: 4 })).data).toEqual({ number: 4, done: true });
  await postern.save(fields(relay));
  expect((await relay.mails.next()).mail.subject).toBe('Other');
  await expectCounts(postern, { delivered: 1, cancelled: 4, queued: 0 });
  for (const [body, field] of [
    [{ matching }, 'act'],
    [{ act: 'lose', matching }, 'act'],
    [{ act: 'cancel' }, 'matching'],
    [{ act: 'cancel', matching: { adress: 'a' } }, 'adress'],
    [{ act: 'cancel', matching, number: 'all' }, 'number'],
  ] as const) {
    const headers = { 'content-type': 'application/json' };
    const refused = parseResponse(await postern.request('/api/messages/act', { method: 'POST', headers, body: JSON.stringify(body) }));
    expect([refused.status, Object.keys(refused.json.errors)]).toEqual([422, [field]]);
  }
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
  await requestOk(postern, '/api/messages/act', { act: 'release', matching: {}, number: 3 });
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

  await requestOk(postern, `/api/suppressions/${encodeURIComponent('Gone@example.org')}`, undefined, 'DELETE');
  expect(await list()).toHaveLength(0);
  await requestOk(postern, `/api/messages/${second}/retry`);
  await expectState(postern, second, 'delivered', 'delivered');
  expect((await relay.mails.next()).to).toEqual(['Gone@example.org']);
  await stop();
});
