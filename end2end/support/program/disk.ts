//! A small file system for a test, which can be filled and enlarged.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const mounted = new Set<Disk>();

process.on('exit', () => mounted.forEach((disk) => disk.unmount()));

/** The reason why disks are unavailable; `undefined` when they are available. */
export function diskUnavailable(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    return 'only root on Linux mounts a small disk';
  }
  try {
    new Disk(1).unmount();
    return undefined;
  } catch (error) {
    return `no disk can be mounted here: ${error}`;
  }
}

export class Disk {
  /** Mounted at an empty folder, which is removed with it. */
  constructor(
    mebibytes: number,
    private readonly folder = mkdtempSync(join(tmpdir(), 'postern-disk-')),
  ) {
    try {
      mount('-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=0700`, 'tmpfs', this.folder);
    } catch (error) {
      rmdirSync(this.folder);
      throw error;
    }
    mounted.add(this);
  }

  /** A folder on the disk, not created yet. */
  get data(): string {
    return join(this.folder, 'data');
  }

  grow(mebibytes: number): void {
    mount('-o', `remount,size=${mebibytes}m`, this.folder);
  }

  /** Works while files are still open. */
  unmount(): void {
    if (mounted.delete(this)) {
      execFileSync('umount', ['--lazy', this.folder], { stdio: 'ignore' });
      rmdirSync(this.folder);
    }
  }
}

function mount(...args: string[]): void {
  execFileSync('mount', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
