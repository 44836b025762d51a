//! Scripted SMTP relays: default replies, which a test overrides by command.

import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { type TlsOptions, createServer } from 'node:tls';
import { type Hostile, scripted } from './hostile.ts';

/** The points where the relay acts: connected, after a command, after the end of the message. */
type Moment = 'connected' | 'EHLO' | 'HELO' | 'STARTTLS' | 'AUTH' | 'MAIL' | 'RCPT' | 'DATA' | 'sent' | 'RSET' | 'QUIT';

/** A reply, which may have several lines, or an action. */
export type Turn = string | ((socket: Socket) => void);

export type Script = Partial<Record<Moment, Turn>>;

const POLITE: Record<Moment, Turn> = {
  connected: '220 relay of a test',
  EHLO: '250-relay of a test\n250 AUTH PLAIN LOGIN CRAM-MD5',
  HELO: '250 relay of a test',
  STARTTLS: '502 5.5.1 What is that?',
  AUTH: '235 2.7.0 Welcome',
  MAIL: '250 2.1.0 Fine',
  RCPT: '250 2.1.5 Fine',
  DATA: '354 Go on',
  sent: '250 2.0.0 Taken',
  RSET: '250 2.0.0 Forgotten',
  QUIT: '221 2.0.0 Bye',
};

/** Sends nothing and keeps the connection open. */
export const silence: Turn = () => {};

/** Closes the connection. */
export const hangUp: Turn = (socket) => socket.end();

/** Resets the connection (RST). */
export const cut: Turn = (socket) => socket.resetAndDestroy();

/** A relay that follows the script and sends default replies elsewhere. */
export function relay(script: Script = {}): Promise<Hostile> {
  return scripted((socket) => follow(script, socket));
}

/** A scripted relay with implicit TLS. */
export async function tlsRelay(options: TlsOptions, script: Script = {}): Promise<Pick<Hostile, 'port' | 'stop'>> {
  const sockets = new Set<Socket>();
  const server = createServer(options, (socket) => follow(script, socket));
  server.on('connection', (socket: Socket) => sockets.add(socket));
  // Some tests let the handshake fail.
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      sockets.forEach((socket) => socket.destroy());
      await new Promise((done) => server.close(done));
    },
  };
}

function follow(script: Script, socket: Socket): void {
  const take = (moment: Moment) => {
    const turn = script[moment] ?? POLITE[moment];
    if (typeof turn === 'string') {
      socket.write(`${turn.replaceAll('\n', '\r\n')}\r\n`);
    } else {
      turn(socket);
    }
  };
  let unread = '';
  let inMail = false;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    unread += chunk.toString('latin1');
    const lines = unread.split('\r\n');
    unread = lines.pop() ?? '';
    for (const line of lines) {
      const command = line.split(' ')[0] as Moment;
      if (!inMail && command in POLITE) {
        take(command);
        inMail = command === 'DATA' && script.DATA === undefined;
      } else if (inMail && line === '.') {
        inMail = false;
        take('sent');
      }
    }
  });
  take('connected');
}
