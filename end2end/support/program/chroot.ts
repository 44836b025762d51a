//! Programs of Debian's mail servers, run by chroot in the folder `POSTERN_DEBIAN`.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, linkSync, mkdirSync, readFileSync, utimesSync, watch, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { binary, environment } from './program.ts';
import { temporaryFolder } from '../temporary.ts';

const CHROOT = process.env.POSTERN_DEBIAN;

/** The reason why the servers are unavailable; `undefined` when they are available. */
export function serversUnavailable(): string | undefined {
  if (process.getuid?.() !== 0) {
    return 'only root starts Postfix';
  }
  return CHROOT ? undefined : 'POSTERN_DEBIAN names no folder; run cargo xtask test e2e';
}

/** A folder with one path for the tests and another inside the chroot. */
export class ServerFolder {
  private readonly folder: string;

  constructor(purpose: string) {
    const folders = join(chrootPath(), 'srv');
    mkdirSync(folders, { recursive: true });
    this.folder = temporaryFolder(purpose, folders);
    // The servers run as users of their own.
    chmodSync(this.folder, 0o755);
  }

  /**
   * Makes the folder a root of its own, for a server whose paths are fixed. `inside` then does not
   * apply: the paths are those below the folder.
   */
  becomeRoot(...further: string[]): void {
    for (const name of ['bin', 'lib', 'lib64', 'usr/lib', 'usr/libexec', 'usr/sbin', ...further]) {
      mkdirSync(join(this.folder, dirname(name)), { recursive: true });
      // Hard links take neither time nor space.
      execFileSync('cp', ['--archive', '--link', join(chrootPath(), name), join(this.folder, name)]);
    }
    for (const name of ['dev', 'etc']) {
      mkdirSync(join(this.folder, name));
    }
    for (const name of ['dev/null', 'dev/urandom', 'etc/group', 'etc/passwd']) {
      copyFileSync(join(chrootPath(), name), join(this.folder, name));
    }
  }

  /** The path outside the chroot. */
  outside(...names: string[]): string {
    return join(this.folder, ...names);
  }

  /** The path inside the chroot. */
  inside(...names: string[]): string {
    return this.outside(...names).slice(chrootPath().length);
  }

  /** Writes a file and returns its path inside the chroot. */
  write(name: string, text: string): string {
    writeFileSync(this.outside(name), text);
    // Postfix delays reading a file that was modified within the last seconds.
    utimesSync(this.outside(name), 1, 1);
    return this.inside(name);
  }

  /** Puts the program `postern` into the folder. */
  installPostern(name: string): void {
    try {
      linkSync(binary(), this.outside(name));
    } catch {
      copyFileSync(binary(), this.outside(name));
    }
    chmodSync(this.outside(name), 0o755);
  }
}

let addresses = 0;

/** A loopback address that no other test uses: all its ports are free. */
export function loopback(): string {
  // A process id has 22 bits; an address in 127.0.0.0/8 has 24.
  const number = process.pid * 4 + (addresses++ % 4);
  return `127.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
}

/** A program of the chroot. Servers stay in the foreground and print their log. */
export class Daemon {
  /** Resolves when the program has ended. */
  readonly exited: Promise<void>;
  private output = '';
  private fileText = '';
  private hasExited = false;
  private waiting: Array<() => void> = [];
  private readonly child: ChildProcess;

  /** `file`: the log file, if the log is not printed. `root`: the folder to run in. `options`: those of chroot. */
  constructor(program: string, args: string[], file?: string, root = chrootPath(), options: string[] = []) {
    const child = spawn('chroot', [...options, root, program, ...args], {
      env: environment({ PATH: '/usr/sbin:/usr/bin', LANG: 'C' }),
      // A process group, so that its children can be ended with it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        this.output += chunk;
        this.wake();
      });
    }
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', () => {
        running.delete(child);
        this.hasExited = true;
        this.wake();
        resolve();
      });
    });
    running.add(child);
    this.child = child;
    if (file) {
      const read = () => {
        this.fileText = readFileSync(file, 'utf8');
        this.wake();
      };
      const watcher = watch(file, { persistent: false }, read);
      void this.exited.then(() => watcher.close());
      read();
    }
  }

  /** The log so far. */
  get log(): string {
    return this.output + this.fileText;
  }

  /** Resolves when the log matches. */
  async waitForLog(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.log)) {
      if (this.hasExited) {
        throw new Error(`${this.child.spawnargs.join(' ')} ended without ${pattern}:\n${this.log}`);
      }
      await new Promise<void>((wake) => this.waiting.push(wake));
    }
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    await this.exited;
  }

  private wake(): void {
    this.waiting.splice(0).forEach((wake) => wake());
  }
}

const running = new Set<ChildProcess>();

// A worker that ends early does not call `stop`.
process.on('exit', () => running.forEach((child) => process.kill(-(child.pid ?? 0), 'SIGKILL')));

function chrootPath(): string {
  if (!CHROOT) {
    throw new Error(serversUnavailable());
  }
  return CHROOT;
}
