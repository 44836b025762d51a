//! TCP servers that are silent, unreachable, closed or scripted.

import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { Worker } from 'node:worker_threads';
import { Queue } from '../queue.ts';

export interface TcpRelay {
  port: number;
  /** The client port of each accepted connection. */
  connections: Queue<number>;
  /** The received bytes, by chunk. */
  received: Queue<string>;
  stop(): Promise<void>;
}

/** A server that runs `act` on each connection. */
export async function tcpRelay(onConnection: (socket: Socket) => void): Promise<TcpRelay> {
  const received = new Queue<string>();
  const connections = new Queue<number>();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => received.push(chunk.toString('latin1')));
    onConnection(socket);
    connections.push(socket.remotePort ?? 0);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    received,
    connections,
    async stop() {
      sockets.forEach((socket) => socket.destroy());
      await new Promise((done) => server.close(done));
    },
  };
}

/** Accepts connections and sends nothing. */
export function silentRelay(): Promise<TcpRelay> {
  return tcpRelay(() => {});
}

/** A port without a listener: connections are refused at once. */
export async function closedPort(): Promise<number> {
  // The client port of an open connection, which the system assigns to no other socket.
  const { port } = await silentRelay();
  const client = connect(port, '127.0.0.1').unref();
  await once(client, 'connect');
  return client.localPort ?? 0;
}

/**
 * A port that never answers, as behind a firewall that drops packets. Its listener takes no
 * connection off the queue, and the queue is full: Linux then drops every further SYN.
 */
export async function unreachablePort(): Promise<TcpRelay> {
  const worker = new Worker(LISTENER_SCRIPT, { eval: true });
  const [port] = (await once(worker, 'message')) as [number];
  // Linux queues one connection more than the backlog of 1.
  const queued = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
  await Promise.all(queued.map((socket) => once(socket, 'connect')));
  queued.forEach((socket) => socket.on('error', () => {}));
  return {
    port,
    received: new Queue(),
    connections: new Queue(),
    async stop() {
      queued.forEach((socket) => socket.destroy());
      await worker.terminate();
    },
  };
}

/** Node accepts connections in its event loop; this worker blocks its own for ever. */
const LISTENER_SCRIPT = `
  const { createServer } = require('node:net');
  const { parentPort } = require('node:worker_threads');
  const server = createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
`;
