//! Backups with the program: beside a running server, restored elsewhere, killed halfway, refused.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, statSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { expectCommandFailure } from '../../support/program/command-failure.ts';
import { signIn } from '../../support/api/forms.ts';
import { sendRequest } from '../../support/api/http.ts';
import { expectState, mail, mails, overview, requestOk, submit } from '../../support/mail/messages.ts';
import { binary, environment, runPostern } from '../../support/program/program.ts';
import { Relay } from '../../support/relays/relay.ts';
import { closedPort } from '../../support/relays/tcp-relay.ts';
import { remove, temporaryFolder } from '../../support/temporary.ts';
import { PASSWORD, SETTINGS_PATH, TestServer, fields } from '../../support/api/test-server.ts';

const NO_DELIVERY = { arguments: ['--no-delivery'] };

/** The files of a backup in a new folder. */
function backupFiles() {
  const folder = temporaryFolder('backup');
  return { folder, file: join(folder, 'backup'), keys: join(folder, 'keys') };
}

/** Runs a command and kills it once so many changes of a folder were seen. */
async function killAfter(changes: number, folder: string, args: string[]): Promise<void> {
  const child = spawn(binary(), args, { env: environment({}), stdio: 'ignore' });
  const ended = once(child, 'exit');
  let seen = 0;
  const watcher = watch(folder, () => {
    seen += 1;
    if (seen >= changes) {
      child.kill('SIGKILL');
    }
  });
  await ended;
  watcher.close();
}

test('a backup beside a running server is restored and sends nothing until delivery is resumed', async () => {
  const [server, relay] = await Promise.all([TestServer.start(NO_DELIVERY), Relay.start()]);
  const { data, url } = server.postern;
  const { file, keys } = backupFiles();
  await server.save(fields(relay));
  const cookie = await signIn(url, 'admin@example.org', PASSWORD);
  const [queued = ''] = await submit(server, mail({ subject: 'before' }));
  const made = await server.command(['backup', file, '--keys', keys]);
  expect(made).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining(`its key is in ${keys}`) });
  for (const path of [file, keys]) {
    expect(statSync(path).mode & 0o777, path).toBe(0o600);
  }
  await submit(server, mail({ subject: 'after' }));
  await server.postern.stop({ keepData: true });
  renameSync(data, `${data}-lost`);

  const restored = await runPostern(['restore', file, '--keys', keys, '--data', data]);
  expect(restored).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('delivery is paused') });
  const other = await server.restart();
  const worker = [{ host: expect.any(String) }];
  await expect.poll(async () => (await overview(other)).workers).toMatchObject(worker);
  const paused = { pause: { by: expect.stringMatching(/^postern restore, backup of \d{4}-/), since: expect.any(String) }, counts: { queued: { number: 1 } } };
  expect(await overview(other)).toMatchObject(paused);
  expect(relay.mails.all).toEqual([]);
  const page = await sendRequest(other.postern.url, SETTINGS_PATH, { headers: { cookie } });
  expect(page.status, 'the session of the backup has ended').toBe(401);
  await requestOk(other, '/api/outbox/pause', { on: false });
  expect((await relay.mails.next()).mail.subject).toBe('before');
  await expectState(other, queued, 'delivered');
  expect(relay.mails.all).toHaveLength(1);
  remove(`${data}-lost`);
  await Promise.all([relay.stop(), other.stop()]);
});

test('a killed backup leaves nothing under the name of the file, or all of it', async () => {
  test.slow();
  const server = await TestServer.start(NO_DELIVERY);
  await submit(server, mails('large', 20, { text: 'x'.repeat(100_000) }));
  for (let changes = 1; changes <= 8; changes += 1) {
    const { folder, file, keys } = backupFiles();
    await killAfter(changes, folder, ['backup', file, '--keys', keys, '--data', server.postern.data]);
    if (existsSync(file)) {
      const data = join(folder, 'data');
      const restored = await runPostern(['restore', file, '--keys', keys, '--data', data]);
      expect(restored, `killed after ${changes} changes: ${restored.stderr}`).toMatchObject({ code: 0 });
    } else {
      const made = await server.command(['backup', file, '--keys', keys]);
      expect(made, 'what was left is not in the way').toMatchObject({ code: 0 });
    }
  }
  await server.stop();
});

