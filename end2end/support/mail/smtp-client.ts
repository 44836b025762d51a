//! A client that sends SMTP as it is given, and reads one reply after the other.

import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** A reply with all its lines (RFC 5321, section 4.2). */
const REPLY = /^(?:\d{3}-[^\n]*\r\n)*\d{3}(?: [^\n]*)?\r\n/;

export class SmtpClient {
  private received = '';
  private wake = () => {};

  private constructor(
    private readonly host: string,
    private socket: Socket,
  ) {
    socket.setNoDelay();
    this.listen();
  }

  /** Resolves when the connection is open. `localAddress` is one of this machine. */
  static async connect(host: string, port: number, localAddress?: string): Promise<SmtpClient> {
    const socket = connect({ host, port, localAddress });
    const client = new SmtpClient(host, socket);
    await once(socket, 'connect');
    return client;
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Sends a command and returns the reply to it. */
  async ask(command: string): Promise<string> {
    this.send(`${command}\r\n`);
    return this.reply();
  }

  /** Begins TLS. `authority`: the CA certificate in PEM that must have issued that of the server. */
  async secure(authority: string): Promise<void> {
    if (this.received !== '') {
      throw new Error(`before TLS came ${JSON.stringify(this.received)}`);
    }
    this.socket.removeAllListeners('data');
    const secured = connectTls({ socket: this.socket, host: this.host, ca: authority });
    this.socket = secured;
    this.listen();
    await once(secured, 'secureConnect');
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

  private listen(): void {
    this.socket.on('data', (octets: Buffer) => {
      this.received += octets.toString('latin1');
      this.wake();
    });
    this.socket.on('close', () => this.wake());
    // The other end may reset the connection.
    this.socket.on('error', () => {});
  }
}
