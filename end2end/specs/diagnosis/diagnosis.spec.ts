//! `POST /api/diagnosis`: event stream and document, redaction, limits on concurrency and rate.

import { expect, test } from '@playwright/test';
import { CertificateAuthority } from '../../support/relays/certificate.ts';
import { Queue } from '../../support/queue.ts';
import { Relay } from '../../support/relays/relay.ts';
import { scriptedRelay as following, sendNothing } from '../../support/relays/scripted-relay.ts';
import { tcpRelay } from '../../support/relays/tcp-relay.ts';
import { type ApiResponse, type Fields, TestServer, fields, parseResponse } from '../../support/api/test-server.ts';

const PATH = '/api/diagnosis';
const SECRET = 'correct horse battery staple';

test.describe.configure({ mode: 'default' });

let authority: CertificateAuthority;
let relay: Relay;
let postern: TestServer;

test.beforeAll(async () => {
  authority = new CertificateAuthority();
  relay = await Relay.start({
    tls: 'starttls',
    certificate: authority.issue('127.0.0.1'),
    auth: ['PLAIN', 'LOGIN', 'CRAM-MD5'],
    users: { alerts: SECRET },
  });
  postern = await TestServer.start({ env: { SSL_CERT_FILE: authority.file } });
});

test.afterAll(async () => {
  await postern?.stop();
  await relay?.stop();
});

async function workingSettings(more: Fields = {}): Promise<Fields> {
  return fields(relay, {
    smtp_connection_type: 'TLS',
    smtp_authentication_type: 'Plain',
    smtp_username: 'alerts',
    smtp_password: await postern.sealed(SECRET),
    ...more,
  });
}

