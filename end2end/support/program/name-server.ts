//! A Postern whose resolver asks one DNS server: `/etc/resolv.conf` in a mount namespace.

import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { binary } from './program.ts';
import { temporaryFolder } from '../temporary.ts';

/** Mounts the file for this process only, and executes the program with the arguments of the script. */
const SCRIPT = `#!/bin/sh
exec unshare --mount --propagation private /bin/sh -c \\
  'mount --bind "$0/resolv.conf" /etc/resolv.conf && exec "$0/postern" "$@"' "$(dirname "$0")" "$@"
`;

/** The reason why Postern cannot have a name server of its own; `undefined` when it can. */
export function nameServerUnavailable(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    return 'only root on Linux mounts a file over /etc/resolv.conf and listens on port 53';
  }
  try {
    execFileSync(posternWithNameServer('127.0.0.1'), ['--version'], { stdio: ['ignore', 'ignore', 'pipe'] });
    return undefined;
  } catch (error) {
    return `no file can be mounted over /etc/resolv.conf here: ${error}`;
  }
}

/** A program that runs Postern as its own process. Its resolver asks the DNS server at this address. */
export function posternWithNameServer(address: string): string {
  const folder = temporaryFolder('name-server');
  writeFileSync(join(folder, 'resolv.conf'), `nameserver ${address}\n`);
  symlinkSync(binary(), join(folder, 'postern'));
  const program = join(folder, 'run');
  writeFileSync(program, SCRIPT, { mode: 0o755 });
  return program;
}
