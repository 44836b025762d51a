//! The command line: results on standard output, errors on standard error, exit codes.

import { expect, test } from '@playwright/test';
import { expectCommandFailure } from '../../support/program/command-failure.ts';
import { postForm, signIn } from '../../support/api/forms.ts';
import { sendRequest } from '../../support/api/http.ts';
import { runPostern as run, runShell } from '../../support/program/program.ts';
import { Relay } from '../../support/relays/relay.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { PASSWORD, SETTINGS_PATH, TestServer, fields } from '../../support/api/test-server.ts';

test.describe.configure({ mode: 'default' });

let postern: TestServer;
let relay: Relay;

test.beforeAll(async () => {
  relay = await Relay.start({ refuse: (to) => (to.startsWith('no') ? { code: 550, text: '5.1.1 No such user' } : undefined) });
  postern = await TestServer.start();
});

test.afterAll(async () => {
  await postern?.stop();
  await relay?.stop();
});

for (const [args, pattern] of [
  [[], /a command is missing.*--help/],
  [['account'], /a command is missing.*--help/],
  [['serve', '--nonsense'], /--nonsense.*--help/],
  [['server'], /server/],
  [['serve', '--listen', 'everywhere'], /everywhere.*--listen/],
  [['serve', '--listen', '127.0.0.1:99999'], /99999/],
  [['serve', '--log', 'xml'], /xml.*text, json/],
  [['serve', '--data', ''], /--data/],
  [['serve', 'now'], /now/],
  [['account', 'create', 'a@example.org'], /--role/],
  [['account', 'create', 'a@example.org', '--role', 'root'], /root.*admin, user/],
  [['account', 'create', 'a@example.org', '--role', 'user', '--password', 'x'], /--password/],
  [['account', 'invite', 'a@example.org'], /--role/],
  [['account', 'role', 'a@example.org', 'owner'], /owner.*admin, user/],
  [['token', 'create', '--account', 'a@example.org'], /--name/],
  [['policy', 'networks', '10.0.0.0/8', '--everywhere'], /NETWORK|--everywhere/],
  [['send-test'], /ADDRESS/],
] as const) {
  test(`usage error: postern ${args.join(' ')}`, async () => expectCommandFailure(await run([...args]), 2, pattern));
}

test('the error for an invalid environment variable names its flag', async () => {
  const options = { env: { POSTERN_LISTEN: 'everywhere' } };
  expectCommandFailure(await run(['serve', '--data', temporaryFolder('data')], options), 2, /everywhere.*--listen/);
});

test('the help lists commands and flags and shows no secret of the environment', async () => {
  const help = await run(['--help']);
  expect(help).toMatchObject({ code: 0, stderr: '' });
  for (const command of ['serve', 'account', 'token', 'policy', 'probe', 'send-test']) {
    expect(help.stdout).toMatch(new RegExp(`^ +${command} +[A-Z].*[^.]$`, 'm'));
  }
  const named = await run(['help', 'token', 'create']);
  expect(named).toMatchObject({ code: 0, stderr: '' });
  expect(named.stdout).toContain('--scope');
  const env = { POSTERN_DATABASE: 'postgres://postern:secret@localhost/postern' };
  const serve = await run(['serve', '--help'], { env });
  expect(serve).toMatchObject({ code: 0, stderr: '' });
  expect(serve.stdout).not.toContain('secret');
  expect(serve.stdout, 'no empty default is shown').not.toContain('""');
  const flags = serve.stdout.match(/^ +--[a-z-]+/gm) ?? [];
  expect(flags.length).toBeGreaterThan(6);
  for (const flag of flags) {
    expect(serve.stdout).toContain(`[env: POSTERN_${flag.trim().slice(2).replaceAll('-', '_').toUpperCase()}`);
  }
  expect((await run(['--version'])).stdout).toMatch(/^postern \d+\.\d+\.\d+\n$/);
});

