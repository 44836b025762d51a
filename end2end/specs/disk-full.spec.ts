//! A full disk: submissions are refused with 503, accepted mail is delivered later.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { expectCommandFailure } from '../support/command-failure.ts';
import { Disk, diskUnavailable } from '../support/disk.ts';
import { expectCounts, mail, message, postMessage, submit } from '../support/messages.ts';
import { Postern } from '../support/postern.ts';
import { runPostern as run } from '../support/program.ts';
import { Relay } from '../support/relay.ts';
import { closedPort } from '../support/tcp-relay.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { SETTINGS_PATH, TestServer, fields } from '../support/test-server.ts';

const reason = diskUnavailable();
test.skip(reason !== undefined, reason);

let disk: Disk;

test.afterEach(() => disk.unmount());

/** Message sizes in octets. */
const SIZES = [200_000, 20_000, 1_000];

/** Submits until even the smallest message is refused. Returns subject and id of accepted ones. */
async function fillDisk(postern: TestServer): Promise<Map<string, string>> {
  const taken = new Map<string, string>();
  let number = 0;
  for (const size of SIZES) {
    for (let refused = 0; refused < 5; ) {
      const subject = `mail ${number++} of ${size}`;
      const response = await postMessage(postern, mail({ subject, text: 'Fire in the hall. '.repeat(size / 18) }));
      if (response.status === 202) {
        taken.set(subject, String(response.json.id));
        continue;
      }
      refused += 1;
      expect(response.status, response.text).toBe(503);
      expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
      expect(response.json).toEqual({ status: 'error', errors: { request: expect.stringMatching(/full|disk/i) } });
    }
  }
  return taken;
}

for (const killed of [false, true]) {
  test(`what was accepted before the disk was full arrives when there is room${killed ? ', though it was killed' : ''}`, async () => {
    disk = new Disk(6);
    const relay = await Relay.start();
    let postern = await TestServer.start({ data: disk.data });
    const taken = await fillDisk(postern);
    expect(taken.size).toBeGreaterThan(5);
    const many = await postMessage(postern, Array.from({ length: 500 }, () => mail({ text: 'x'.repeat(10_000) })));
    expect(many.status, many.text).toBe(503);
    const [id = ''] = taken.values();
    expect((await message(postern, id)).id, 'it can still be looked at').toBe(id);
    // A save is small and may still fit. The port is closed, so no mail leaves.
    const { status, text } = await postern.save(fields({ port: await closedPort() }));
    expect([200, 503], text).toContain(status);
    expect((await postern.read()).json.revision, 'nor is a save pretended').toBe(status === 200 ? 1 : 0);
    if (killed) {
      await postern.postern.stop({ keepData: true, signal: 'SIGKILL' });
    }
    disk.grow(64);
    if (killed) {
      postern = await postern.restart();
    }
    expect((await postern.save(fields(relay))).status).toBe(200);
    await expectCounts(postern, { queued: 0, delivered: taken.size });
    const arrived = relay.mails.all.map(({ mail }) => mail.subject ?? '').sort();
    expect(arrived, 'all that was accepted, once, and nothing else').toEqual([...taken.keys()].sort());
    await submit(postern, mail({ subject: 'room again' }));
    await expectCounts(postern, { delivered: taken.size + 1 });
    await Promise.all([relay.stop(), postern.stop()]);
  });
}

test('what the relay takes while the disk is full is delivered once', async () => {
  disk = new Disk(6);
  const relay = await Relay.start();
  const postern = await TestServer.start({ data: disk.data });
  await postern.save(fields(relay));
  const taken = await fillDisk(postern);
  disk.grow(64);
  await expectCounts(postern, { queued: 0, delivered: taken.size });
  const arrived = relay.mails.all.map(({ mail }) => mail.subject ?? '').sort();
  expect(arrived).toEqual([...taken.keys()].sort());
  await Promise.all([relay.stop(), postern.stop()]);
});

test('a full disk takes nothing else away: who is refused is told why, and who hangs up harms nobody', async () => {
  disk = new Disk(6);
  const relay = await Relay.start();
  const postern = await TestServer.start({ data: disk.data });
  const taken = await fillDisk(postern);
  const attempts = Array.from({ length: 40 }, (_, number) =>
    number % 2 ? postern.save(fields(relay)) : postMessage(postern, mail({ text: 'x'.repeat(200_000) })),
  );
  for (const { status, text } of await Promise.all(attempts)) {
    // A save is small and may still fit.
    expect([200, 503], text).toContain(status);
  }
  const save = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ data: fields(relay) }) };
  for (let number = 0; number < 40; number++) {
    const patience = new AbortController();
    const going = postern.request(SETTINGS_PATH, { ...save, signal: patience.signal }).catch(() => undefined);
    await postern.read();
    patience.abort();
    await going;
  }
  disk.grow(64);
  expect((await postern.save(fields(relay))).status).toBe(200);
  await expectCounts(postern, { queued: 0, delivered: taken.size });
  await Promise.all([relay.stop(), postern.stop()]);
});

test('it stops at once though the disk is full', async () => {
  disk = new Disk(6);
  const postern = await TestServer.start({ data: disk.data });
  await fillDisk(postern);
  await postern.stop();
});

test('a key for which there was no room is made when there is', async () => {
  disk = new Disk(1);
  mkdirSync(disk.data, { mode: 0o700 });
  const data = temporaryFolder('data');
  symlinkSync(disk.data, join(data, 'keys'));
  expect(() => writeFileSync(join(disk.data, 'ballast'), Buffer.alloc(2 << 20))).toThrow('ENOSPC');
  expectCommandFailure(await run(['serve', '--listen', '127.0.0.1:0', '--data', data]), 1, /No space left/);
  disk.grow(2);
  const served = await Postern.start({ data });
  await served.stop();
});
