//! `postern diagnose`: text for people, JSON lines for programs, exit codes.

import { expect, test } from '@playwright/test';
import { expectCommandFailure } from '../../support/program/command-failure.ts';
import { NO_OWN_ADDRESS, OWN_ADDRESS } from '../../support/relays/own-address.ts';
import { runPostern as run } from '../../support/program/program.ts';
import { Relay } from '../../support/relays/relay.ts';
import { scriptedRelay as following } from '../../support/relays/scripted-relay.ts';
import { closedPort } from '../../support/relays/tcp-relay.ts';
import { TestServer, fields } from '../../support/api/test-server.ts';

test.describe.configure({ mode: 'default' });

let postern: TestServer;
let relay: Relay;

test.beforeAll(async () => {
  relay = await Relay.start({ auth: ['PLAIN', 'LOGIN'], users: { me: 'hunter22' } });
  postern = await TestServer.start();
});

test.afterAll(async () => {
  await postern?.stop();
  await relay?.stop();
});

test('without saved settings the diagnosis is refused', async () => {
  expectCommandFailure(await postern.command(['diagnose']), 2, /No configuration is saved yet/);
});

test('every stage of the saved settings passes, and no mail is sent', async () => {
  const open = await Relay.start();
  expect((await postern.save(fields(open))).status).toBe(200);
  for (const args of [['diagnose', '--to', 'me@example.net'], ['diagnose', 'saved', '--to', 'me@example.net']]) {
    const passed = await postern.command(args);
    expect(passed.code, passed.stderr).toBe(0);
    expect(passed.stdout).toMatch(new RegExp(`^127\\.0\\.0\\.1:${open.port}\n\n`));
    for (const stage of ['TCP', 'Greeting', 'EHLO', 'MAIL FROM', 'RCPT TO', 'QUIT']) {
      expect(passed.stdout).toMatch(new RegExp(`^${stage} [a-zA-Z ]+ +[\\d.]+ m?s  passed$`, 'm'));
    }
    expect(passed.stdout).toContain('    > RCPT TO:<me@example.net>\n    < 250');
    expect(passed.stdout).toMatch(/\nevery stage passed in [\d.]+ m?s, no encryption; nothing was sent\n$/);
    expect(passed.stdout, 'no colours without a terminal').not.toContain('\x1b');
  }
  expect(open.mails.all).toEqual([]);
  await open.stop();
});

test('another relay with the password from standard input', async () => {
  const at = ['diagnose', '--host', '127.0.0.1', '--port', String(relay.port), '--user', 'me'];
  const withoutTls = await postern.command(at, { input: 'hunter22\n' });
  expect(withoutTls.code).toBe(1);
  expect(withoutTls.stdout).toMatch(/^AUTH sign-in +[\d.]+ m?s  failed$/m);
  expect(withoutTls.stdout).toMatch(/\nnot reached: MAIL FROM names the sender, QUIT ends the session\n/);
  expect(withoutTls.stdout).toContain('the connection is not encrypted; the password was not sent');
  expect(withoutTls.stdout).toMatch(/\n1\. .*\n2\. /);
  expect(withoutTls.stdout + withoutTls.stderr).not.toContain('hunter22');
  expect(relay.attempts.all).toEqual([]);
});

test('--json prints one event per line', async () => {
  const result = await postern.command(['diagnose', '--host', '127.0.0.1', '--port', String(await closedPort()), '--json']);
  expect(result.code).toBe(1);
  const events = result.stdout.trimEnd().split('\n').map((line) => JSON.parse(line));
  expect(events.map(({ event }) => event)).toEqual(['started', 'began', 'tried', 'ended', 'over']);
  expect(events.at(-1)).toMatchObject({
    outcome: 'failed',
    failure: { stage: 'tcp', fault: 'connection_refused' },
    cause: { title: 'Nothing listens on the port' },
  });

  const relay = await following({});
  const passed = await postern.command(['diagnose', '--host', '127.0.0.1', '--port', String(relay.port), '--json']);
  expect(passed.code, passed.stderr).toBe(0);
  expect(JSON.parse(passed.stdout.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ event: 'over', outcome: 'passed' });
  await relay.stop();
});

test('--send sends a test mail, and the cause of a reply to it has a class', async () => {
  const open = await Relay.start();
  const at = ['diagnose', '--host', '127.0.0.1', '--port', String(open.port), '--to', 'me@example.net', '--send'];
  const sent = await postern.command(at);
  expect(sent.code, sent.stderr).toBe(0);
  expect(open.mails.all).toHaveLength(1);
  await open.stop();

  const refusing = await following({ sent: '554 5.7.1 Infected: Eicar-Test-Signature FOUND' });
  const to = ['--host', '127.0.0.1', '--port', String(refusing.port), '--to', 'me@example.net'];
  const refused = await postern.command(['diagnose', ...to, '--send', '--json']);
  expect(refused.code, refused.stderr).toBe(1);
  expect(JSON.parse(refused.stdout.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
    failure: { stage: 'data' },
    cause: { class: 'content', by: 'words', alternative: null },
  });
  await refusing.stop();
});

