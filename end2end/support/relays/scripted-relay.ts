//! Scripted SMTP relays: default replies, which a test overrides by command.

import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { type TlsOptions, createServer } from 'node:tls';
import { type TcpRelay, tcpRelay } from './tcp-relay.ts';

/** The points where the relay acts: connected, after a command, after the end of the message. */
type SmtpStage = 'connected' | 'EHLO' | 'HELO' | 'STARTTLS' | 'AUTH' | 'MAIL' | 'RCPT' | 'DATA' | 'sent' | 'RSET' | 'NOOP' | 'QUIT';

/** A reply, which may have several lines, or an action. */
export type ReplyAction = string | ((socket: Socket) => void);

export type ReplyScript = Partial<Record<SmtpStage, ReplyAction>>;

const DEFAULT_REPLIES: Record<SmtpStage, ReplyAction> = {
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
  NOOP: '250 2.0.0 Fine',
  QUIT: '221 2.0.0 Bye',
};

/** Sends nothing and keeps the connection open. */
export const sendNothing: ReplyAction = () => {};

/** Closes the connection. */
export const closeConnection: ReplyAction = (socket) => socket.end();

/** Resets the connection (RST). */
export const resetConnection: ReplyAction = (socket) => socket.resetAndDestroy();

/** A relay that follows the script and sends default replies elsewhere. */
export function scriptedRelay(script: ReplyScript = {}): Promise<TcpRelay> {
  return tcpRelay((socket) => follow(script, socket));
}

/** A scripted relay with implicit TLS. */
export async function tlsRelay(options: TlsOptions, script: ReplyScript = {}): Promise<Pick<TcpRelay, 'port' | 'stop'>> {
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

function follow(script: ReplyScript, socket: Socket): void {
  const perform = (stage: SmtpStage) => {
    const reply = script[stage] ?? DEFAULT_REPLIES[stage];
    if (typeof reply === 'string') {
      socket.write(`${reply.replaceAll('\n', '\r\n')}\r\n`);
    } else {
      reply(socket);
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
      const command = line.split(' ')[0] as SmtpStage;
      if (!inMail && command in DEFAULT_REPLIES) {
        perform(command);
        inMail = command === 'DATA' && script.DATA === undefined;
      } else if (inMail && line === '.') {
        inMail = false;
        perform('sent');
      }
    }
  });
  perform('connected');
}
