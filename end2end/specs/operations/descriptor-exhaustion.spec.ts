//! Exhaustion of file descriptors by client connections.

import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, test } from '@playwright/test';
import { sendRequest } from '../../support/api/http.ts';
import { Postern } from '../../support/program/postern.ts';

/** More than the connections to its database take, which the server opens when it needs them. */
const FREE_DESCRIPTORS = 100;

test('new connections wait until a file descriptor is free', async () => {
  const server = await Postern.start();
  const open = readdirSync(`/proc/${server.pid}/fd`).length;
  execFileSync('prlimit', ['--pid', String(server.pid), `--nofile=${open + FREE_DESCRIPTORS}:`]);
  const { hostname, port } = new URL(server.url);
  const clients = Array.from({ length: 2 * FREE_DESCRIPTORS }, () => connect(Number(port), hostname));
  await server.waitForOutput('no connection can be accepted');
  const waiting = sendRequest(server.url, '/login');
  for (const client of clients) {
    client.destroy();
  }
  expect((await waiting).status).toBe(200);
  expect(await server.stop()).toBe(0);
});
