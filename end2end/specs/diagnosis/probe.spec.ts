//! The probe over REST and on the command line: attempts and recommendation.

import { expect, test } from '@playwright/test';
import { CertificateAuthority, selfSigned } from '../../support/relays/certificate.ts';
import { expectCommandFailure } from '../../support/program/command-failure.ts';
import type { RequestOptions } from '../../support/api/http.ts';
import { runPostern as run } from '../../support/program/program.ts';
import { Queue } from '../../support/queue.ts';
import { Relay, type RelayOptions } from '../../support/relays/relay.ts';
import { closedPort, silentRelay, tcpRelay, unreachablePort } from '../../support/relays/tcp-relay.ts';
import { TestServer } from '../../support/api/test-server.ts';

test.describe.configure({ mode: 'default' });

const authority = new CertificateAuthority();
/** An address of this spec: the machine may have a relay at 127.0.0.1. */
const HOST = '127.0.77.1';

let postern: TestServer;

test.beforeAll(async () => {
  postern = await TestServer.start({ env: { SSL_CERT_FILE: authority.file } });
});

test.afterAll(() => postern?.stop());

/** The limit is 12 probes a minute and account, so each test has its own account. */
let accountCount = 0;
async function createAccount(role: 'admin' | 'user' = 'admin'): Promise<string> {
  accountCount += 1;
  return postern.createAccount(`prober${accountCount}@example.org`, role);
}

async function post(body: unknown, headers: RequestOptions['headers'] = {}, signal?: AbortSignal) {
  const token = headers.authorization ?? `Bearer ${await createAccount()}`;
  return postern.request('/api/probe', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers, authorization: token },
    body: JSON.stringify(body),
    signal,
  });
}

interface Row {
  port: number;
  connection_type: 'SSL' | 'TLS' | 'None';
  reachable: boolean;
  failure: { stage: string; fault: unknown } | null;
  encryption: string | null;
  certificate: { fault: string | null; verdict: string } | null;
  start_tls: boolean;
  authentication: string[];
  milliseconds: number;
}

interface ProbeDocument {
  asked: string;
  candidates: Row[];
  settings: Record<string, string>;
  reason: string[];
  others: string[];
  milliseconds: number;
}

/** The document, and its attempts on `body.port` by connection type. */
async function runProbe(body: { port: number; [more: string]: unknown }): Promise<[ProbeDocument, Record<string, Row>]> {
  const response = await post({ host: HOST, ...body }, { accept: 'application/json' });
  expect(response.status, response.text).toBe(200);
  const { status, data } = JSON.parse(response.text) as { status: string; data: ProbeDocument };
  expect(status).toBe('success');
  const rows = data.candidates.filter((row) => row.port === body.port);
  return [data, Object.fromEntries(rows.map((row) => [row.connection_type, row]))];
}

async function withRelay(options: RelayOptions, run: (relay: Relay) => Promise<void>): Promise<void> {
  const relay = await Relay.start({ ...options, host: HOST });
  await run(relay);
  expect(relay.attempts.all, 'no AUTH is sent').toEqual([]);
  expect(relay.mails.all).toEqual([]);
  await relay.stop();
}

test('a relay with implicit TLS', () =>
  withRelay({ tls: 'implicit', certificate: authority.issue(HOST), auth: ['PLAIN', 'LOGIN'] }, async ({ port }) => {
    const [document, rows] = await runProbe({ port });
    expect(document.settings).toEqual({
      smtp_host: HOST,
      smtp_port: String(port),
      smtp_connection_type: 'SSL',
      smtp_authentication_type: 'Plain',
    });
    expect(document.reason.join(' ')).toContain('encrypted from the first byte');
    expect(rows.SSL).toMatchObject({
      reachable: true,
      failure: null,
      encryption: 'TLS 1.3',
      certificate: { fault: null },
      authentication: ['PLAIN', 'LOGIN'],
    });
    expect(rows.TLS?.failure).toMatchObject({ stage: 'greeting', fault: 'timed_out' });
    expect(document.milliseconds, 'TLS starts without waiting for a greeting').toBeLessThan(14_000);
  }));

