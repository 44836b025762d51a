//! `postern deliver` beside `serve`: shutdown, SIGKILL, and paused delivery with `--hold-mail`.

import { expect, test } from '@playwright/test';
import { expectCommandFailure } from '../support/command-failure.ts';
import { DeliverProcess } from '../support/deliver-process.ts';
import { counts, expectCounts, expectState, mail, mails, message, overview, postMessage, requestOk, submit } from '../support/messages.ts';
import { runPostern } from '../support/program.ts';
import { Relay } from '../support/relay.ts';
import { scriptedRelay, sendNothing } from '../support/scripted-relay.ts';
import { TestServer, fields } from '../support/test-server.ts';

const NO_DELIVERY = { arguments: ['--no-delivery'] };

test('with --no-delivery mail is queued until postern deliver sends it', async () => {
  const [served, relay] = await Promise.all([TestServer.start(NO_DELIVERY), Relay.start()]);
  const { data } = served.postern;
  await served.save(fields(relay));
  await submit(served, mails('before', 5));
  expect(await overview(served)).toMatchObject({ workers: [], configured: true });
  expect(await counts(served)).toMatchObject({ queued: 5 });
  const deliverer = await DeliverProcess.start(data);
  await expectCounts(served, { delivered: 5, queued: 0 });
  await expect.poll(async () => (await overview(served)).workers).toMatchObject([{ host: expect.any(String) }]);
  await submit(served, mails('beside', 5));
  await expectCounts(served, { delivered: 10 });

  const moved = await Relay.start();
  await served.save(fields(moved));
  await submit(served, mail({ subject: 'moved' }));
  expect((await moved.mails.next()).mail.subject, 'a save takes effect in the deliver process').toBe('moved');
  await requestOk(served, '/api/outbox/pause', { on: true });
  const [held = ''] = await submit(served, mail());
  await expectState(served, held, 'held');
  await requestOk(served, '/api/outbox/pause', { on: false });
  await requestOk(served, `/api/messages/${held}/release`);
  await expectState(served, held, 'delivered');

  expect(await deliverer.stop()).toBe(0);
  await expect.poll(async () => (await overview(served)).workers, 'it says goodbye').toEqual([]);
  const [queuedId = ''] = await submit(served, mail());
  await expectState(served, queuedId, 'queued');
  expect(relay.mails.all).toHaveLength(10);
  await Promise.all([relay.stop(), moved.stop(), served.stop()]);
});

test('a second delivering process on the same data folder is refused', async () => {
  const served = await TestServer.start(NO_DELIVERY);
  const { data } = served.postern;
  const deliverer = await DeliverProcess.start(data);
  const text = 'another process delivers the mail';
  expectCommandFailure(await runPostern(['deliver', '--data', data]), 1, text, '--no-delivery');
  expect(await served.postern.stop({ keepData: true })).toBe(0);
  expectCommandFailure(await runPostern(['serve', '--listen', '127.0.0.1:0', '--data', data]), 1, text);
  expect(await deliverer.stop()).toBe(0);
  const again = await served.restart();
  expectCommandFailure(await runPostern(['deliver', '--data', data]), 1, text);
  await again.stop();
});

for (const [ending, signal] of [['by SIGTERM', 'SIGTERM'], ['by SIGKILL', 'SIGKILL']] as const) {
  test(`a message of a deliver process that ends ${ending} is sent by the next`, async () => {
    const hangingRelay = await scriptedRelay({ RCPT: sendNothing });
    const [served, relay] = await Promise.all([TestServer.start(NO_DELIVERY), Relay.start()]);
    await served.save(fields(hangingRelay));
    const ids = await submit(served, mails('Alarm', 8));
    const deliverer = await DeliverProcess.start(served.postern.data);
    await hangingRelay.connections.next();
    const leased = async () => {
      const messages = await Promise.all(ids.map((id) => message(served, id)));
      return messages.filter(({ recipients }) => recipients[0]?.leased).length;
    };
    await expect.poll(leased).toBeGreaterThan(0);
    expect(await deliverer.stop(signal)).toBe(signal === 'SIGTERM' ? 0 : null);
    if (signal === 'SIGTERM') {
      expect(await leased(), 'the leases are released').toBe(0);
    }
    expect(await counts(served)).toMatchObject({ queued: 8, deferred: 0, failed: 0 });
    await served.save(fields(relay));
    const next = await DeliverProcess.start(served.postern.data);
    await expectCounts(served, { queued: 0, delivered: 8 });
    expect(relay.mails.all).toHaveLength(8);
    expect(await next.stop()).toBe(0);
    await Promise.all([hangingRelay.stop(), relay.stop(), served.stop()]);
  });
}