test('an account created on the command line can sign in', async () => {
  const { url } = postern.postern;
  const created = await postern.command(['account', 'create', 'New@Example.org', '--role', 'user'], {
    input: ' spaces and ümlauts count \r\nnot this line\n',
  });
  expect(created).toEqual({ code: 0, stdout: '', stderr: expect.stringContaining('New@Example.org can sign in') });
  await signIn(url, 'new@example.org', ' spaces and ümlauts count ');

  const create = (email: string, input: string) =>
    postern.command(['account', 'create', email, '--role', 'user'], { input });
  expectCommandFailure(await create('new@example.org', PASSWORD), 1, /has an account already/);
  expectCommandFailure(await create('other@example.org', 'short'), 2, /12 to 128 characters/);
  expectCommandFailure(await create('other@example.org', ''), 2, /12 to 128 characters/);
  expectCommandFailure(await create('other@example.org', 'x'.repeat(129)), 2, /12 to 128 characters/);
  expectCommandFailure(await create('other@example.org', 'other@example.org'), 2, /too easy to guess/);
  expectCommandFailure(await create('nobody', PASSWORD), 2, /@/);
});

test('a password changed on the command line ends every session', async () => {
  const { url } = postern.postern;
  await postern.createAccount('forgot@example.org', 'admin');
  const cookie = await signIn(url, 'forgot@example.org', PASSWORD);
  expect((await sendRequest(url, SETTINGS_PATH, { headers: { cookie } })).status).toBe(200);
  const passwd = await postern.command(['account', 'passwd', 'forgot@example.org'], { input: 'another password\n' });
  expect(passwd).toMatchObject({ code: 0, stdout: '' });
  expect((await sendRequest(url, SETTINGS_PATH, { headers: { cookie } })).status).toBe(401);
  await expect(signIn(url, 'forgot@example.org', PASSWORD)).rejects.toThrow('401');
  await signIn(url, 'forgot@example.org', 'another password');
  expectCommandFailure(await postern.command(['account', 'passwd', 'who@example.org'], { input: PASSWORD }), 1, /No account/);
});

test('a person is invited on the command line by a link that is printed', async () => {
  const { url } = postern.postern;
  const inviteTo = (email: string, publicUrl: string) =>
    postern.command(['account', 'invite', email, '--role', 'user', '--public-url', publicUrl]);
  const invite = (email: string) => inviteTo(email, url);
  const invited = await invite('Guest@example.org');
  expect(invited).toMatchObject({ code: 0, stderr: expect.stringContaining('no invitation was mailed: no relay is set up') });
  expect(invited.stdout).toMatch(new RegExp(`^${url}/invitation\\?token=[\\w-]{43}\n$`));
  expect(invited.stderr).toMatch(/works on this machine only; POSTERN_PUBLIC_URL/);
  const elsewhere = await inviteTo('elsewhere@example.org', 'https://mail.example.org');
  expect(elsewhere.stdout).toMatch(/^https:\/\/mail\.example\.org\/invitation\?token=/);
  expect(elsewhere.stderr).not.toContain('this machine only');
  const again = await invite('guest@example.org');
  expect(again.code).toBe(0);
  const accept = (link: string) => {
    const token = new URL(link.trim()).searchParams.get('token') ?? '';
    return postForm(url, '/invitation', { token, password: 'a gate within the gate' });
  };
  expect((await accept(invited.stdout)).status, 'the newer one ends it').toBe(403);
  expect((await accept(again.stdout)).headers.location).toBe('/login');
  await signIn(url, 'guest@example.org', 'a gate within the gate');
  expectCommandFailure(await invite('guest@example.org'), 1, /has an account already/);
  expectCommandFailure(await invite('nobody'), 2, /EMAIL.*@/);
});

