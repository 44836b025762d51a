//! Start and shutdown of `postern serve`: errors in one line, file modes, signals.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { expectCommandFailure } from '../../support/program/command-failure.ts';
import { sendRequest } from '../../support/api/http.ts';
import { Postern } from '../../support/program/postern.ts';
import { type CommandOptions, type ExitedProcess, runPostern } from '../../support/program/program.ts';
import { closedPort, silentRelay } from '../../support/relays/tcp-relay.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { TestServer, fields } from '../../support/api/test-server.ts';

function serve(data: string, args: string[] = [], options: CommandOptions = {}): Promise<ExitedProcess> {
  return runPostern(['serve', '--listen', '127.0.0.1:0', '--data', data, ...args], options);
}

/** A used data folder with its database and key. */
async function usedFolder(): Promise<{ data: string; key: string }> {
  const data = temporaryFolder('data');
  expect((await runPostern(['token', 'list', '--data', data])).code).toBe(0);
  const [key] = readdirSync(join(data, 'keys'));
  return { data, key: join(data, 'keys', key ?? '') };
}

test.describe('a signal while a test mail waits for a silent relay', () => {
  async function waiting() {
    const relay = await silentRelay();
    const { postern: server, ...console } = await serverWithWaitingTest(relay.port);
    await relay.connections.next();
    return { relay, served: server, ...console };
  }

  test('stops it gracefully', { tag: '@waits' }, async () => {
    const { relay, served: server, sent } = await waiting();
    const startedAt = Date.now();
    expect(await server.stop()).toBe(0);
    expect(Date.now() - startedAt).toBeLessThan(20_000);
    expect(await sent).toBe('cut');
    expect(server.output).toContain('stopped before every request had ended');
    await relay.stop();
  });

  test('a second signal stops it at once', async () => {
    const { relay, served: server, sent } = await waiting();
    server.signal('SIGTERM');
    await server.waitForOutput('a second signal stops at once');
    const startedAt = Date.now();
    expect(await server.stop()).toBe(1);
    expect(Date.now() - startedAt).toBeLessThan(9_000);
    expect(await sent).toBe('cut');
    await relay.stop();
  });
});

/** A Postern with a test mail in progress, and the result of that request. */
async function serverWithWaitingTest(port: number): Promise<{ postern: Postern; sent: Promise<string> }> {
  const server = await TestServer.start();
  expect((await server.save(fields({ port }, { smtp_command_timeout: '120' }))).status).toBe(200);
  const sent = server.test('me@example.net').then(
    (response) => String(response.status),
    () => 'cut',
  );
  return { postern: server.postern, sent };
}

test('a data folder that cannot be created', async () => {
  const file = join(temporaryFolder('data'), 'file');
  writeFileSync(file, '');
  for (const data of [file, join(file, 'below'), '/proc/postern', '/dev/null']) {
    expectCommandFailure(await serve(data), 1, `the data folder ${data} cannot be used`);
    expectCommandFailure(await runPostern(['token', 'list', '--data', data]), 1, data);
  }
});

test('a command does not create a mistyped data folder', async () => {
  const data = join(temporaryFolder('data'), 'typo');
  for (const command of [['token', 'list'], ['send-test', 'me@example.net'], ['account', 'passwd', 'me@example.net']]) {
    const result = await runPostern([...command, '--data', data], { input: 'a long enough password' });
    expectCommandFailure(result, 1, `the data folder ${data} does not exist`);
    expect(existsSync(data)).toBe(false);
  }
});

test('a data folder in use is refused, and commands still run', async () => {
  const first = await Postern.start();
  expectCommandFailure(await serve(first.data), 1, /is in use by another postern serve/);
  expect((await runPostern(['token', 'list', '--data', first.data])).code).toBe(0);
  expect(await first.stop({ keepData: true })).toBe(0);
  const second = await Postern.start({ data: first.data });
  expect(await second.stop()).toBe(0);
});

test('a port in use', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const listen = ['serve', '--listen', `127.0.0.1:${port}`, '--data', temporaryFolder('data')];
  expectCommandFailure(await runPostern(listen), 1, `cannot listen on 127.0.0.1:${port}`, /in use/);
  server.close();
});

