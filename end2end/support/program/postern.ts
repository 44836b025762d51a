//! A `postern serve` process with its own data folder and port.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { binary, environment } from './program.ts';
import { remove, temporaryFolder } from '../temporary.ts';

/** The time limit of a start on a busy machine. */
const START_TIMEOUT_MS = 30_000;

/** The time limit of an awaited line of output. */
const OUTPUT_TIMEOUT_MS = 30_000;

const LINK_PATTERN = /https?:\/\/[^\s]+/;

export interface PosternOptions {
  /** An existing data folder; by default a new one, which `stop` removes. */
  data?: string;
  /** The listening address; by default a free port of 127.0.0.1. */
  listen?: string;
  /** Added to the inherited environment; `undefined` removes a variable. */
  env?: Record<string, string | undefined>;
  /** Further arguments of `postern serve`. */
  arguments?: string[];
  /** Another program that runs Postern as its own process. */
  program?: string;
}

export class Postern {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** The URL it printed: without an administrator, the one-time link to create one. */
  readonly link: string;

  private constructor(
    private readonly child: ChildProcess,
    private readonly log: { text: string },
    readonly data: string,
    link: string,
  ) {
    this.link = link;
    this.url = new URL(link).origin;
  }

  /** Resolves when the link is printed. */
  static async start(options: PosternOptions = {}): Promise<Postern> {
    const data = options.data ?? temporaryFolder('data');
    const child = spawn(
      options.program ?? binary(),
      ['serve', '--listen', options.listen ?? '127.0.0.1:0', '--data', data, ...(options.arguments ?? [])],
      { env: environment(options.env), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    running.add(child);
    child.once('exit', () => running.delete(child));
    const log = { text: '' };
    child.stderr.on('data', (chunk: Buffer) => (log.text += chunk));
    const link = await firstLink(child, log);
    return new Postern(child, log, data, link);
  }

  /** Standard output and log so far. */
  get output(): string {
    return this.log.text;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Resolves when the output contains `text`; fails with the whole output after half a minute. */
  async waitForOutput(text: string | RegExp): Promise<void> {
    const isThere = () => (typeof text === 'string' ? this.log.text.includes(text) : text.test(this.log.text));
    const deadline = AbortSignal.timeout(OUTPUT_TIMEOUT_MS);
    while (!isThere()) {
      await once(this.child.stderr as Readable, 'data', { signal: deadline }).catch(() => {
        throw new Error(`postern did not print ${text}:\n${this.log.text}`);
      });
    }
  }

  /** Closes the reading end of its standard error. */
  stopReading(): void {
    this.child.stderr?.destroy();
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Sends a signal and returns the exit code, also if it has already ended. */
  async stop(options: { keepData?: boolean; signal?: NodeJS.Signals } = {}): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, 'exit');
      this.signal(options.signal ?? 'SIGTERM');
      await exited;
    }
    if (!options.keepData) {
      remove(this.data);
    }
    return this.child.exitCode;
  }
}

const running = new Set<ChildProcess>();

// A worker that ends early does not call `stop`.
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

function firstLink(child: ChildProcess, log: { text: string }): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`postern ${why}:\n${log.text}`));
    };
    const timer = setTimeout(() => fail('printed no link in time'), START_TIMEOUT_MS);
    let line = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      log.text += chunk;
      line += chunk;
      const link = line.slice(0, line.lastIndexOf('\n') + 1).match(LINK_PATTERN);
      if (link) {
        clearTimeout(timer);
        resolve(link[0]);
      }
    });
    child.once('error', (error) => fail(`cannot be started (${error.message})`));
    child.once('exit', (code, signal) => fail(`ended with ${code ?? signal} before it was ready`));
  });
}
