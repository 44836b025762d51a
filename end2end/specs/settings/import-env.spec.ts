//! `postern import --env`: what it understood is shown, asked about, saved and used.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { expectCommandFailure } from '../../support/program/command-failure.ts';
import { runPostern } from '../../support/program/program.ts';
import { Relay } from '../../support/relays/relay.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { TestServer, fields } from '../../support/api/test-server.ts';

test.describe.configure({ mode: 'default' });

const SECRET = 'hunter2 #of the old mailer';

let postern: TestServer;
let relay: Relay;
let folder: string;

test.beforeAll(async () => {
  relay = await Relay.start({ auth: ['LOGIN'], users: { alerts: SECRET } });
  postern = await TestServer.start();
  folder = temporaryFolder('env');
});

test.afterAll(async () => {
  await postern?.stop();
  await relay?.stop();
});

/** A `.env` file with these lines. */
function environment(...lines: string[]): string {
  const file = join(folder, '.env');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

/** A file of variables for nodemailer. */
function mailer(...more: string[]): string {
  return environment(
    '# mail',
    'SMTP_HOST=127.0.0.1',
    `SMTP_PORT=${relay.port}`,
    'SMTP_SECURE=false',
    'SMTP_AUTH=LOGIN',
    'export SMTP_USER=alerts',
    `SMTP_PASS="${SECRET}"`,
    'EMAIL_TIMEOUT=15000',
    'EMAIL_ALLOW_INSECURE=true',
    'DATABASE_URL=postgres://secret@localhost/app',
    ...more,
  );
}

test('nothing is saved without an answer, and everything is shown but the password', async () => {
  const before = (await postern.read()).json;
  for (const input of ['', 'n\n', 'maybe\n']) {
    const asked = await postern.command(['import', '--env', mailer('DEBUG=1'), '--from', 'alerts@example.org'], { input });
    expect(asked.code).toBe(1);
    expect(asked.stderr).toContain('Save these settings? [y/N]');
    expect(asked.stderr).toContain('nothing was saved');
    for (const line of [
      /^SMTP_HOST=127\.0\.0\.1 +The host/m,
      /^SMTP_PASS +The password, which is not shown/m,
      /^EMAIL_ALLOW_INSECURE=true +Not followed without --allow-insecure/m,
      /^DEBUG +Not followed/m,
      /^ {2}Email Address: alerts@example\.org$/m,
      /^ {2}Authentication Type: Login$/m,
      /^ {2}Command Time-out: 15$/m,
      /^ {2}Password: the imported one/m,
    ]) {
      expect(asked.stdout).toMatch(line);
    }
    expect(asked.stdout + asked.stderr).not.toContain('hunter2');
    expect(asked.stdout).not.toContain('DATABASE_URL');
  }
  expect((await postern.read()).json).toEqual(before);
});

test('after an answer the settings are saved, and the password is used with them', async () => {
  const args = ['import', '--env', mailer(), '--from', 'alerts@example.org', '--allow-insecure'];
  const saved = await postern.command(args, { input: 'y\n' });
  expect(saved, saved.stderr).toMatchObject({ code: 0 });
  const read = (await postern.read()).json;
  expect(read.password).toBe('saved');
  expect(read.data).toMatchObject({
    from_address: 'alerts@example.org',
    smtp_host: '127.0.0.1',
    smtp_port: String(relay.port),
    smtp_connection_type: 'None',
    smtp_authentication_type: 'Login',
    smtp_certificate_check: 'Off',
    smtp_plaintext_auth: '1',
  });
  const sent = await postern.command(['send-test', 'desk@example.org']);
  expect(sent, sent.stdout).toMatchObject({ code: 0 });
  expect((await relay.attempts.next()).password).toBe(SECRET);
});

test('a saved password does not go to an imported relay without one', async () => {
  const args = ['import', '--env', environment('SMTP_HOST=localhost', `SMTP_PORT=${relay.port}`), '--yes'];
  const imported = await postern.command(args);
  expect(imported, imported.stderr).toMatchObject({ code: 0 });
  expect(imported.stdout).toContain('Host Name: localhost (before: 127.0.0.1)');
  expect(imported.stdout).toContain('the saved one is for another relay and is removed');
  expect((await postern.read()).json.password).toBe('none');
});

test('the switch that sends no mail pauses delivery', async () => {
  // A name without a form in DNS, which only the save finds.
  const invalid = environment('SMTP_HOST=⒈.example', 'SKIP_EMAIL_SEND=true');
  const refused = await postern.command(['import', '--env', invalid, '--yes']);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/^delivery is paused$/m);
  expect(refused.stderr).toContain('Host Name: ');
  const other = fields(relay);
  const args = ['import', '--env', environment(`SMTP_PORT=${other.smtp_port}`, 'SKIP_EMAIL_SEND=true'), '--yes'];
  const imported = await postern.command(args);
  expect(imported.stdout).toContain('Delivery is paused');
  expect((await postern.request('/api/status')).text).toContain('"paused"');
  const resumed = await postern.request('/api/outbox/pause', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ on: false }),
  });
  expect(resumed.status).toBe(200);
});

test('faults name file, line and variable, and nothing is saved', async () => {
  const before = (await postern.read()).json;
  for (const [lines, ...texts] of [
    [['SMTP_PORT=smtp'], /SMTP_PORT: A port/],
    [['SMTP_HOST=a', 'hunter2'], /\.env: Line 2 has no “=”/],
    [['DATABASE_URL=x'], /no variable about mail/],
    [['SMTP_PASS=hunter2', 'SMTP_PASSWORD=hunter3', 'SMTP_HOST=a.example'], /SMTP_PASSWORD: It differs from SMTP_PASS/],
    [['SMTP_PASS_FILE=/nowhere'], /SMTP_PASS_FILE cannot be read/],
  ] as Array<[string[], RegExp]>) {
    const refused = await postern.command(['import', '--env', environment(...lines), '--yes']);
    expectCommandFailure(refused, refused.code === 2 ? 2 : 1, ...texts);
    expect(refused.stderr).not.toContain('hunter');
  }
  const missing = await postern.command(['import', '--env', join(folder, 'missing'), '--yes']);
  expectCommandFailure(missing, 1, /cannot read .*missing/);
  expect((await postern.read()).json).toEqual(before);
});

test('a first import needs a From address', async () => {
  const data = temporaryFolder('data');
  const file = environment('SMTP_HOST=smtp.example.org', 'SMTP_USER=alerts');
  const refused = await runPostern(['import', '--env', file, '--yes', '--data', data]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('error: Email Address: ');
  expect(refused.stderr).toContain('--from gives one');
  const named = environment('SMTP_HOST=smtp.example.org', 'SMTP_USER=alerts@example.org');
  const saved = await runPostern(['import', '--env', named, '--yes', '--data', data]);
  expect(saved, saved.stderr).toMatchObject({ code: 0 });
  expect(saved.stdout).toContain('Email Address: alerts@example.org');
});
