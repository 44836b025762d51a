//! A full disk: submissions are refused with 503, accepted mail is delivered later.

import { mkdirSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { expectCommandFailure } from '../../support/program/command-failure.ts';
import { Disk, diskUnavailable } from '../../support/program/disk.ts';
import { expectCounts, mail, message, postMessage, submit } from '../../support/mail/messages.ts';
import { Postern } from '../../support/program/postern.ts';
import { runPostern as run } from '../../support/program/program.ts';
import { Relay } from '../../support/relays/relay.ts';
import { closedPort } from '../../support/relays/tcp-relay.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { SETTINGS_PATH, TestServer, fields } from '../../support/api/test-server.ts';

const reason = diskUnavailable();
test.skip(reason !== undefined, reason);

let disk: Disk;

test.afterEach(() => disk.unmount());

/** Lets mail fill the disk. */
const NO_RESERVE = { POSTERN_QUEUE_MINFREE: '0' };

const MIB = 1024 * 1024;

/** Message sizes in octets. */
const SIZES = [200_000, 20_000, 1_000];

/** Submits until even the smallest message is refused. Returns subject and id of accepted ones. */
async function fillDisk(postern: TestServer): Promise<Map<string, string>> {
  const accepted = new Map<string, string>();
  let number = 0;
  for (const size of SIZES) {
    for (let refused = 0; refused < 5; ) {
      const subject = `mail ${number++} of ${size}`;
      const response = await postMessage(postern, mail({ subject, text: 'Fire in the hall. '.repeat(size / 18) }));
      if (response.status === 202) {
        accepted.set(subject, String(response.json.id));
        continue;
      }
      refused += 1;
      expect(response.status, response.text).toBe(503);
      expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
      expect(response.json).toEqual({ status: 'error', errors: { request: expect.stringMatching(/full|disk/i) } });
    }
  }
  return accepted;
}

for (const killed of [false, true]) {
  test(`mail accepted before the disk was full is delivered when there is space${killed ? ', after SIGKILL' : ''}`, async () => {
    disk = new Disk(6);
    const relay = await Relay.start();
    let postern = await TestServer.start({ data: disk.data, env: NO_RESERVE });
    const accepted = await fillDisk(postern);
    expect(accepted.size).toBeGreaterThan(5);
    const many = await postMessage(postern, Array.from({ length: 500 }, () => mail({ text: 'x'.repeat(10_000) })));
    expect(many.status, many.text).toBe(503);
    const [id = ''] = accepted.values();
    expect((await message(postern, id)).id, 'the message can be read').toBe(id);
    // A save is small and may still fit. The port is closed, so no mail leaves.
    const { status, text } = await postern.save(fields({ port: await closedPort() }));
    expect([200, 503], text).toContain(status);
    expect((await postern.read()).json.revision, 'the revision matches the response').toBe(status === 200 ? 1 : 0);
    if (killed) {
      await postern.postern.stop({ keepData: true, signal: 'SIGKILL' });
    }
    disk.grow(64);
    if (killed) {
      postern = await postern.restart({ env: NO_RESERVE });
    }
    expect((await postern.save(fields(relay))).status).toBe(200);
    await expectCounts(postern, { queued: 0, delivered: accepted.size });
    const arrived = relay.mails.all.map(({ mail }) => mail.subject ?? '').sort();
    expect(arrived, 'every accepted message, once').toEqual([...accepted.keys()].sort());
    await submit(postern, mail({ subject: 'room again' }));
    await expectCounts(postern, { delivered: accepted.size + 1 });
    await Promise.all([relay.stop(), postern.stop()]);
  });
}

test('mail is refused before the disk is full, and delivery goes on', async () => {
  disk = new Disk(80);
  const postern = await TestServer.start({ data: disk.data });
  const accepted = await fillDisk(postern);
  expect(accepted.size).toBeGreaterThan(20);
  const free = () => statfsSync(disk.data).bavail * statfsSync(disk.data).bsize;
  expect(free(), 'the reserve is free').toBeGreaterThan(63 * MIB);
  const relay = await Relay.start();
  expect((await postern.save(fields(relay))).status, 'settings are saved').toBe(200);
  await expectCounts(postern, { queued: 0, delivered: accepted.size });
  const more = await fillDisk(postern);
  const delivered = accepted.size + more.size;
  await expectCounts(postern, { queued: 0, delivered });
  expect(free(), 'results use the reserve').toBeGreaterThan(60 * MIB);
  disk.grow(200);
  await expect(async () => {
    expect((await postMessage(postern, mail({ subject: 'room again' }))).status).toBe(202);
  }).toPass();
  await expectCounts(postern, { delivered: delivered + 1 });
  await Promise.all([relay.stop(), postern.stop()]);
});

test('mail that the relay accepts while the disk is full is delivered once', async () => {
  disk = new Disk(6);
  const relay = await Relay.start();
  const postern = await TestServer.start({ data: disk.data, env: NO_RESERVE });
  await postern.save(fields(relay));
  const accepted = await fillDisk(postern);
  disk.grow(64);
  await expectCounts(postern, { queued: 0, delivered: accepted.size });
  const arrived = relay.mails.all.map(({ mail }) => mail.subject ?? '').sort();
  expect(arrived).toEqual([...accepted.keys()].sort());
  await Promise.all([relay.stop(), postern.stop()]);
});

test('a full disk refuses with a reason, and clients that disconnect do no harm', async () => {
  disk = new Disk(6);
  const relay = await Relay.start();
  const postern = await TestServer.start({ data: disk.data, env: NO_RESERVE });
  const accepted = await fillDisk(postern);
  const attempts = Array.from({ length: 40 }, (_, number) =>
    number % 2 ? postern.save(fields(relay)) : postMessage(postern, mail({ text: 'x'.repeat(200_000) })),
  );
  for (const { status, text } of await Promise.all(attempts)) {
    // A save is small and may still fit.
    expect([200, 503], text).toContain(status);
  }
  const save = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ data: fields(relay) }) };
  for (let number = 0; number < 40; number++) {
    const abort = new AbortController();
    const response = postern.request(SETTINGS_PATH, { ...save, signal: abort.signal }).catch(() => undefined);
    await postern.read();
    abort.abort();
    await response;
  }
  disk.grow(64);
  expect((await postern.save(fields(relay))).status).toBe(200);
  await expectCounts(postern, { queued: 0, delivered: accepted.size });
  await Promise.all([relay.stop(), postern.stop()]);
});

test('Postern stops at once while the disk is full', async () => {
  disk = new Disk(6);
  const postern = await TestServer.start({ data: disk.data, env: NO_RESERVE });
  await fillDisk(postern);
  await postern.stop();
});

test('a key that did not fit on the disk is created when there is space', async () => {
  const data = temporaryFolder('data');
  const keys = join(data, 'keys');
  mkdirSync(keys);
  disk = new Disk(1, keys);
  expect(() => writeFileSync(join(keys, 'ballast'), Buffer.alloc(2 << 20))).toThrow('ENOSPC');
  expectCommandFailure(await run(['serve', '--listen', '127.0.0.1:0', '--data', data]), 1, /No space left/);
  disk.grow(2);
  const server = await Postern.start({ data });
  await server.stop({ keepData: true });
});