test('a server that is stopped while a relay hangs releases its leases', async () => {
  const hangingRelay = await scriptedRelay({ DATA: sendNothing });
  const [served, relay] = await Promise.all([TestServer.start(), Relay.start()]);
  await served.save(fields(hangingRelay));
  await submit(served, mails('Alarm', 8));
  await hangingRelay.connections.next();
  expect(await served.postern.stop({ keepData: true })).toBe(0);
  const again = await served.restart(NO_DELIVERY);
  expect(await counts(again)).toMatchObject({ queued: 8, deferred: 0, failed: 0 });
  await again.save(fields(relay));
  const deliverer = await DeliverProcess.start(again.postern.data);
  await expectCounts(again, { delivered: 8 });
  expect(relay.mails.all).toHaveLength(8);
  await deliverer.stop();
  await Promise.all([hangingRelay.stop(), relay.stop(), again.stop()]);
});

test('every acknowledged message is delivered after SIGKILL', async () => {
  test.slow();
  const relay = await Relay.start();
  let served = await TestServer.start();
  await served.save(fields(relay));
  const acknowledged = new Set<string>();
  let number = 0;
  for (const crash of [1, 2, 3]) {
    const receivedBefore = relay.mails.all.length;
    const produce = async () => {
      for (;;) {
        const subject = `mail ${number++}`;
        const response = await postMessage(served, mail({ subject })).catch(() => undefined);
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
    await served.postern.stop({ keepData: true, signal: 'SIGKILL' });
    await Promise.all(producers);
    served = await served.restart();
  }
  await expectCounts(served, { queued: 0, deferred: 0, failed: 0 });
  const arrived = relay.mails.all.map(({ mail }) => mail.subject ?? '');
  const missing = [...acknowledged].filter((subject) => !arrived.includes(subject));
  expect(missing, 'no acknowledged message is lost').toEqual([]);
  expect(acknowledged.size).toBeGreaterThan(100);
  const twice = arrived.length - new Set(arrived).size;
  expect(twice, 'duplicates are limited to messages in doubt').toBeLessThanOrEqual(3 * 20);
  await Promise.all([relay.stop(), served.stop()]);
});

test('POSTERN_HOLD_MAIL holds mail, and delivery cannot be resumed while it is set', async () => {
  const relay = await Relay.start();
  const held = await TestServer.start({ env: { POSTERN_HOLD_MAIL: 'true' } });
  await held.save(fields(relay));
  const [id = ''] = await submit(held, mail());
  await expectState(held, id, 'held');
  const told = { pause: { since: null, by: '' }, counts: { held: { number: 1 } } };
  expect(await overview(held)).toMatchObject(told);
  await requestOk(held, '/api/outbox/pause', { on: false });
  expect(await overview(held)).toMatchObject(told);
  await held.postern.stop({ keepData: true });
  const free = await held.restart();
  await submit(free, mail({ subject: 'new' }));
  expect((await relay.mails.next()).mail.subject, 'held messages stay held').toBe('new');
  await expectState(free, id, 'held');
  await requestOk(free, `/api/messages/${id}/release`);
  await expectState(free, id, 'delivered');
  await Promise.all([relay.stop(), free.stop()]);
});