function requestDiagnosis(body: unknown, headers: Record<string, string> = {}) {
  return { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

async function anotherAdmin(): Promise<Record<string, string>> {
  const email = `person${Math.random()}@example.org`;
  return { authorization: `Bearer ${await postern.createAccount(email, 'admin')}` };
}

test('events are streamed as JSON lines, and no mail is sent', async () => {
  const response = await postern.request(PATH, requestDiagnosis({ data: await workingSettings(), to: 'me@example.net' }, await anotherAdmin()));
  expect(response.status, response.text).toBe(200);
  expect(response.headers['content-type']).toBe('application/x-ndjson');
  const events = response.text.trimEnd().split('\n').map((line) => JSON.parse(line));
  expect(events[0]).toMatchObject({ event: 'started', relay: `127.0.0.1:${relay.port}`, revision: null });
  const stages = ['tcp', 'greeting', 'ehlo', 'starttls', 'tls', 'ehlo', 'auth', 'mail', 'rcpt', 'quit'];
  expect(events[0].plan).toEqual(stages);
  const named = (name: string) => events.filter(({ event }) => event === name);
  expect(named('began').map(({ stage }) => stage)).toEqual(stages);
  expect(named('ended').map(({ stage, passed }) => [stage, passed])).toEqual(stages.map((stage) => [stage, true]));
  expect(named('tried')).toMatchObject([{ address: `127.0.0.1:${relay.port}`, outcome: 'connected' }]);
  const [handshake] = named('handshake');
  expect(handshake).toMatchObject({ version: 'TLS 1.3', cipher: expect.stringMatching(/^TLS_/), fault: null, checked: true });
  expect(handshake.chain[0].names).toEqual(['127.0.0.1']);
  expect(handshake.chain[0].sha256).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  expect(named('offered')).toHaveLength(2);
  expect(named('offered')[1].capabilities.map(({ keyword }: { keyword: string }) => keyword)).toContain('AUTH');
  expect(named('over')).toMatchObject([{ outcome: 'passed', encryption: 'TLS 1.3' }]);
  expect(events.at(-1).event).toBe('over');

  const lines = named('line').map(({ from, text }) => `${from === 'postern' ? '>' : '<'} ${text}`);
  expect(lines).toContain('> MAIL FROM:<alerts@example.org>');
  expect(lines).toContain('> RCPT TO:<me@example.net>');
  expect(lines.slice(-4)).toEqual(['> RSET', expect.stringMatching(/^< 250 /), '> QUIT', expect.stringMatching(/^< 221 /)]);
  expect(lines).not.toContain('> DATA');
  expect(relay.mails.all).toEqual([]);
});

test('a client that accepts JSON gets one document by stage', async () => {
  const report = await postern.diagnose({ data: await workingSettings() });
  expect(report).toMatchObject({ outcome: 'passed', not_reached: [], encryption: 'TLS 1.3' });
  expect(report.steps.map(({ stage }) => stage)).not.toContain('rcpt');
  for (const step of report.steps) {
    expect(step.state).toBe('passed');
    expect(step.milliseconds).toBeGreaterThanOrEqual(0);
  }
});

test('a diagnosis that sends a mail verifies the saved settings', async () => {
  expect((await postern.save(await workingSettings())).status).toBe(200);
  const report = await postern.diagnose({ to: 'me@example.net', send: true });
  expect(report).toMatchObject({ outcome: 'sent', revision: 1, reply: { code: 250 } });
  expect((await relay.mails.next()).to).toEqual(['me@example.net']);
  expect((await postern.read()).json.verified).toMatchObject({ state: 'verified' });
});

test('omitted fields have their saved values, and the password stays with its relay', async () => {
  const saved = await postern.diagnose({ to: 'me@example.net' });
  expect(saved).toMatchObject({ outcome: 'passed', revision: 1 });
  const login = await postern.diagnose({ data: { smtp_authentication_type: 'Login' } });
  expect(login).toMatchObject({ outcome: 'passed', revision: null });
  const otherHost = await postern.diagnoseAs((await anotherAdmin()).authorization!.slice(7), { data: { smtp_host: 'localhost' } });
  expect(otherHost.status).toBe(422);
  expect(Object.keys(otherHost.json.errors)).toEqual(['smtp_password']);
});

for (const authentication of ['Plain', 'Login', 'Cram_MD5']) {
  test(`no secret of ${authentication} is reported, even if the relay repeats it`, async () => {
    const echoRelay = await tcpRelay((socket) => {
      let last = '';
      socket.write('220 parrot\r\n');
      socket.on('data', (chunk) => {
        const line = chunk.toString().trimEnd();
        const first = line.startsWith('EHLO') ? '250-parrot\r\n250 AUTH PLAIN LOGIN CRAM-MD5\r\n' : '';
        const challenge = /^AUTH (LOGIN|CRAM-MD5)$/.test(line) || last === 'AUTH LOGIN';
        const echo = `${Buffer.from(line, 'base64').toString()} ${line} ${SECRET}`.replace(/[\0\r\n]/g, ' ');
        socket.write(first || (challenge ? `334 ${Buffer.from('<1@parrot>').toString('base64')}\r\n` : `535 5.7.8 ${echo}\r\n`));
        last = line;
      });
    });
    const question = {
      data: await workingSettings({ smtp_port: echoRelay.port, smtp_connection_type: 'None', smtp_plaintext_auth: '1', smtp_authentication_type: authentication }),
    };
    const report = await postern.diagnose(question);
    expect(report).toMatchObject({ outcome: 'failed', failure: { stage: 'auth' } });
    const document = JSON.stringify(report);
    const commands = echoRelay.received.all.join('').split('\r\n').filter((line) => !/^(EHLO|AUTH (LOGIN|CRAM)|QUIT|$)/.test(line));
    const user = Buffer.from('alerts').toString('base64');
    for (const secret of [SECRET, ...commands.map((line) => line.replace('AUTH PLAIN ', '')).filter((line) => line !== user)]) {
      expect(document).not.toContain(secret);
    }
    expect(document).toContain('[…]');
    expect(postern.postern.output).not.toContain(SECRET);
    await echoRelay.stop();
  });
}

test('only administrators may run a diagnosis', async () => {
  const user = await postern.createAccount('user@example.org', 'user');
  for (const [authorization, status] of [[`Bearer ${user}`, 403], ['Bearer postern_x', 401], ['', 401]] as const) {
    const refused = parseResponse(await postern.request(PATH, requestDiagnosis({}, { authorization })));
    expect(refused.status).toBe(status);
    expect(refused.json.status).toBe('error');
  }
});

test('an invalid request is refused by field, before a connection is opened', async () => {
  const place = await tcpRelay(() => {});
  for (const [body, names] of [
    [{ data: 'x' }, ['data']],
    [{ to: 1, send: 'yes', more: 1 }, ['more', 'send', 'to']],
    [{ data: { smtp_port: 0, smtp_host: 'a b', x: 1 } }, ['smtp_host', 'smtp_port', 'x']],
    [{ data: fields(place), to: 'nobody' }, ['to']],
    [{ data: fields(place), to: 'a@example.net\r\nRCPT TO:<b@example.net>' }, ['to']],
    [{ data: fields(place), send: true }, ['to']],
    [{ data: await workingSettings({ smtp_port: place.port, smtp_password: 'hunter2' }), to: 'me@example.net' }, ['smtp_password']],
    [{ data: await workingSettings({ smtp_port: place.port, smtp_password: 'hunter2', smtp_authentication_type: 'None' }) }, ['smtp_password']],
  ] as Array<[unknown, string[]]>) {
    const refused: ApiResponse = parseResponse(await postern.request(PATH, requestDiagnosis(body, { accept: 'application/json' })));
    expect(refused.status, JSON.stringify(body)).toBe(422);
    expect(Object.keys(refused.json.errors)).toEqual(names);
  }
  expect(place.connections.all).toEqual([]);
  await place.stop();
});

test('a client that disconnects ends the diagnosis', async () => {
  const closed = new Queue<void>();
  const place = await tcpRelay((socket) => socket.once('close', () => closed.push()));
  const abort = new AbortController();
  const body = { data: fields(place, { smtp_command_timeout: '120' }) };
  const pending = postern.request(PATH, { ...requestDiagnosis(body), signal: abort.signal });
  await place.connections.next();
  abort.abort();
  await expect(pending).rejects.toThrow(/abort/);
  await closed.next();
  await place.stop();
});

test('two diagnoses of a person and four in all run at a time, further ones get Retry-After', async () => {
  const place = await following({ connected: sendNothing });
  const body = { data: fields(place, { smtp_command_timeout: '120' }) };
  const abort = new AbortController();
  const people = [await anotherAdmin(), await anotherAdmin()];
  const running = [...people, ...people].map((person) => postern.request(PATH, { ...requestDiagnosis(body, person), signal: abort.signal }).catch(() => {}));
  for (const _ of running) {
    await place.connections.next();
  }
  const third = parseResponse(await postern.request(PATH, requestDiagnosis(body, people[0])));
  expect([third.status, third.json.errors.request]).toEqual([429, expect.stringContaining('At most two of your diagnoses')]);
  const fifth = parseResponse(await postern.request(PATH, requestDiagnosis(body, await anotherAdmin())));
  expect(fifth.status).toBe(429);
  expect(Number(fifth.headers['retry-after'])).toBeGreaterThan(0);
  expect(fifth.json.errors.request).toContain('At most four diagnoses run at a time');
  abort.abort();
  await Promise.all(running);
  await place.stop();
});

test('at most twelve a minute are accepted', async () => {
  const headers = await anotherAdmin();
  const place = await following({});
  for (let times = 1; times <= 12; times += 1) {
    expect((await postern.request(PATH, requestDiagnosis({ data: fields(place) }, headers))).status).toBe(200);
  }
  const refused = parseResponse(await postern.request(PATH, requestDiagnosis({ data: fields(place) }, headers)));
  expect(refused.status).toBe(429);
  expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60);
  expect(refused.json.errors.request).toContain('At most twelve diagnoses a minute are allowed.');
  await place.stop();
});