test('a killed restoration leaves no database, or all of it', async () => {
  test.slow();
  const server = await TestServer.start(NO_DELIVERY);
  const { folder, file, keys } = backupFiles();
  await submit(server, mails('large', 20, { text: 'x'.repeat(100_000) }));
  expect(await server.command(['backup', file, '--keys', keys])).toMatchObject({ code: 0 });
  await server.stop();
  for (let changes = 1; changes <= 12; changes += 1) {
    const data = join(folder, `data-${changes}`);
    mkdirSync(data, { mode: 0o700 });
    const args = ['restore', file, '--keys', keys, '--data', data];
    await killAfter(changes, data, args);
    if (!existsSync(join(data, 'postern.db'))) {
      expect(await runPostern(args), 'what was left is not in the way').toMatchObject({ code: 0 });
    }
    const listed = await runPostern(['token', 'list', '--data', data]);
    expect(listed, listed.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('admin@example.org') });
  }
});

test('what cannot be backed up, restored or moved is refused in one line', async () => {
  const server = await TestServer.start(NO_DELIVERY);
  const { data } = server.postern;
  const { folder, file, keys } = backupFiles();
  const made = await server.command(['backup', file]);
  expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('the keys are not in it') });
  expectCommandFailure(await server.command(['backup', file]), 1, `${file} exists already`);
  expectCommandFailure(await server.command(['backup', join(folder, 'absent', 'file')]), 1, 'No such file');
  const postgres = { env: { POSTERN_DATABASE: 'postgres://postern:secret@127.0.0.1/postern' } };
  expectCommandFailure(await server.command(['backup', join(folder, 'other')], postgres), 1, 'pg_dump');

  expectCommandFailure(await server.command(['restore', file]), 1, 'in use by another postern serve');
  expectCommandFailure(await server.command(['migrate', '--to', 'postgres://postern@127.0.0.1/x']), 1, 'in use by another postern serve');
  await server.postern.stop({ keepData: true });
  expectCommandFailure(await server.command(['restore', file]), 1, 'is not empty, it has');
  const empty = join(folder, 'data');
  const restore = (...args: string[]) => runPostern(['restore', ...args, '--data', empty]);
  expectCommandFailure(await restore(join(folder, 'absent')), 1, 'cannot be read');
  writeFileSync(join(folder, 'letter'), 'Dear Sir or Madam');
  expectCommandFailure(await restore(join(folder, 'letter')), 1, 'it is not a database of Postern');
  writeFileSync(keys, 'postern keys 1: 1\n', { mode: 0o600 });
  expectCommandFailure(await restore(file, '--keys', keys), 1, 'is not a whole file of keys');
  chmodSync(keys, 0o640);
  expectCommandFailure(await restore(file, '--keys', keys), 1, 'can be read by others');
  expect(readdirSync(empty).filter((name) => !name.endsWith('lock'))).toEqual([]);

  const url = `postgres://postern:secret@127.0.0.1:${await closedPort()}/postern`;
  const refused = await server.command(['migrate', '--to', url]);
  expectCommandFailure(refused, 1, 'visible to every user', 'POSTERN_DATABASE_URL_FILE');
  const unreachable = await server.command(['migrate'], { env: { POSTERN_DATABASE_URL: url } });
  expectCommandFailure(unreachable, 1, 'PostgreSQL at 127.0.0.1:');
  expectCommandFailure(await server.command(['migrate']), 2, '--to, or POSTERN_DATABASE_URL');
  expectCommandFailure(await server.command(['migrate'], postgres), 1, 'is PostgreSQL already');
  expect(refused.stderr + unreachable.stderr).not.toContain('secret');
  remove(data);
});