test('a database that is down or silent is waited for until a signal', { tag: '@waits' }, async () => {
  const port = await closedPort();
  const stopAt = /waiting for PostgreSQL: .*\n/;
  const down = await serve(temporaryFolder('data'), ['--database', `postgres://postern@127.0.0.1:${port}/postern`], { stopAt });
  expect(down).toMatchObject({ code: 0, stdout: '' });
  expect(down.stderr).toMatch(new RegExp(`database cannot be opened: PostgreSQL at 127.0.0.1:${port}: .*refused`));

  const mute = await silentRelay();
  const env = { POSTERN_DATABASE: `postgres://postern:secret@127.0.0.1:${mute.port}/postern` };
  const unanswered = await serve(temporaryFolder('data'), [], { env, stopAt });
  expect(unanswered).toMatchObject({ code: 0, stderr: expect.stringContaining('does not answer in time') });
  expect(unanswered.stderr).not.toContain('secret');
  const command = await runPostern(['token', 'list', '--data', temporaryFolder('data')], { env });
  expectCommandFailure(command, 1, /does not answer in time/);
  await mute.stop();
});

test('a database that is not PostgreSQL, or whose URL cannot be read', async () => {
  for (const address of ['mysql://localhost/postern', 'postern', 'postgres://a b/c']) {
    expectCommandFailure(await serve(temporaryFolder('data'), ['--database', address]), 1, /postgres:\/\/user@host\/name/);
  }
  const missing = { env: { POSTERN_DATABASE_FILE: '/nowhere' } };
  expectCommandFailure(await serve(temporaryFolder('data'), [], missing), 1, /POSTERN_DATABASE_FILE cannot be read/);
  const file = join(temporaryFolder('url'), 'database');
  writeFileSync(file, `postgres://postern:secret@127.0.0.1:${await closedPort()}/postern`, { mode: 0o644 });
  const open = await serve(temporaryFolder('data'), [], { env: { POSTERN_DATABASE_FILE: file } });
  expectCommandFailure(open, 1, /POSTERN_DATABASE_FILE can be read by others.*chmod 600/);
  chmodSync(file, 0o600);
  const env = { POSTERN_DATABASE_FILE: file };
  const closed = await serve(temporaryFolder('data'), [], { env, stopAt: /waiting for PostgreSQL: .*\n/ });
  expect(closed.stderr).toMatch(/database cannot be opened: PostgreSQL at .*refused/);
});

test('a file that is not a database', async () => {
  const { data } = await usedFolder();
  writeFileSync(join(data, 'postern.db'), 'this is no database, whatever its name says '.repeat(100));
  expectCommandFailure(await serve(data), 1, /database cannot be opened.*not a database/);
});

test('a key that others can read stops the start, and a damaged one does not', async () => {
  const { data, key } = await usedFolder();
  chmodSync(key, 0o640);
  expectCommandFailure(await serve(data), 1, /can be read by others.*chmod 600/, key);
  chmodSync(key, 0o600);
  writeFileSync(key, 'nonsense');
  const damaged = await Postern.start({ data });
  await damaged.waitForOutput(/not a key file/);
  expect(await damaged.stop({ keepData: true })).toBe(0);
});

test('without a lost key Postern starts, and only sealed values are lost until the key is back', async () => {
  const before = await TestServer.start();
  const form = fields({ port: 25 }, { smtp_username: 'me', smtp_authentication_type: 'Plain' });
  expect((await before.save({ ...form, smtp_password: await before.sealed('secret') })).status).toBe(200);
  const { data } = before.postern;
  await before.postern.stop({ keepData: true });
  const [name = ''] = readdirSync(join(data, 'keys'));
  const key = join(data, 'keys', name);
  const good = readFileSync(key);
  rmSync(key);
  const after = await Postern.start({ data });
  const read = async () => {
    const response = await sendRequest(after.url, '/api/setup/email_smtp', { headers: { authorization: `Bearer ${before.token}` } });
    return JSON.parse(response.text);
  };
  expect(await read()).toMatchObject({ password: 're-enter', data: form });
  writeFileSync(key, good, { mode: 0o600 });
  expect(await read(), 'without a restart').toMatchObject({ password: 'saved', data: form });
  expect(await after.stop()).toBe(0);
});

test('contradictory and invalid flags', async () => {
  for (const [flag, value, pattern] of [
    ['--public-url', 'mail.example.org', /public URL must look like/],
    ['--public-url', 'https://mail.example.org/postern', /without a path/],
    ['--trusted-proxies', '10.0.0.0/33', /10\.0\.0\.0\/33 is not a network/],
    ['--relay-allow', 'example.org', /example\.org/],
    ['--relay-deny', '10.0.0', /10\.0\.0/],
    ['--database', 'postgres://postern@192.0.2.7/postern?sslmode=require', /sslmode=verify-full.*--database-insecure/],
    ['--relay-nat64', '2001:db8::/33', /2001:db8::\/33/],
  ] as const) {
    expectCommandFailure(await serve(temporaryFolder('data'), [flag, value]), 1, pattern);
  }
});

