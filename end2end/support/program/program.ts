//! Runs the program `postern` to its end: arguments, standard input, exit code.

import { spawn } from 'node:child_process';

export interface ExitedProcess {
  /** `null` when a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  /** The whole of standard input. */
  input?: string;
  /** Added to the inherited environment; `undefined` removes a variable. */
  env?: Record<string, string | undefined>;
  /** Sends SIGTERM once standard error matches. */
  stopAt?: RegExp;
  /** Another program that runs Postern. */
  program?: string;
}

/** Runs a command to its end, without blocking the relays of the test. */
export async function runPostern(args: string[], options: CommandOptions = {}): Promise<ExitedProcess> {
  return run(options.program ?? binary(), args, options);
}

/** Runs a shell script, for arguments that are not text; `$0` is postern. */
export async function runShell(script: string): Promise<ExitedProcess> {
  return run('/bin/sh', ['-c', script, binary()], {});
}

function run(program: string, args: string[], options: CommandOptions): Promise<ExitedProcess> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: environment(options.env) });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk;
      if (options.stopAt?.test(stderr) && !child.killed) {
        child.kill('SIGTERM');
      }
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    // A command that does not read its input may end before all is written.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}

/** Variables that configure Postern, also those of other mailers. */
const CONFIGURES = /^(POSTERN_|SMTP_|MAIL_FROM|EMAIL_|SKIP_EMAIL_SEND)/;

/** The environment without the variables that configure Postern. Relays get no connection but those of the test. */
export function environment(more: CommandOptions['env']): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !CONFIGURES.test(name));
  return { ...Object.fromEntries(inherited), NO_COLOR: '1', POSTERN_NO_HEALTH_CHECKS: '1', ...more };
}

export function binary(): string {
  const path = process.env.POSTERN_BIN;
  if (!path) {
    throw new Error('POSTERN_BIN names no program; run cargo xtask test e2e');
  }
  return path;
}