test('an account is disabled, enabled, given another role and deleted beside the server', async () => {
  const { url } = postern.postern;
  const email = 'temp@example.org';
  await postern.createAccount(email, 'user');
  const account = (...args: string[]) => postern.command(['account', ...args]);
  const listed = async () => (await account('list', 'TEMP@')).stdout;
  expect(await listed()).toMatch(/^temp@example\.org  user  active  made .*\n$/);
  const cookie = await signIn(url, email, PASSWORD);
  const status = async () => (await sendRequest(url, '/account', { headers: { cookie } })).status;
  expect(await status()).toBe(200);
  expect(await account('disable', email)).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('is disabled') });
  expect(await status(), 'it leads to the login').toBe(303);
  await expect(signIn(url, email, PASSWORD)).rejects.toThrow('401');
  expect(await listed()).toContain('  disabled  ');
  expect((await account('enable', email)).code).toBe(0);
  await signIn(url, email, PASSWORD);
  expect((await account('role', email, 'admin')).stderr).toContain('is admin');
  expect(await listed()).toContain('  admin  active  ');
  expect((await account('delete', email)).code).toBe(0);
  expect(await listed()).toBe('');
  expectCommandFailure(await account('enable', email), 1, /EMAIL: No account has this address/);
});

test('a token is printed once, listed without its secret, and revoked', async () => {
  const { url } = postern.postern;
  await postern.createAccount('program@example.org', 'admin');
  const created = await postern.command(['token', 'create', '--account', 'program@example.org', '--name', 'nightly']);
  expect(created).toMatchObject({ code: 0, stderr: '' });
  expect(created.stdout).toMatch(/^postern_[\w-]{43}\n$/);
  const token = created.stdout.trim();
  const requestStatus = async () => (await sendRequest(url, SETTINGS_PATH, { headers: { authorization: `Bearer ${token}` } })).status;
  expect(await requestStatus()).toBe(200);

  const listed = await postern.command(['token', 'list']);
  expect(listed).toMatchObject({ code: 0, stderr: '' });
  expect(listed.stdout).not.toContain(token.slice(8));
  const line = listed.stdout.split('\n').find((line) => line.includes('nightly')) ?? '';
  expect(line).toMatch(/^\w{26}  program@example\.org  nightly  made \d{4}-.*in use$/);
  const id = line.split(' ')[0] ?? '';

  expect(await postern.command(['token', 'revoke', id])).toMatchObject({ code: 0, stdout: '' });
  await expect.poll(requestStatus).toBe(401);
  expect((await postern.command(['token', 'list'])).stdout).toMatch(new RegExp(`${id}.*revoked`));
  expectCommandFailure(await postern.command(['token', 'revoke', id]), 1, /No token in use/);
  for (const name of ['', ' ', 'x'.repeat(65), 'a\nb']) {
    const args = ['token', 'create', '--account', 'program@example.org', '--name', name];
    expectCommandFailure(await postern.command(args), 2, /1 to 64 characters/);
  }
});

test('a token is limited by scope, sender, expiry and priority', async () => {
  const { url } = postern.postern;
  await postern.createAccount('limited@example.org', 'admin');
  const create = (...limits: string[]) => postern.command(['token', 'create', '--account', 'limited@example.org', '--name', 'limited', ...limits]);
  const created = await create('--scope', 'send', '--expires', '30', '--any-sender', '--sender', 'a@example.org', '--sender', 'b@example.org', '--default-priority', 'bulk', '--highest-priority', 'normal');
  expect(created).toMatchObject({ code: 0, stderr: '' });
  const headers = { 'authorization': `Bearer ${created.stdout.trim()}`, 'content-type': 'application/json' };
  const send = (from: string, priority?: string) =>
    sendRequest(url, '/api/messages/send-email', { method: 'POST', headers, body: JSON.stringify({ from, to: 'me@example.net', text: 'x', priority }) });
  expect((await send('b@example.org')).status).toBe(202);
  expect((await send('b@example.org', 'high')).text).toContain('This token sends with a priority up to normal. Choose normal or bulk.');
  const refused = await send('c@example.org');
  expect(refused.status).toBe(422);
  expect(refused.text).toContain('This token sends only from a@example.org, b@example.org.');
  expect((await sendRequest(url, '/api/messages', { headers })).status).toBe(403);
  expect((await sendRequest(url, SETTINGS_PATH, { headers })).status).toBe(403);
  await expect
    .poll(async () => (await postern.command(['token', 'list'])).stdout)
    .toMatch(/limited {2}made .*  send {2}from a@example\.org,b@example\.org {2}priority bulk up to normal {2}used \d{4}-.* {2}expires \d{4}-.* {2}in use\n/);

  expectCommandFailure(await create('--scope', 'write'), 2, /send, read and admin/);
  expectCommandFailure(await create('--expires', '0'), 2, /1 to 3650 days/);
  expectCommandFailure(await create('--expires', 'soon'), 2, /--expires/);
  expectCommandFailure(await create('--sender', 'nobody'), 2, /nobody.*@/);
  expectCommandFailure(await create('--default-priority', 'urgent'), 2, /Choose high, normal or bulk/);
  expectCommandFailure(await create('--default-priority', 'high', '--highest-priority', 'normal'), 2, /--default-priority: The default is not above/);
});

