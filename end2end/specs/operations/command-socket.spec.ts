//! The command socket: test mails and reloads for local programs, and notifications of saves.

import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { type Server, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { expectCommandFailure } from '../../support/program/command-failure.ts';
import { askAs, openFolder, otherUsersUnavailable } from '../../support/program/local-user.ts';
import { Postern } from '../../support/program/postern.ts';
import { runPostern } from '../../support/program/program.ts';
import { Relay } from '../../support/relays/relay.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { TestServer, fields } from '../../support/api/test-server.ts';

/** The ids of two users without rights; the first one is listed. */
const [LISTED, UNLISTED] = [65_534, 65_533];

/** Sends a message, and returns the answer when the connection is closed. */
async function ask(path: string, message: string | Buffer): Promise<string> {
  const socket = connect(path);
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk));
  socket.write(message);
  await once(socket, 'close');
  return answer;
}

test('a test mail is answered OK, or with what failed', async () => {
  const relay = await Relay.start({ refuse: (to) => (to.startsWith('no') ? { code: 550, text: '5.1.1 No such user' } : undefined) });
  const server = await TestServer.start();
  const socket = join(server.postern.data, 'postern.sock');
  expect(statSync(socket).mode & 0o777).toBe(0o600);
  expect(await ask(socket, 'SEND_TEST_EMAIL*desk@example.net*')).toMatch(/No configuration is saved/);
  expect((await server.save(fields(relay))).status).toBe(200);
  expect(await ask(socket, 'SEND_TEST_EMAIL*desk@example.net*')).toBe('OK');
  expect(await ask(socket, 'SEND_TEST_EMAIL*nobody@example.net*')).toMatch(/^[^\n]*No such user[^\n]*$/);
  expect(await ask(socket, 'SYSTEM_UPDATED*RESET*')).toBe('OK');
  for (const [message, pattern] of [
    ['REBOOT*now*', /unknown/],
    ['SEND_TEST_EMAIL*a@example.org*b@example.org*', /1 argument, not 2/],
    [Buffer.from('SEND_TEST_EMAIL*\xff@example.org*', 'latin1'), /UTF-8/],
    [`SEND_TEST_EMAIL*${'a'.repeat(5000)}`, /4096/],
  ] as const) {
    expect(await ask(socket, message)).toMatch(pattern);
  }
  await server.postern.stop({ keepData: true });
  expect(existsSync(socket)).toBe(false);
  await server.stop();
  await relay.stop();
});

test('a socket that a killed process left is replaced, and another file is not', async () => {
  const data = temporaryFolder('data');
  const socket = join(data, 'postern.sock');
  const killed = await Postern.start({ data });
  await killed.stop({ keepData: true, signal: 'SIGKILL' });
  expect(existsSync(socket)).toBe(true);
  const next = await Postern.start({ data });
  expect(await ask(socket, 'SYSTEM_UPDATED*RESET*')).toBe('OK');
  expect(await next.stop({ keepData: true })).toBe(0);
  writeFileSync(socket, 'text');
  const refused = await runPostern(['serve', '--listen', '127.0.0.1:0', '--data', data]);
  expectCommandFailure(refused, 1, socket, /not a socket.*--socket/);
  expect(statSync(socket).size).toBe(4);
});

test('other users reach the socket where they are listed', async () => {
  test.skip(otherUsersUnavailable() !== undefined, otherUsersUnavailable());
  const path = join(openFolder('socket'), 'commands.sock');
  const server = await Postern.start({ env: { POSTERN_SOCKET: path, POSTERN_SOCKET_USERS: `root, ${LISTED}` } });
  expect(statSync(path).mode & 0o777).toBe(0o666);
  expect(existsSync(join(server.data, 'postern.sock'))).toBe(false);
  expect(await askAs(LISTED, path, 'SYSTEM_UPDATED*RESET*')).toBe('OK');
  expect(await askAs(UNLISTED, path, 'SYSTEM_UPDATED*RESET*')).toBe(
    `The user with the id ${UNLISTED} may not use this socket. POSTERN_SOCKET_USERS lists those who may.`,
  );
  await server.waitForOutput(/refused at the command socket \(POSTERN_SOCKET_USERS\)/);
  expect(await ask(path, 'SYSTEM_UPDATED*RESET*'), 'root may always').toBe('OK');
  expect(await server.stop()).toBe(0);
});

test('without a list, only root and the user of Postern use the socket', async () => {
  test.skip(otherUsersUnavailable() !== undefined, otherUsersUnavailable());
  const path = join(openFolder('socket'), 'commands.sock');
  const server = await Postern.start({ env: { POSTERN_SOCKET: path } });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await expect(askAs(LISTED, path, 'SYSTEM_UPDATED*RESET*')).rejects.toThrow(/EACCES/);
  expect(await ask(path, 'SYSTEM_UPDATED*RESET*')).toBe('OK');
  expect(await server.stop()).toBe(0);
});

test('a listed user that this machine does not have is named', async () => {
  const args = ['serve', '--listen', '127.0.0.1:0', '--data', temporaryFolder('data'), '--socket-users', 'no-such-user'];
  expectCommandFailure(await runPostern(args), 1, 'no-such-user');
});

test('programs are notified of a save, which does not wait for them', async () => {
  const folder = temporaryFolder('socket');
  const [silent, missing] = [join(folder, 'silent.sock'), join(folder, 'missing.sock')];
  const messages: string[] = [];
  const program: Server = createServer({ allowHalfOpen: true }, (socket) => {
    let message = '';
    socket.on('data', (chunk: Buffer) => (message += chunk));
    // It neither answers nor closes the connection.
    socket.on('end', () => messages.push(message));
    socket.on('error', () => {});
  }).listen(silent);
  await once(program, 'listening');
  const server = await TestServer.start({ arguments: ['--notify-sockets', `${missing},${silent}`] });
  expect((await server.save(fields({ port: 25 }))).status).toBe(200);
  await expect.poll(() => messages).toEqual(['SYSTEM_UPDATED*RESET*']);
  await server.postern.waitForOutput(/missing\.sock/);
  await server.stop();
  program.close();
});
