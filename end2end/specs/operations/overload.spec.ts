//! Connections and uploads without end: other clients are still answered.

import { type Socket, connect } from 'node:net';
import { once } from 'node:events';
import { expect, test } from '@playwright/test';
import { sendRequest } from '../../support/api/http.ts';
import { SEND, bearer, mail, startWithRelay } from '../../support/mail/messages.ts';
import { Postern } from '../../support/program/postern.ts';

const MIB = 1024 * 1024;

/** A connection from an address of its own on the loopback network. */
async function connectFrom(base: string, localAddress: string): Promise<Socket> {
  const { hostname, port } = new URL(base);
  const socket = connect({ host: hostname, port: Number(port), localAddress });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

for (const [name, sent] of [['idle connections', ''], ['incomplete request heads', 'G']] as const) {
  test(`${name} do not keep a page away`, async () => {
    const server = await Postern.start({ env: { POSTERN_MAX_CONNECTIONS: '20' } });
    const idle = [];
    for (let client = 0; client < 40; client += 1) {
      const socket = await connectFrom(server.url, `127.9.0.${client + 1}`);
      socket.write(sent);
      idle.push(socket);
    }
    const begun = performance.now();
    expect((await sendRequest(server.url, '/login')).status).toBe(200);
    // A head that is not complete is closed after 10 s by itself.
    expect(performance.now() - begun).toBeLessThan(8_000);
    idle.forEach((socket) => socket.destroy());
    expect(await server.stop()).toBe(0);
  });
}

test('an address has a share of the connections, and a proxy none', async () => {
  const proxy = '127.9.1.1';
  const server = await Postern.start({ env: { POSTERN_MAX_CONNECTIONS_PER_ADDRESS: '3', POSTERN_TRUSTED_PROXIES: proxy } });
  const [first] = await Promise.all(Array.from({ length: 3 }, () => connectFrom(server.url, '127.9.0.1')));
  const further = await connectFrom(server.url, '127.9.0.1');
  if (!further.closed) {
    await once(further.resume(), 'close');
  }
  await server.waitForOutput('too many connections from one address');
  expect(first?.readyState).toBe('open');
  expect((await sendRequest(server.url, '/login')).status, 'another address').toBe(200);
  const proxied = await Promise.all(Array.from({ length: 5 }, () => connectFrom(server.url, proxy)));
  proxied.at(-1)?.write('GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const [answer] = (await once(proxied.at(-1) as Socket, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
  expect(await server.stop()).toBe(0);
});

test('large uploads of one account leave room for the mail of others', async () => {
  const { postern, stop } = await startWithRelay();
  const { url } = postern.postern;
  const { hostname, port } = new URL(url);
  const other = await postern.createAccount('other@example.org', 'user');
  const uploads = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const socket = connect(Number(port), hostname);
      const head = [`POST ${SEND} HTTP/1.1`, 'Host: localhost', `Authorization: Bearer ${postern.token}`, 'Content-Type: application/json', `Content-Length: ${40 * MIB}`];
      socket.write(`${head.join('\r\n')}\r\n\r\n`);
      await new Promise((written) => socket.write(Buffer.alloc(26 * MIB, ' '), written));
      return socket;
    }),
  );
  const submitBytes = (token: string, octets: number) => {
    const body = JSON.stringify(mail({ from: 'other@example.org', text: 'x'.repeat(octets) }));
    return sendRequest(url, SEND, { method: 'POST', headers: { ...bearer(token), 'content-type': 'application/json' }, body });
  };
  const refused = await submitBytes(postern.token, 20 * MIB);
  expect([refused.status, refused.headers['retry-after']], 'the whole body is sent, and the answer is read').toEqual([503, '1']);
  expect((await submitBytes(postern.token, 1000)).status, 'its small mail').toBe(202);
  expect((await submitBytes(other, 1000)).status, 'small mail of another').toBe(202);
  expect((await submitBytes(other, 20 * MIB)).status, 'large mail of another').toBe(202);
  uploads.forEach((socket) => socket.destroy());
  await stop();
});
