//! Console: keys of stored secrets and of browsers, their rotation, and secrets whose key is lost.

import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { mail, submit } from '../../support/mail/messages.ts';
import { Relay } from '../../support/relays/relay.ts';
import { TestConsole, signInContext } from '../../support/pages/test-console.ts';
import { TestServer, fields, parseResponse } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

let console: TestConsole;

test.beforeAll(async () => {
  console = await TestConsole.start();
});

test.afterAll(() => console?.stop());

const SIGNS_IN = { smtp_username: 'alerts', smtp_authentication_type: 'Plain' };

/** Saves a relay with a password. */
async function savePassword(server: TestServer, password: string): Promise<void> {
  const sealed = await server.sealed(password);
  const saved = await server.save({ ...fields({ port: 25 }, SIGNS_IN), smtp_password: sealed });
  expect(saved.status, saved.text).toBe(200);
}

async function openKeys(page: Page): Promise<void> {
  await page.goto(`${console.url}/keys`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Keys');
}

test('an administrator rotates the key of stored secrets and retires the old one', { tag: '@waits' }, async ({ page }, info) => {
  // Looks at the page in each width and scheme, and waits until the old key can be retired.
  test.slow();
  await savePassword(console.server, 'secret');
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/accounts`);
  await page.getByRole('navigation', { name: 'Console' }).getByRole('link', { name: 'Keys' }).click();
  const secrets = page.getByRole('region', { name: 'Stored secrets' });
  const keys = secrets.getByRole('listitem');
  await expect(keys).toHaveCount(1);
  await expect(keys).toContainText('Seals 1 relay password, 1 earlier password, 1 browser key.');
  await expect(secrets).toContainText('None waits to be sealed anew.');
  const old = (await keys.getByRole('code').textContent()) ?? '';
  await expectAccessible(page, info, 'keys');

  await secrets.getByRole('button', { name: 'Make a new key' }).click();
  await expect(page.getByRole('status')).toContainText('A new key is made.');
  await expect(keys).toHaveCount(2);
  await expect(async () => {
    await openKeys(page);
    await expect(keys.first()).toContainText('Seals 1 relay password, 1 earlier password, 1 browser key.', { timeout: 1000 });
    await expect(keys.last()).toContainText('Seals nothing any more and can be retired.', { timeout: 1000 });
  }).toPass();
  await expectAccessible(page, info, 'keys-rotated');

  // For 15 seconds a process may not know of the new key, and the old one is not retired.
  await expect(async () => {
    await page.getByRole('button', { name: `Retire: ${old}` }).click();
    await expect(page.getByRole('status')).toHaveText(`The key ${old} is retired, and its file deleted.`, { timeout: 1000 });
  }).toPass();
  await expect(keys).toHaveCount(1);
  expect(readdirSync(join(console.server.postern.data, 'keys'))).not.toContain(`${old}.key`);
  expect((await console.server.read()).json).toMatchObject({ password: 'saved' });
});

test('a password that was sealed before a rotation is saved afterwards', async ({ page }) => {
  const sealed = await console.server.sealed('typed before');
  await console.signInBrowser(page.context());
  await openKeys(page);
  const browsers = page.getByRole('region', { name: 'Browsers' });
  await browsers.getByRole('button', { name: 'Make a new key for browsers' }).click();
  await expect(page.getByRole('status')).toContainText('A new key for browsers is published.');
  await expect(browsers.getByRole('listitem').first()).toContainText('Published');
  await expect(browsers.getByRole('listitem').nth(1)).toContainText('Replaced');
  const saved = await console.server.save({ ...fields({ port: 25 }, SIGNS_IN), smtp_password: sealed });
  expect(saved.status, saved.text).toBe(200);
  const published = parseResponse(await console.server.request('/api/keys/browser'));
  await expect(browsers.getByRole('listitem').first()).toContainText(String(published.json.kid));
});

/** The keys over REST. */
async function listedKeys(server: TestServer = console.server): Promise<Keys> {
  const listed = parseResponse(await server.request('/api/keys'));
  expect(listed.status, listed.text).toBe(200);
  return listed.json.data as unknown as Keys;
}

interface Keys {
  sealing: Array<{ id: string; state: string }>;
  browser: Array<{ id: string }>;
  to_seal_anew: number;
}

test('the command line and the API list the same keys', async () => {
  const { sealing, browser } = await listedKeys();
  expect(sealing.map((key) => key.state)).toContain('active');
  const printed = await console.server.command(['keys', 'list']);
  expect(printed.code, printed.stderr).toBe(0);
  const ids = printed.stdout.trim().split('\n').map((line) => line.split(' ')[0]);
  expect(ids).toEqual([...sealing, ...browser].map((key) => key.id));

  const rotated = await console.server.command(['keys', 'rotate']);
  expect(rotated.code, rotated.stderr).toBe(0);
  const made = rotated.stdout.split(' ')[0] ?? '';
  expect(rotated.stdout).toContain('  active  ');
  // The running server follows.
  await expect(async () => {
    const keys = await listedKeys();
    expect(keys.sealing[0]).toMatchObject({ id: made, state: 'active' });
    expect(keys.to_seal_anew).toBe(0);
  }).toPass();
  const refused = await console.server.command(['keys', 'retire', made]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('This key seals new values');
});

/** Submits mail and reads the settings until `isOver`, and returns the subjects. Each mail arrives before the next. */
async function useMeanwhile(server: TestServer, relay: Relay, isOver: () => boolean): Promise<string[]> {
  const subjects: string[] = [];
  while (!isOver()) {
    const subject = `Alarm ${subjects.length}`;
    await submit(server, mail({ subject }));
    subjects.push(subject);
    const read = await server.read();
    expect(read.status, read.text).toBe(200);
    expect(read.json.password).toBe('saved');
    await relay.mails.next();
  }
  return subjects;
}

/** Saves another From Name: delivery signs in anew, with the password as it is sealed now. */
async function signInAnew(server: TestServer, relay: Relay, name: string): Promise<void> {
  const before = relay.attempts.all.length;
  const saved = await server.save({ ...(await server.read()).json.data, smtp_from_name: name });
  expect(saved.status, saved.text).toBe(200);
  await expect.poll(() => relay.attempts.all.length).toBeGreaterThan(before);
}

test('mail is accepted and delivered while a key is rotated and retired', { tag: '@waits' }, async () => {
  // The old key is not retired for 15 seconds.
  test.slow();
  const relay = await Relay.start({ auth: ['PLAIN'], users: { alerts: 'secret' } });
  const server = await TestServer.start();
  try {
    const settings = fields(relay, { ...SIGNS_IN, smtp_plaintext_auth: '1' });
    const saved = await server.save({ ...settings, smtp_password: await server.sealed('secret') });
    expect(saved.status, saved.text).toBe(200);
    const old = (await listedKeys(server)).sealing[0]?.id ?? '';
    let isOver = false;
    const change = async () => {
      const rotated = await server.command(['keys', 'rotate']);
      expect(rotated.code, rotated.stderr).toBe(0);
      await signInAnew(server, relay, 'Rotated');
      await expect(async () => {
        const retired = await server.command(['keys', 'retire', old]);
        expect(retired.code, retired.stderr).toBe(0);
      }).toPass();
      await signInAnew(server, relay, 'Retired');
      isOver = true;
    };
    const [subjects] = await Promise.all([useMeanwhile(server, relay, () => isOver), change()]);
    expect((await listedKeys(server)).sealing.map((key) => key.id)).not.toContain(old);
    expect(relay.mails.all.map(({ mail }) => mail.subject)).toEqual(subjects);
    expect(relay.mails.all.every(({ user }) => user === 'alerts')).toBe(true);
    expect(relay.attempts.all.filter(({ accepted }) => !accepted)).toEqual([]);
  } finally {
    await relay.stop();
    await server.stop();
  }
});

/** The file of the only key that seals. */
function keyFile(server: TestServer): { name: string; key: string; whole: Buffer } {
  const folder = join(server.postern.data, 'keys');
  const [name = ''] = readdirSync(folder);
  const key = join(folder, name);
  return { name, key, whole: readFileSync(key) };
}

test('administrators see a lost key until its file is back', async ({ page }, info) => {
  test.slow();
  const before = await TestServer.start();
  await savePassword(before, 'secret');
  const { key, whole } = keyFile(before);
  expect(await before.postern.stop({ keepData: true })).toBe(0);
  rmSync(key);
  const server = await before.restart();
  try {
    const { url } = server.postern;
    await signInContext(page.context(), url);
    await expect(async () => {
      // Until delivery runs, that comes first.
      await page.goto(`${url}/home`);
      await expect(page.getByRole('region', { name: 'First thing to do' })).toContainText('1 secret does not open', { timeout: 1000 });
    }).toPass();
    await page.getByRole('link', { name: 'Look at the keys' }).click();
    await expect(page.getByText('1 secret does not open, as the file of a key is lost or damaged.')).toBeVisible();
    const keys = page.getByRole('region', { name: 'Stored secrets' }).getByRole('listitem');
    await expect(keys.last()).toContainText('Does not open what it sealed: 1 relay password');
    await expectAccessible(page, info, 'keys-lost');
    await page.goto(`${url}/settings/email`);
    await expect(page.getByRole('form', { name: 'SMTP settings' })).toContainText('Enter the password again.');

    writeFileSync(key, whole, { mode: 0o600 });
    await expect(async () => {
      await page.goto(`${url}/keys`);
      await expect(page.getByText('does not open')).toHaveCount(0, { timeout: 1000 });
    }).toPass();
    expect((await server.read()).json).toMatchObject({ password: 'saved' });
  } finally {
    await page.close();
    await server.stop();
  }
});

test('administrators see a key whose file is gone before Postern ends', async ({ page }, info) => {
  test.slow();
  const server = await TestServer.start();
  await savePassword(server, 'secret');
  const { name, key, whole } = keyFile(server);
  rmSync(key);
  try {
    const { url } = server.postern;
    await signInContext(page.context(), url);
    await expect(async () => {
      // Until delivery runs, that comes first.
      await page.goto(`${url}/home`);
      await expect(page.getByRole('region', { name: 'First thing to do' })).toContainText('The file of a key is gone', { timeout: 1000 });
    }).toPass();
    await page.getByRole('link', { name: 'Look at the keys' }).click();
    await expect(page.getByText(`The file ${name} is gone`)).toBeVisible();
    const keys = page.getByRole('region', { name: 'Stored secrets' }).getByRole('listitem');
    await expect(keys).toContainText('File gone');
    await expectAccessible(page, info, 'keys-file-gone');
    writeFileSync(key, whole, { mode: 0o600 });
    await page.goto(`${url}/keys`);
    await expect(page.getByText(`The file ${name} is gone`)).toHaveCount(0);
  } finally {
    await page.close();
    await server.stop();
  }
});

test('keys are for administrators', async ({ page }) => {
  await console.server.createAccount('tove@example.org', 'user');
  await console.signInBrowser(page.context(), 'tove@example.org');
  const forbidden = await page.goto(`${console.url}/keys`);
  expect(forbidden?.status()).toBe(403);
  await expect(page.getByRole('link', { name: 'Keys' })).toHaveCount(0);
});