test('a data folder may have any name, and only its owner can read its files', async () => {
  const data = join(temporaryFolder('data'), 'a b?c=d#e%41&é;');
  mkdirSync(data, { mode: 0o755 });
  const server = await Postern.start({ data });
  await sendRequest(server.url, '/api/keys/browser');
  const files = readdirSync(data, { recursive: true }) as string[];
  expect(files).toEqual(expect.arrayContaining(['postern.db', 'keys']));
  for (const file of files) {
    expect(statSync(join(data, file)).mode & 0o077, file).toBe(0);
  }
  expect(await server.stop()).toBe(0);
});

test('a data folder that others may write is refused', async () => {
  for (const mode of [0o777, 0o1777, 0o770, 0o720, 0o702]) {
    const data = temporaryFolder('data');
    chmodSync(data, mode);
    expectCommandFailure(await serve(data), 1, /others may write.*chmod go-w/, data);
    expect(readdirSync(data), 'nothing was created').toEqual([]);
  }
});

test('links in the data folder are not followed', async () => {
  for (const name of ['lock', 'delivery.lock', 'keys', 'postern.db', 'postern.db-wal']) {
    const { data } = await usedFolder();
    const other = join(temporaryFolder('data'), 'other');
    if (name === 'keys') {
      renameSync(join(data, name), other);
    } else {
      writeFileSync(other, 'of somebody else');
      rmSync(join(data, name), { force: true });
    }
    symlinkSync(other, join(data, name));
    expectCommandFailure(await serve(data), 1, /is a link/, name);
    if (name !== 'keys') {
      expect(readFileSync(other, 'utf8'), name).toBe('of somebody else');
    }
  }
});

test('what others may write in the data folder is refused', async () => {
  for (const [name, mode] of [['keys', 0o777], ['postern.db', 0o666], ['lock', 0o660]] as const) {
    const { data } = await usedFolder();
    if (!existsSync(join(data, name))) {
      writeFileSync(join(data, name), '');
    }
    chmodSync(join(data, name), mode);
    expectCommandFailure(await serve(data), 1, /others may write.*chmod go-w/, name);
  }
});

test('a FIFO in place of a lock is refused at once', async () => {
  for (const name of ['lock', 'delivery.lock']) {
    const { data } = await usedFolder();
    rmSync(join(data, name), { force: true });
    execFileSync('mkfifo', [join(data, name)]);
    expectCommandFailure(await serve(data), 1, /is not a regular file/, name);
  }
});

test('started by root, it refuses what does not belong to the owner of its data folder', async () => {
  test.skip(process.getuid?.() !== 0, 'only root can change its user');
  const { data } = await usedFolder();
  chownSync(data, 65534, 65534);
  expectCommandFailure(await serve(data), 1, /does not belong to 65534.*chown -R 65534/);
});

test('no core dump is written', async () => {
  const server = await Postern.start();
  const limits = readFileSync(`/proc/${server.pid}/limits`, 'utf8');
  expect(limits).toMatch(/^Max core file size +0 +0 /m);
  expect(await server.stop()).toBe(0);
});

test('started by root, it runs as the owner of its data folder', async () => {
  test.skip(process.getuid?.() !== 0, 'only root can change its user');
  const [nobody, data] = [65534, temporaryFolder('data')];
  chownSync(data, nobody, nobody);
  expect((await runPostern(['token', 'list', '--data', data])).code).toBe(0);
  const server = await Postern.start({ data });
  await sendRequest(server.url, '/api/keys/browser');
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
  const ids = (name: string) => status.match(new RegExp(`^${name}:\\s*(.*)$`, 'm'))?.[1]?.trim().split(/\s+/);
  for (const name of ['Uid', 'Gid']) {
    expect(ids(name), name).toEqual(Array(4).fill(String(nobody)));
  }
  expect(ids('Groups'), 'no group of root is left').not.toContain('0');
  for (const file of readdirSync(data, { recursive: true }) as string[]) {
    expect(statSync(join(data, file)).uid, file).toBe(nobody);
  }
  expect(await server.stop()).toBe(0);
});

test('it continues when its log can no longer be written', async () => {
  const server = await Postern.start();
  server.stopReading();
  for (let request = 0; request < 3; request += 1) {
    expect((await sendRequest(server.url, '/login')).status).toBe(200);
  }
  expect(await server.stop()).toBe(0);
});

test('a signal stops an idle server at once', async () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const server = await Postern.start();
    const kept = await sendRequest(server.url, '/login');
    expect(kept.headers.connection, 'an idle connection does not delay the stop').not.toBe('close');
    const startedAt = Date.now();
    expect(await server.stop({ signal })).toBe(0);
    expect(Date.now() - startedAt).toBeLessThan(9_000);
  }
});
