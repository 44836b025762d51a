//! `postern deliver` beside `serve`: shutdown, SIGKILL, and paused delivery with `--hold-mail`.

import { hostname } from 'node:os';
import { expect, test } from '@playwright/test';
import { expectCommandFailure } from '../../support/program/command-failure.ts';
import { DeliverProcess } from '../../support/program/deliver-process.ts';
import { counts, expectCounts, expectState, mail, mails, message, overview, postMessage, requestOk, submit } from '../../support/mail/messages.ts';
import { runPostern } from '../../support/program/program.ts';
import { Relay } from '../../support/relays/relay.ts';
import { scriptedRelay, sendNothing } from '../../support/relays/scripted-relay.ts';
import { TestServer, fields } from '../../support/api/test-server.ts';

const NO_DELIVERY = { arguments: ['--no-delivery'] };

test('with --no-delivery mail is queued until postern deliver sends it', async () => {
  const [server, relay] = await Promise.all([TestServer.start(NO_DELIVERY), Relay.start()]);
  const { data } = server.postern;
  await server.save(fields(relay));
  await submit(server, mails('before', 5));
  expect(await overview(server)).toMatchObject({ workers: [], configured: true });
  expect(await counts(server)).toMatchObject({ queued: 5 });
  const deliverer = await DeliverProcess.start(data);
  await expectCounts(server, { delivered: 5, queued: 0 });
  await expect.poll(async () => (await overview(server)).workers).toMatchObject([{ host: expect.any(String) }]);
  await submit(server, mails('beside', 5));
  await expectCounts(server, { delivered: 10 });

  const newRelay = await Relay.start();
  await server.save(fields(newRelay));
  await submit(server, mail({ subject: 'moved' }));
  expect((await newRelay.mails.next()).mail.subject, 'a save takes effect in the deliver process').toBe('moved');
  await requestOk(server, '/api/outbox/pause', { on: true });
  const [held = ''] = await submit(server, mail());
  await expectState(server, held, 'held');
  await requestOk(server, '/api/outbox/pause', { on: false });
  await requestOk(server, `/api/messages/${held}/release`);
  await expectState(server, held, 'delivered');

  expect(await deliverer.stop()).toBe(0);
  await expect.poll(async () => (await overview(server)).workers, 'the worker has unregistered').toEqual([]);
  const [queuedId = ''] = await submit(server, mail());
  await expectState(server, queuedId, 'queued');
  expect(relay.mails.all).toHaveLength(10);
  await Promise.all([relay.stop(), newRelay.stop(), server.stop()]);
});

test('a second delivering process on the same data folder is refused', async () => {
  const server = await TestServer.start(NO_DELIVERY);
  const { data } = server.postern;
  const deliverer = await DeliverProcess.start(data);
  const text = 'another process delivers the mail';
  expectCommandFailure(await runPostern(['deliver', '--data', data]), 1, text, '--no-delivery');
  expect(await server.postern.stop({ keepData: true })).toBe(0);
  expectCommandFailure(await runPostern(['serve', '--listen', '127.0.0.1:0', '--data', data]), 1, text);
  expect(await deliverer.stop()).toBe(0);
  const restarted = await server.restart();
  expectCommandFailure(await runPostern(['deliver', '--data', data]), 1, text);
  await restarted.stop();
});

for (const [ending, signal] of [['by SIGTERM', 'SIGTERM'], ['by SIGKILL', 'SIGKILL']] as const) {
  test(`a message of a deliver process that ends ${ending} is sent by the next`, { tag: '@waits' }, async () => {
    const hangingRelay = await scriptedRelay({ RCPT: sendNothing });
    const [server, relay] = await Promise.all([TestServer.start(NO_DELIVERY), Relay.start()]);
    await server.save(fields(hangingRelay));
    const ids = await submit(server, mails('Alarm', 8));
    const deliverer = await DeliverProcess.start(server.postern.data);
    await hangingRelay.connections.next();
    const leased = async () => {
      const messages = await Promise.all(ids.map((id) => message(server, id)));
      return messages.filter(({ recipients }) => recipients[0]?.leased).length;
    };
    await expect.poll(leased).toBeGreaterThan(0);
    expect(await deliverer.stop(signal)).toBe(signal === 'SIGTERM' ? 0 : null);
    if (signal === 'SIGTERM') {
      expect(await leased(), 'the leases are released').toBe(0);
    }
    expect(await counts(server)).toMatchObject({ queued: 8, deferred: 0, failed: 0 });
    await server.save(fields(relay));
    const next = await DeliverProcess.start(server.postern.data);
    await expectCounts(server, { queued: 0, delivered: 8 });
    expect(relay.mails.all).toHaveLength(8);
    expect(await next.stop()).toBe(0);
    await Promise.all([hangingRelay.stop(), relay.stop(), server.stop()]);
  });
}

