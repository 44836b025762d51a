//! A `postern deliver` process beside the server of a test.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { binary, environment } from './program.ts';

export class DeliverProcess {
  private constructor(
    private readonly child: ChildProcess,
    private readonly log: { text: string },
  ) {}

  /** Resolves when delivery is running. */
  static async start(data: string, args: string[] = []): Promise<DeliverProcess> {
    const child = spawn(binary(), ['deliver', '--data', data, ...args], {
      env: environment({}),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    const log = { text: '' };
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (chunk: Buffer) => {
        log.text += chunk;
        if (log.text.includes('delivering')) {
          resolve();
        }
      });
      child.once('error', reject);
      child.once('exit', (code, signal) => reject(new Error(`postern deliver ended with ${code ?? signal}:\n${log.text}`)));
    });
    return new DeliverProcess(child, log);
  }

  /** Sends the signal and returns the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, 'exit');
      this.child.kill(signal);
      await exited;
    }
    if (this.log.text.includes('panicked')) {
      throw new Error(this.log.text);
    }
    return this.child.exitCode;
  }
}

const running = new Set<ChildProcess>();

// A worker that ends early does not call `stop`.
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
