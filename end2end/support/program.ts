//! Runs the program `postern` to its end: arguments, standard input, exit code.

import { spawn } from 'node:child_process';

export interface Ended {
  /** None when a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Given {
  /** Standard input, which is then at its end. */
  input?: string;
  /** Beside what a program inherits; `undefined` takes a variable away. */
  env?: Record<string, string | undefined>;
}

/** Runs a command to its end. The relays of the test answer meanwhile. */
export async function postern(args: string[], given: Given = {}): Promise<Ended> {
  return ending(binary(), args, given);
}

/** The same for what only a shell can hand over, such as bytes that are no text; `$0` is postern. */
export async function posternFromShell(script: string): Promise<Ended> {
  return ending('/bin/sh', ['-c', script, binary()], {});
}

function ending(program: string, args: string[], given: Given): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: environment(given.env) });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    // A command that reads nothing may be gone before all is written.
    child.stdin.on('error', () => {});
    child.stdin.end(given.input ?? '');
  });
}

/** Nothing of the surroundings may configure a Postern under test. */
export function environment(more: Given['env']): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('POSTERN_'));
  return { ...Object.fromEntries(inherited), NO_COLOR: '1', ...more };
}

export function binary(): string {
  const path = process.env.POSTERN_BIN;
  if (!path) {
    throw new Error('POSTERN_BIN names no program; run cargo xtask test e2e');
  }
  return path;
}
