//! Other users of this machine, whose processes talk to Unix sockets.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { temporaryFolder } from '../temporary.ts';

/** The reason why there is no process of another user; `undefined` where there can be one. */
export function otherUsersUnavailable(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'only root starts processes of other users';
}

/** A folder whose sockets every user reaches. */
export function openFolder(purpose: string): string {
  const folder = temporaryFolder(purpose);
  chmodSync(folder, 0o755);
  return folder;
}

/** Sends a text from a process with this user and group id, and returns the answer when the connection is closed. */
export async function askAs(id: number, path: string, text: string): Promise<string> {
  const child = spawn(process.execPath, ['-e', PROGRAM, path, text], {
    ...{ uid: id, gid: id, cwd: '/', env: {} },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [answer, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (answer += chunk));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (code !== 0) {
    throw new Error(`the process of user ${id} ended with ${code ?? signal}, after “${answer}”:\n${errors}`);
  }
  return answer;
}

/** It prints the error and fails where the socket cannot be reached. */
const PROGRAM = `
  const [, path, text] = process.argv;
  const socket = require('node:net').connect(path);
  socket.on('error', (error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
  socket.on('data', (chunk) => process.stdout.write(chunk));
  socket.write(text);
`;
