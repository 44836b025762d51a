//! `postern sendmail` without a listener: its names, its exit codes and its help.

import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { binary, runPostern, runShell } from '../../support/program/program.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const MAIL = 'To: desk@example.net\nSubject: Fire\n\nOut.\n';

for (const { name, args, code, pattern } of [
  { name: 'nothing listens', args: ['-t'], code: 75, pattern: /^sendmail: cannot connect to .*submit\.sock.*\n$/ },
  { name: 'there are no recipients', args: [], code: 64, pattern: /^sendmail: .*recipients.*\n$/ },
  { name: 'an option is unknown', args: ['-z'], code: 64, pattern: /^sendmail: unknown option -z.*\n$/ },
  { name: 'an address is not valid', args: ['a@b@example.org'], code: 65, pattern: /^sendmail: a@b@example\.org.*\n$/ },
  { name: 'the queue cannot be read', args: ['-bp'], code: 75, pattern: /^sendmail: cannot connect to .*\n$/ },
  { name: 'there are no aliases', args: ['-bi'], code: 0, pattern: /^$/ },
]) {
  test(`it exits with ${code} where ${name}`, async () => {
    const socket = join(temporaryFolder('socket'), 'submit.sock');
    const ended = await runPostern(['sendmail', ...args], { input: MAIL, env: { POSTERN_SUBMIT_SOCKET: socket } });
    expect(ended.stderr).toMatch(pattern);
    expect(ended).toMatchObject({ code, stdout: '' });
  });
}

test('links to the program are the commands of their names', async () => {
  const folder = temporaryFolder('links');
  for (const name of ['sendmail', 'mailq', 'newaliases']) {
    symlinkSync(binary(), join(folder, name));
  }
  const run = (command: string) => runShell(`POSTERN_SUBMIT_SOCKET=${folder}/none.sock '${folder}'/${command} < /dev/null`);
  expect(await run('newaliases')).toEqual({ code: 0, stdout: '', stderr: '' });
  for (const command of ['sendmail desk@example.net', 'mailq']) {
    const ended = await run(command);
    expect(ended, ended.stderr).toMatchObject({ code: 75, stdout: '' });
    expect(ended.stderr).toMatch(new RegExp(`^${command.split(' ')[0]}: cannot connect to [^\\n]*\\n$`));
  }
});

test('it is in the list of commands, and has help of its own', async () => {
  const list = await runPostern(['--help']);
  expect(list.stdout).toMatch(/^ +sendmail +Submit /m);
  const help = await runPostern(['sendmail', '--help']);
  expect(help.code).toBe(0);
  expect(help.stdout).toContain('POSTERN_SUBMIT_SOCKET');
  expect(help.stdout).toContain('-f ADDRESS');
});