test('a server that is stopped while a relay hangs releases its leases', async () => {
  const hangingRelay = await scriptedRelay({ DATA: sendNothing });
  const [server, relay] = await Promise.all([TestServer.start(), Relay.start()]);
  await server.save(fields(hangingRelay));
  await submit(server, mails('Alarm', 8));
  await hangingRelay.connections.next();
  expect(await server.postern.stop({ keepData: true })).toBe(0);
  const restarted = await server.restart(NO_DELIVERY);
  expect(await counts(restarted)).toMatchObject({ queued: 8, deferred: 0, failed: 0 });
  await restarted.save(fields(relay));
  const deliverer = await DeliverProcess.start(restarted.postern.data);
  await expectCounts(restarted, { delivered: 8 });
  expect(relay.mails.all).toHaveLength(8);
  await deliverer.stop();
  await Promise.all([hangingRelay.stop(), relay.stop(), restarted.stop()]);
});

test('every acknowledged message is delivered after SIGKILL', async () => {
  test.slow();
  const relay = await Relay.start();
  let server = await TestServer.start();
  await server.save(fields(relay));
  const acknowledged = new Set<string>();
  let number = 0;
  for (const crash of [1, 2, 3]) {
    const receivedBefore = relay.mails.all.length;
    const produce = async () => {
      for (;;) {
        const subject = `mail ${number++}`;
        const response = await postMessage(server, mail({ subject })).catch(() => undefined);
        if (response?.status !== 202) {
          return;
        }
        acknowledged.add(subject);
      }
    };
    const producers = Array.from({ length: 6 }, produce);
    while (relay.mails.all.length < receivedBefore + 30 * crash) {
      await relay.mails.next();
    }
    await server.postern.stop({ keepData: true, signal: 'SIGKILL' });
    await Promise.all(producers);
    server = await server.restart();
  }
  await expectCounts(server, { queued: 0, deferred: 0, failed: 0 });
  const arrived = relay.mails.all.map(({ mail }) => mail.subject ?? '');
  const missing = [...acknowledged].filter((subject) => !arrived.includes(subject));
  expect(missing, 'no acknowledged message is lost').toEqual([]);
  expect(acknowledged.size).toBeGreaterThan(100);
  const twice = arrived.length - new Set(arrived).size;
  expect(twice, 'duplicates are limited to messages in doubt').toBeLessThanOrEqual(3 * 64);
  await Promise.all([relay.stop(), server.stop()]);
});

test('POSTERN_HOLD_MAIL holds mail, and delivery cannot be resumed while it is set', async () => {
  const relay = await Relay.start();
  const server = await TestServer.start({ env: { POSTERN_HOLD_MAIL: 'true' } });
  await server.save(fields(relay));
  const [id = ''] = await submit(server, mail());
  await expectState(server, id, 'held');
  const expectedOverview = { pause: { since: null, by: hostname() }, counts: { held: { number: 1 } } };
  expect(await overview(server)).toMatchObject(expectedOverview);
  await requestOk(server, '/api/outbox/pause', { on: false });
  expect(await overview(server)).toMatchObject(expectedOverview);
  await server.postern.stop({ keepData: true });
  const restarted = await server.restart();
  await submit(restarted, mail({ subject: 'new' }));
  expect((await relay.mails.next()).mail.subject, 'held messages stay held').toBe('new');
  await expectState(restarted, id, 'held');
  await requestOk(restarted, `/api/messages/${id}/release`);
  await expectState(restarted, id, 'delivered');
  await Promise.all([relay.stop(), restarted.stop()]);
});

test('--hold-mail of a server pauses a deliver process beside it until the server stops', async () => {
  const relay = await Relay.start();
  const server = await TestServer.start({ arguments: ['--no-delivery', '--hold-mail'] });
  await server.save(fields(relay));
  const deliverer = await DeliverProcess.start(server.postern.data);
  const [id = ''] = await submit(server, mail({ subject: 'held' }));
  await expectState(server, id, 'held');
  await requestOk(server, `/api/messages/${id}/release`);
  const paused = { pause: { since: null, by: hostname() }, counts: { queued: { number: 1 } } };
  expect(await overview(server)).toMatchObject(paused);
  expect(await server.postern.stop({ keepData: true })).toBe(0);
  const restarted = await server.restart(NO_DELIVERY);
  expect((await relay.mails.next()).mail.subject).toBe('held');
  await expectState(restarted, id, 'delivered');
  expect(await overview(restarted)).toMatchObject({ pause: null });
  expect(await deliverer.stop()).toBe(0);
  await Promise.all([relay.stop(), restarted.stop()]);
});

test('--hold-mail of a deliver process pauses the server beside it', async () => {
  const [server, relay] = await Promise.all([TestServer.start(NO_DELIVERY), Relay.start()]);
  await server.save(fields(relay));
  const deliverer = await DeliverProcess.start(server.postern.data, ['--hold-mail']);
  const paused = { pause: { since: null, by: hostname() }, workers: [{ host: hostname() }] };
  await expect.poll(() => overview(server)).toMatchObject(paused);
  const [id = ''] = await submit(server, mail());
  await expectState(server, id, 'held');
  expect(await deliverer.stop()).toBe(0);
  expect(await overview(server)).toMatchObject({ pause: null, workers: [] });
  await Promise.all([relay.stop(), server.stop()]);
});