test('a password set on the command line revokes tokens unless they are kept', async () => {
  const { url } = postern.postern;
  const token = await postern.createAccount('keeper@example.org', 'admin');
  const headers = { authorization: `Bearer ${token}` };
  const passwd = (...flags: string[]) => postern.command(['account', 'passwd', 'keeper@example.org', ...flags], { input: PASSWORD });
  expect(await passwd('--keep-tokens')).toMatchObject({ code: 0, stderr: expect.stringContaining('its tokens are kept') });
  expect((await sendRequest(url, SETTINGS_PATH, { headers })).status).toBe(200);
  expect(await passwd()).toMatchObject({ code: 0, stderr: expect.stringContaining('its tokens are revoked') });
  await expect.poll(async () => (await sendRequest(url, SETTINGS_PATH, { headers })).status).toBe(401);
});

test('send-test reports the result in its output and exit code', async () => {
  expectCommandFailure(await postern.command(['send-test', 'me@example.net']), 2, /No configuration is saved yet/);
  expect((await postern.save(fields(relay))).status).toBe(200);

  const sent = await postern.command(['send-test', 'me@example.net']);
  expect(sent.code, sent.stderr).toBe(0);
  const stages = ['TCP', 'Greeting', 'EHLO', 'MAIL FROM', 'RCPT TO', 'DATA', 'QUIT'];
  const expectedStages = stages.map((stage) => `${stage} [a-zA-Z ]+ +[\\d.]+ m?s  passed\n(    .*\n)+`).join('');
  const end = 'sent in [\\d.]+ m?s, no encryption: 250 2\\.0\\.0 Taken\n';
  expect(sent.stdout).toMatch(new RegExp(`^127\\.0\\.0\\.1:${relay.port}\n\n${expectedStages}\n${end}$`));
  expect((await relay.mails.next()).to).toEqual(['me@example.net']);
  expect((await postern.read()).json.verified).toMatchObject({ state: 'verified', by: expect.stringMatching(/^uid \d+$/) });

  const refused = await postern.command(['send-test', 'nobody@example.net']);
  expect(refused.code).toBe(1);
  expect(refused.stdout).toMatch(/\nThe relay replied: 550 5\.1\.1 No such user\n\n.*\n.*\n1\. Check the spelling/);
  expectCommandFailure(await postern.command(['send-test', 'nobody']), 2, /@/);
  expectCommandFailure(await postern.command(['send-test', 'a@example.net\r\nRCPT TO:<b@example.net>']), 2);
});

test('a closed output and arguments that are not UTF-8 do not cause a panic', async () => {
  const list = await runShell(`("$0" token list --data '${postern.postern.data}'; echo "$?" >&2) | true`);
  expect(list.stderr).toMatch(/^(error: [^\n]*\n)?[01]\n$/);
  const result = await runShell(`exec "$0" token list --data "$(printf '/proc/\\377')" --database postgres://127.0.0.1:1/x`);
  expectCommandFailure(result, 1);
});

test('a database password on the command line is refused', async () => {
  for (const address of [
    'postgres://postern:secret@127.0.0.1:1/postern',
    'postgres://127.0.0.1:1/postern?user=postern&password=secret',
  ]) {
    for (const args of [['--database', address], [`--database=${address}`]]) {
      const result = await run(['token', 'list', '--data', temporaryFolder('data'), ...args]);
      expectCommandFailure(result, 1, /visible to every user.*POSTERN_DATABASE/);
      expect(result.stderr).not.toContain('secret');
    }
  }
});
