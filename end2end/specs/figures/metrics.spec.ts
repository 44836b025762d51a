//! `GET /metrics`: authorisation, and counters that follow the mail.

import { hostname } from 'node:os';
import { expect, test } from '@playwright/test';
import { loopback } from '../../support/program/chroot.ts';
import { sendRequest } from '../../support/api/http.ts';
import { actOnAll, type RecipientReplies, bearer, expectCounts, mail, mails, startWithRelay, submit } from '../../support/mail/messages.ts';
import { Postern } from '../../support/program/postern.ts';
import { fields } from '../../support/api/test-server.ts';

/** Samples by name and labels. */
async function samples(base: string): Promise<Record<string, number>> {
  const response = await sendRequest(base, '/metrics');
  expect(response.status, response.text).toBe(200);
  expect(response.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  const lines = response.text.trimEnd().split('\n').filter((line) => !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

test('metrics are for this machine and for administrators', async () => {
  const { postern, stop } = await startWithRelay();
  const user = await postern.createAccount('mara@example.org', 'user');
  const status = async (headers: Record<string, string>) => (await sendRequest(postern.postern.url, '/metrics', { headers })).status;
  expect(await status({}), 'from this machine').toBe(200);
  for (const [name, value] of [
    ['x-forwarded-for', '192.0.2.1'],
    ['forwarded', 'for=192.0.2.1'],
    ['via', '1.1 proxy'],
  ] as const) {
    const passedOn = { [name]: value };
    expect(await status(passedOn), name).toBe(401);
    expect(await status({ ...passedOn, authorization: 'Bearer postern_wrong' }), name).toBe(401);
    expect(await status({ ...passedOn, ...bearer(user) }), name).toBe(403);
    expect(await status({ ...passedOn, ...bearer(postern.token) }), name).toBe(200);
  }
  const renamed = await sendRequest(postern.postern.url, '/metrics', { headers: { host: hostname() } });
  expect(renamed.status, 'under another name than that of loopback').toBe(401);
  await stop();
});

test('with a public URL or a proxy, metrics need a token or a port of their own', async () => {
  for (const env of [{ POSTERN_PUBLIC_URL: 'http://mail.example.org' }, { POSTERN_TRUSTED_PROXIES: '192.0.2.1' }]) {
    const listen = `${loopback()}:3000`;
    const own = `${loopback()}:3001`;
    const server = await Postern.start({ listen, env: { ...env, POSTERN_METRICS_LISTEN: own } });
    expect((await sendRequest(`http://${listen}`, '/metrics')).status).toBe(401);
    const response = await sendRequest(`http://${own}`, '/metrics');
    expect([response.status, response.text]).toEqual([200, expect.stringContaining('postern_accepted_total 0')]);
    expect((await sendRequest(`http://${own}`, '/login')).status, 'nothing else').toBe(404);
    expect(await server.stop()).toBe(0);
  }
});

test('the counters follow the mail', async () => {
  const moods: RecipientReplies = {
    later: { code: 450, text: '4.2.0 Come back' },
    never: { code: 554, text: '5.7.1 Not from you' },
  };
  const { postern, relay, stop } = await startWithRelay(moods);
  const { url } = postern.postern;
  expect(await samples(url)).toMatchObject({
    'postern_accepted_total': 0,
    'postern_queue{state="queued"}': 0,
    'postern_oldest_seconds': 0,
    'postern_delivery_seconds_count': 0,
    'postern_lost_secrets': 0,
    'postern_key_files_missing': 0,
    'postern_key_age_seconds': expect.any(Number),
  });
  await submit(postern, mails('Alarm', 3));
  await submit(postern, mail({ to: ['later@example.org', 'never@example.org'] }));
  await expect.poll(async () => (await samples(url)).postern_oldest_seconds).toBeGreaterThan(0);
  expect(await samples(url)).toMatchObject({
    'postern_accepted_total': 4,
    'postern_delivered_total': 0,
    'postern_queue{state="queued"}': 5,
  });
  await postern.save(fields(relay));
  await expectCounts(postern, { delivered: 3, deferred: 1, failed: 1, queued: 0 });
  const figures = await samples(url);
  expect(figures).toMatchObject({
    'postern_accepted_total': 4,
    'postern_delivered_total': 3,
    'postern_deferred_total': 1,
    'postern_failed_total': 1,
    'postern_queue{state="queued"}': 0,
    'postern_queue{state="deferred"}': 1,
    'postern_queue{state="failed"}': 1,
    'postern_delivery_seconds_count': 3,
    'postern_delivery_seconds_bucket{le="+Inf"}': 3,
  });
  expect(figures.postern_delivery_seconds_sum).toBeGreaterThan(0);
  expect(figures.postern_write_seconds_count, 'transactions of this process').toBeGreaterThan(0);
  expect(figures['postern_write_seconds_bucket{le="+Inf"}']).toBe(figures.postern_write_seconds_count);
  expect(figures.postern_connections, 'connections are kept open').toBeGreaterThan(0);
  await actOnAll(postern, 'cancel', {}, 2);
  expect(await samples(url)).toMatchObject({
    'postern_queue{state="deferred"}': 0,
    'postern_queue{state="failed"}': 0,
    'postern_oldest_seconds': 0,
  });
  await stop();
});