test('a relay with StartTLS has capabilities before and after TLS', () =>
  withRelay({ tls: 'starttls', certificate: authority.issue(HOST), auth: ['CRAM-MD5', 'LOGIN'] }, async ({ port }) => {
    const [document, rows] = await runProbe({ port });
    expect(document.settings).toMatchObject({ smtp_connection_type: 'TLS', smtp_authentication_type: 'Login' });
    expect(rows.SSL?.failure).toMatchObject({ stage: 'tls', fault: 'not_tls' });
    expect(rows.TLS).toMatchObject({ failure: null, encryption: 'TLS 1.3', authentication: ['CRAM-MD5', 'LOGIN'] });
    expect(rows.None).toMatchObject({ failure: null, encryption: null, start_tls: true });
    expect(document.others.join(' ')).toContain(`${HOST} port ${port} with SSL: `);
  }));

test('a relay without encryption is recommended without a password', () =>
  withRelay({ auth: ['PLAIN'] }, async ({ port }) => {
    const [document, rows] = await runProbe({ port });
    expect(document.settings).toMatchObject({ smtp_connection_type: 'None', smtp_authentication_type: 'None' });
    expect(document.reason.join(' ')).toContain('the password would be sent unencrypted');
    expect(rows.TLS?.failure).toMatchObject({ stage: 'starttls', fault: 'start_tls_not_offered' });
    expect(rows.None).toMatchObject({ start_tls: false, authentication: ['PLAIN'] });
  }));

test('an invalid certificate is reported along with the capabilities', () =>
  withRelay({ tls: 'starttls', certificate: selfSigned(HOST), auth: ['PLAIN'] }, async ({ port }) => {
    const [document, rows] = await runProbe({ port });
    expect(document.settings).toMatchObject({ smtp_connection_type: 'TLS', smtp_authentication_type: 'Plain' });
    expect(rows.TLS).toMatchObject({ failure: null, certificate: { fault: 'self_signed' }, authentication: ['PLAIN'] });
    expect(rows.TLS?.certificate?.verdict).not.toContain('check is off');
    expect(document.reason).toContainEqual(expect.stringContaining(rows.TLS?.certificate?.verdict ?? '?'));
  }));

test('an unreachable port does not delay the other attempts', { tag: '@waits' }, async () => {
  const blocked = await unreachablePort();
  const [document, rows] = await runProbe({ host: '127.0.0.1', port: blocked.port });
  expect(document.milliseconds).toBeGreaterThan(4_900);
  expect(document.milliseconds, 'attempts run concurrently').toBeLessThan(9_900);
  for (const row of [rows.SSL, rows.TLS, rows.None]) {
    expect(row).toMatchObject({ reachable: false, failure: { stage: 'tcp', fault: 'no_answer' } });
  }
  expect(document.others).toContainEqual(`127.0.0.1 port ${blocked.port} with SSL: the port is filtered.`);
  await blocked.stop();
});

test('an address literal needs no DNS', () =>
  withRelay({ tls: 'implicit', certificate: authority.issue(HOST), auth: ['PLAIN'] }, async ({ port }) => {
    const address = `me@[${HOST}]`;
    const [document] = await runProbe({ host: null, address, port });
    expect(document.asked).toBe(address);
    expect(document.settings).toMatchObject({ smtp_host: HOST, smtp_username: address });
    const [both] = await runProbe({ address: 'me@example.org', port });
    expect(both.settings).toMatchObject({ smtp_host: HOST, smtp_username: 'me@example.org' });
  }));

test('events are streamed as JSON lines', () =>
  withRelay({}, async ({ port }) => {
    const response = await post({ host: HOST, port: String(port) });
    expect(response.headers['content-type']).toBe('application/x-ndjson');
    const events = response.text.trimEnd().split('\n').map((line) => JSON.parse(line));
    const [started, ...rest] = events.filter(({ event }) => event !== 'tick');
    expect(started).toMatchObject({ event: 'started', asked: HOST });
    const over = rest.pop();
    expect(over).toMatchObject({ event: 'over', settings: { smtp_port: String(port) } });
    expect(rest.every(({ event }) => event === 'found')).toBe(true);
    const way = (row: Row) => `${row.port} ${row.connection_type}`;
    expect(rest.map(way).sort()).toEqual(started.candidates.map(way).sort());
  }));

