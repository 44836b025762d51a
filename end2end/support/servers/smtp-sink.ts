//! Postfix's smtp-sink, which can be configured to fail at a command.

import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from '@playwright/test';
import { Daemon, loopback } from '../program/chroot.ts';

export class SmtpSink {
  readonly host = loopback();
  readonly port = 2525;
  private readonly daemon: Daemon;

  private constructor(flags: string[]) {
    this.daemon = new Daemon('/usr/sbin/smtp-sink', ['-4', '-u', 'postfix', ...flags, `${this.host}:${this.port}`, '100']);
  }

  /** Resolves when it accepts connections, found by connecting: it prints nothing. */
  static async start(...flags: string[]): Promise<SmtpSink> {
    const sink = new SmtpSink(flags);
    await expect(async () => {
      expect(sink.daemon.log).not.toContain('fatal');
      const socket = connect(sink.port, sink.host);
      await once(socket, 'connect');
      socket.destroy();
    }).toPass();
    return sink;
  }

  async stop(): Promise<void> {
    await this.daemon.stop();
  }
}
