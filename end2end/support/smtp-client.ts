//! A client that sends SMTP as it is given, and reads one reply after the other.

import { once } from 'node:events';
import { type Socket, connect } from 'node:net';

/** A reply with all its lines (RFC 5321, section 4.2). */
const REPLY = /^(?:\d{3}-[^\n]*\r\n)*\d{3}(?: [^\n]*)?\r\n/;

export class SmtpClient {
  private received = '';
  private wake = () => {};

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay();
    socket.on('data', (octets: Buffer) => {
      this.received += octets.toString('latin1');
      this.wake();
    });
    socket.on('close', () => this.wake());
    // The other end may reset the connection.
    socket.on('error', () => {});
  }

  /** Resolves when the connection is open. `localAddress` is one of this machine. */
  static async connect(host: string, port: number, localAddress?: string): Promise<SmtpClient> {
    const socket = connect({ host, port, localAddress });
    const client = new SmtpClient(socket);
    await once(socket, 'connect');
    return client;
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** The next reply; an empty text when the connection is closed. */
  async reply(): Promise<string> {
    for (;;) {
      const reply = this.received.match(REPLY)?.[0];
      if (reply !== undefined) {
        this.received = this.received.slice(reply.length);
        return reply;
      }
      if (this.socket.closed) {
        return '';
      }
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** Sends a mail and returns the reply to it, or the first one that refuses it. */
  async submit(text: string): Promise<string> {
    this.send('MAIL FROM:<app@example.org>\r\nRCPT TO:<desk@example.net>\r\nDATA\r\n');
    const replies = [await this.reply(), await this.reply(), await this.reply()];
    if (replies[2]?.startsWith('354 ')) {
      this.send(`From: app@example.org\r\nSubject: Fire\r\n\r\n${text}\r\n.\r\n`);
      return this.reply();
    }
    return replies.find((reply) => !reply.startsWith('250 ')) ?? '';
  }

  /** Sends the same octets again and again until the connection is closed, or `most` are sent. Returns how many. */
  async flood(piece: Buffer, most: number): Promise<number> {
    let octets = 0;
    while (this.socket.writable && octets < most) {
      await new Promise<void>((resolve) => {
        this.socket.write(piece, () => resolve());
      });
      octets += piece.length;
    }
    return octets;
  }

  /** Closes the connection at once. */
  close(): void {
    this.socket.destroy();
  }
}