test('no connection is opened to a denied address', async () => {
  const relay = await silentRelay();
  const guarded = await TestServer.start({ env: { POSTERN_RELAY_DENY: '127.0.0.0/8' } });
  const response = await guarded.request('/api/probe', {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ host: '127.0.0.1', port: relay.port }),
  });
  const { data } = JSON.parse(response.text) as { data: ProbeDocument };
  expect(data.settings).toEqual({});
  expect(data.reason).toEqual([expect.stringContaining('does not allow this address')]);
  expect(relay.connections.all).toEqual([]);
  await guarded.stop();
  await relay.stop();
});

test('a client that disconnects ends every connection', async () => {
  const closed = new Queue<string>();
  const relay = await tcpRelay((socket) => socket.once('close', () => closed.push('left')));
  const abort = new AbortController();
  const pending = post({ host: '127.0.0.1', port: relay.port }, {}, abort.signal);
  await relay.connections.next();
  await relay.connections.next();
  abort.abort();
  await expect(pending).rejects.toThrow(/abort/);
  await closed.next();
  await closed.next();
  await relay.stop();
});

test('invalid requests and unauthorised accounts are refused', async () => {
  const authorization = `Bearer ${await createAccount()}`;
  for (const [body, ...fields] of [
    [{}, 'host'],
    [{ host: ' ', address: '' }, 'host'],
    [{ host: 'me@example.org' }, 'host'],
    [{ host: 'a b', address: 'me', port: 0 }, 'address', 'host', 'port'],
    [{ host: 1, password: 'x' }, 'host', 'password'],
  ] as const) {
    const response = await post(body, { authorization });
    expect(response.status, response.text).toBe(422);
    expect(Object.keys(JSON.parse(response.text).errors).sort()).toEqual(fields);
  }
  expect((await post({ host: HOST }, { authorization: 'Bearer nobody' })).status).toBe(401);
  expect((await post({ host: HOST }, { authorization: `Bearer ${await createAccount('user')}` })).status).toBe(403);
  expect((await postern.request('/api/probe')).status).toBe(405);
});

test('at most twelve a minute are accepted', async () => {
  const authorization = `Bearer ${await createAccount()}`;
  const ask = () => post({ host: HOST }, { authorization, accept: 'application/json' });
  for (let count = 0; count < 12; count += 1) {
    expect((await ask()).status).toBe(200);
  }
  const refused = await ask();
  expect(refused.status).toBe(429);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
});

test('the command prints a table and settings and exits with 0', () =>
  withRelay({ tls: 'implicit', certificate: authority.issue(HOST), auth: ['PLAIN'] }, async ({ port }) => {
    const result = await postern.command(['probe', `me@[${HOST}]`, '--port', String(port)]);
    expect(result, result.stderr).toMatchObject({ code: 0 });
    expect(result.stdout).toMatch(/^HOST +PORT  TYPE +TIME  RESULT\n/);
    expect(result.stdout).toMatch(
      new RegExp(`^127\\.0\\.77\\.1 +${port}  SSL .* works, TLS 1\\.3, the certificate passes, AUTH PLAIN$`, 'm'),
    );
    expect(result.stdout).toMatch(new RegExp(`^ +smtp_username +me@\\[127\\.0\\.77\\.1\\]$`, 'm'));
    expect(result.stdout, 'no colours without a terminal').not.toContain('\x1b');

    const lines = await postern.command(['probe', HOST, '--port', String(port), '--json']);
    const events = lines.stdout.trimEnd().split('\n').map((line) => JSON.parse(line));
    expect(events[0]).toMatchObject({ event: 'started', asked: HOST });
    expect(events.at(-1)).toMatchObject({ event: 'over', settings: { smtp_connection_type: 'SSL' } });
  }));

test('the command exits with 1 without a recommendation and with 2 for usage errors', async () => {
  const denied = { env: { POSTERN_RELAY_DENY: '127.0.0.0/8' } };
  const nothing = await postern.command(['probe', HOST, '--port', String(await closedPort())], denied);
  expect(nothing.code).toBe(1);
  expect(nothing.stdout).toMatch(/nothing works:\n +The operator of this Postern does not allow/);
  for (const args of [['a b'], ['me@'], [HOST, '--port', '0']]) {
    expectCommandFailure(await postern.command(['probe', ...args]), 2);
  }
  expectCommandFailure(await run(['probe']), 2, /HOST\|ADDRESS/);
});
