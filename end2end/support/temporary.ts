//! Temporary folders, removed when the tests end.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders = new Set<string>();

process.on('exit', () => folders.forEach(remove));

/** Creates an empty folder. */
export function temporaryFolder(purpose: string, where = tmpdir()): string {
  const folder = mkdtempSync(join(where, `postern-${purpose}-`));
  folders.add(folder);
  return folder;
}

export function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}
