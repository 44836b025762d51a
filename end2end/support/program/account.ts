//! Accounts with a token, created on the command line.

import { type CommandOptions, runPostern } from './program.ts';

/** The administrator of every Postern under test. */
export const ADMIN = 'admin@example.org';

/** The password of every account. */
export const PASSWORD = 'correct horse battery';

/** Creates an account and returns a token of it. */
export async function createAccount(
  data: string,
  email: string,
  role: 'admin' | 'user',
  environment: CommandOptions = {},
): Promise<string> {
  const dataArgs = ['--data', data];
  const created = await runPostern(['account', 'create', email, '--role', role, ...dataArgs], {
    ...environment,
    input: `${PASSWORD}\n`,
  });
  const anySender = role === 'admin' ? ['--any-sender'] : [];
  const token = await runPostern(['token', 'create', '--account', email, '--name', 'test', ...anySender, ...dataArgs], environment);
  if (created.code !== 0 || token.code !== 0) {
    throw new Error(`no account for ${email}: ${created.stderr}${token.stderr}`);
  }
  return token.stdout.trim();
}
