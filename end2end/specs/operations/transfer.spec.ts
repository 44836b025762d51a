//! `postern export` and `postern import`: from one Postern to another, with sealed passwords.

import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { expectCommandFailure } from '../../support/program/command-failure.ts';
import { Relay } from '../../support/relays/relay.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { TestServer, fields } from '../../support/api/test-server.ts';

test.describe.configure({ mode: 'default' });

const SECRET = 'hunter2 of the relay';

let from: TestServer;
let relay: Relay;
let folder: string;

test.beforeAll(async () => {
  folder = temporaryFolder('transfer');
  relay = await Relay.start({ auth: ['PLAIN'], users: { alerts: SECRET } });
  from = await TestServer.start();
  const settings = fields(relay, { smtp_username: 'alerts', smtp_authentication_type: 'Plain', smtp_plaintext_auth: '1' });
  const saved = await from.save({ ...settings, smtp_password: await from.sealed(SECRET) });
  expect(saved.status, saved.text).toBe(200);
  const second = await from.request('/api/relays', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ data: { name: 'Backup', from_domain: 'example.net', per_hour: 100 } }),
  });
  expect(second.status, second.text).toBe(200);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  writeFileSync(path('public.pem'), publicKey);
  writeFileSync(path('private.pem'), privateKey, { mode: 0o600 });
});

test.afterAll(async () => {
  await from?.stop();
  await relay?.stop();
});

function path(name: string): string {
  return join(folder, name);
}

/** Exports into a file. */
async function exported(name: string, ...args: string[]): Promise<string> {
  const done = await from.command(['export', ...args]);
  expect(done, done.stderr).toMatchObject({ code: 0 });
  expect(done.stdout).not.toContain('hunter2');
  expect(done.stdout).not.toContain('*');
  writeFileSync(path(name), done.stdout);
  return path(name);
}

test('relays, settings and sealed passwords arrive at another Postern', async () => {
  const file = await exported('sealed.json', '--key', path('public.pem'));
  const to = await TestServer.start();
  const args = ['import', file, '--private-key', path('private.pem')];
  const asked = await to.command(args, { input: 'no\n' });
  expect(asked.code).toBe(1);
  expect(asked.stdout).toContain('The relay Main relay is there:');
  expect(asked.stdout).toContain('The relay Backup is added:');
  expect(asked.stdout).toContain('Password: the imported one, which is not shown');
  expect((await to.read()).json.revision).toBe(0);
  const imported = await to.command([...args, '--yes']);
  expect(imported, imported.stderr).toMatchObject({ code: 0 });
  expect(imported.stdout + imported.stderr).not.toContain('hunter2');
  expect((await to.read()).json.data).toEqual((await from.read()).json.data);
  const sent = await to.command(['send-test', 'desk@example.org']);
  expect(sent, sent.stdout).toMatchObject({ code: 0 });
  expect((await relay.attempts.next()).password).toBe(SECRET);
  const again = await to.command(['export']);
  const document = JSON.parse(again.stdout);
  expect(document.relays[1]).toMatchObject({ name: 'Backup', from_domain: 'example.net', per_hour: 100, settings: null });
  await to.stop();
});

test('without a key passwords are left out, with a note', async () => {
  const file = await exported('open.json');
  const document = JSON.parse(readFileSync(file, 'utf8'));
  expect(document.relays[0]).toMatchObject({ first: true, has_password: true });
  expect(document.relays[0]).not.toHaveProperty('password');
  const to = await TestServer.start();
  const imported = await to.command(['import', file, '--yes']);
  expect(imported, imported.stderr).toMatchObject({ code: 0 });
  expect(imported.stdout).toContain('The exported password is not imported: it was left out of the export.');
  expect((await to.read()).json.password).toBe('none');
  await to.stop();
});

test('an edited document takes no password elsewhere, and nothing is saved', async () => {
  const file = await exported('edited.json', '--key', path('public.pem'));
  const document = JSON.parse(readFileSync(file, 'utf8'));
  document.relays[0].settings.smtp_host = 'localhost';
  writeFileSync(file, JSON.stringify(document));
  const before = (await from.read()).json;
  const refused = await from.command(['import', file, '--private-key', path('private.pem'), '--yes']);
  expectCommandFailure(refused, 2, /Main relay: Password: The password was exported for another host/);
  expect((await from.read()).json).toEqual(before);
});

test('faults of files are one line', async () => {
  const file = await exported('faults.json', '--key', path('public.pem'));
  writeFileSync(path('not.json'), '{}');
  writeFileSync(path('shared.pem'), readFileSync(path('private.pem')), { mode: 0o644 });
  const import_ = (...args: string[]) => from.command(['import', ...args, '--yes']);
  expectCommandFailure(await import_(), 2, /--help/);
  expectCommandFailure(await import_(path('not.json')), 1, /not\.json: This is not a document of postern export/);
  expectCommandFailure(await import_(path('missing.json')), 1, /cannot read/);
  expectCommandFailure(await import_(file, '--private-key', path('public.pem')), 1, /readable|chmod 600|openssl/);
  expectCommandFailure(await import_(file, '--private-key', path('shared.pem')), 1, /chmod 600/);
  expectCommandFailure(await from.command(['export', '--key', path('private.pem')]), 1, /openssl pkey/);
});