test('without saved settings a named relay is diagnosed with a sender of this machine', async () => {
  const fresh = await TestServer.start();
  const open = await Relay.start();
  const passed = await fresh.command(['diagnose', '--host', '127.0.0.1', '--port', String(open.port)]);
  expect(passed.code, passed.stderr).toBe(0);
  expect(passed.stdout).toMatch(/> MAIL FROM:<postern@[^>]+>/);
  await open.stop();
  await fresh.stop();
});

/** The names of the events of `postern diagnose --json`, and the one about the From domain. */
async function domainEvent(server: TestServer, relay: Relay): Promise<{ names: string[]; domain: Record<string, unknown> | undefined }> {
  expect((await server.save(fields(relay, { smtp_host: relay.host }))).status).toBe(200);
  const passed = await server.command(['diagnose', '--json']);
  expect(passed.code, passed.stderr).toBe(0);
  const events = passed.stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  return { names: events.map(({ event }) => String(event)), domain: events.find(({ event }) => event === 'domain') };
}

test('the From domain is checked beside the diagnosis of a relay on another machine', async () => {
  test.skip(OWN_ADDRESS === undefined, NO_OWN_ADDRESS);
  const [server, here, there] = await Promise.all([TestServer.start(), Relay.start(), Relay.start({ host: OWN_ADDRESS })]);
  expect((await domainEvent(server, here)).domain, 'a relay on this machine is not what receivers see').toBeUndefined();
  const { names, domain } = await domainEvent(server, there);
  expect(names.slice(-2), 'it comes before the end').toEqual(['domain', 'over']);
  // The machine may have no DNS, and the diagnosis of a relay by its address does not wait for it.
  expect(domain).toEqual({ event: 'domain', domain: 'example.org', answered: expect.any(Boolean), findings: expect.any(Array) });
  expect((domain?.findings as unknown[]).length > 0, JSON.stringify(domain)).toBe(domain?.answered);

  const text = await server.command(['diagnose']);
  expect(text.code, text.stderr).toBe(0);
  expect(text.stdout).toMatch(/^From domain example\.org(: DNS did not answer in time, so it was not checked; see postern check-domain example\.org)?$/m);
  await Promise.all([server.stop(), here.stop(), there.stop()]);
});

for (const [args, pattern] of [
  [['--host', 'smtp.example.org'], /--port/],
  [['--port', '25'], /--host/],
  [['something'], /something.*saved/],
  [['saved', '--host', 'a', '--port', '25'], /cannot be used with/],
  [['--user', 'me'], /--host/],
] as const) {
  test(`usage error: postern diagnose ${args.join(' ')}`, async () => {
    expectCommandFailure(await run(['diagnose', ...args]), 2, pattern);
  });
}

test('--relay names another relay for diagnose, send-test and probe', async () => {
  const server = await TestServer.start();
  const [first, second] = [await Relay.start(), await Relay.start()];
  expect((await server.save(fields(first))).status).toBe(200);
  const headers = { 'authorization': `Bearer ${server.token}`, 'content-type': 'application/json' };
  const post = (path: string, body: unknown) => server.request(path, { method: 'POST', headers, body: JSON.stringify(body) });
  const created = await post('/api/relays', { data: { name: 'Newsletter' } });
  const { data } = JSON.parse(created.text) as { data: { id: string } };
  expectCommandFailure(await server.command(['probe', '--relay', 'Newsletter']), 2, /--relay: No configuration is saved/);
  const settings = `/api/relays/${data.id}/email_smtp`;
  expect((await post(settings, { data: fields(second) })).status).toBe(200);

  for (const name of ['Newsletter', 'newsletter', data.id]) {
    const passed = await server.command(['diagnose', '--relay', name]);
    expect(passed.code, passed.stderr).toBe(0);
    expect(passed.stdout).toMatch(new RegExp(`^127\\.0\\.0\\.1:${second.port}\n\n`));
  }
  const sent = await server.command(['send-test', 'me@example.net', '--relay', 'Newsletter']);
  expect(sent.code, sent.stderr).toBe(0);
  expect([first.mails.all.length, second.mails.all.length]).toEqual([0, 1]);
  const probed = await server.command(['probe', '--relay', 'Newsletter']);
  expect(probed.stdout, probed.stderr).toMatch(new RegExp(`^127\\.0\\.0\\.1 +${second.port} `, 'm'));
  expect(probed.stdout).not.toMatch(new RegExp(`^127\\.0\\.0\\.1 +${first.port} `, 'm'));

  for (const command of [['diagnose'], ['send-test', 'me@example.net'], ['probe']]) {
    const refused = await server.command([...command, '--relay', 'Alarms']);
    expectCommandFailure(refused, 1, /--relay: No relay has the name or id “Alarms”\. The relays are: Main relay, Newsletter\./);
  }
  await Promise.all([first.stop(), second.stop(), server.stop()]);
});

test('invalid values are usage errors', async () => {
  for (const [args, pattern] of [
    [['--host', 'a b', '--port', '25'], /--host: /],
    [['--host', '127.0.0.1', '--port', '0'], /--port: /],
    [['--host', '127.0.0.1', '--port', '25', '--connection-type', 'STARTTLS'], /--connection-type: /],
    [['--to', 'nobody'], /--to: /],
  ] as const) {
    expectCommandFailure(await postern.command(['diagnose', ...args]), 2, pattern);
  }
});
