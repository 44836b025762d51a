//! Several relays: added, set up, ordered, switched off and removed, on the page and over REST.

import type { Locator, Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { EmailPage } from '../../support/pages/email-page.ts';
import { Relay } from '../../support/relays/relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { fields, parseResponse } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

let console: TestConsole;

test.beforeEach(async () => {
  console = await TestConsole.start();
});

test.afterEach(() => console?.stop());

/** Opens the list of relays as an administrator. */
async function openRelays(page: Page): Promise<void> {
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/settings/relays`);
}

/** The rows of the list. */
function rows(page: Page): Locator {
  return page.getByRole('main').getByRole('listitem');
}

function row(page: Page, name: string): Locator {
  return rows(page).filter({ has: page.getByRole('link', { name, exact: true }) });
}

/** The names of the relays in their order. */
function names(page: Page): Locator {
  return rows(page).locator('strong').getByRole('link');
}

async function addRelay(page: Page, name: string, domain = ''): Promise<void> {
  const form = page.getByRole('region', { name: 'Add a relay' });
  await form.getByLabel('Name', { exact: true }).fill(name);
  await form.getByLabel('From domain').fill(domain);
  await form.getByRole('button', { name: 'Add relay' }).click();
}

/** Expects that a page of 320 px is not scrolled sideways, not even for a long word. */
async function expectFits(page: Page, description: string): Promise<void> {
  await page.setViewportSize({ width: 320, height: 700 });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width, `${description} at 320 px`).toBeLessThanOrEqual(320);
}

async function api(method: string, path: string, body?: unknown) {
  const headers = { 'authorization': `Bearer ${console.server.token}`, 'content-type': 'application/json' };
  return parseResponse(await console.server.request(path, { method, headers, body: body === undefined ? body : JSON.stringify(body) }));
}

test('a second relay is added, set up and tested', async ({ page }) => {
  const [first, second] = [await Relay.start(), await Relay.start({ auth: ['PLAIN'], users: { news: 'correct horse' } })];
  expect((await console.server.save(fields(first))).status).toBe(200);
  await console.signInBrowser(page.context());
  await page.goto(console.url);
  await page.getByRole('navigation', { name: 'Console' }).getByRole('link', { name: 'Relays' }).click();
  await expect(names(page)).toHaveText(['Main relay']);
  await expect(row(page, 'Main relay')).toContainText(`127.0.0.1:${first.port}`);
  await expect(row(page, 'Main relay')).toContainText('Never tested');

  await addRelay(page, 'Newsletter', 'News.Example.ORG');
  await expect(page).toHaveURL(/\/settings\/relays\/[0-9A-Z]{26}$/);
  await expect(page.getByText('Newsletter is added. Save its SMTP settings now.')).toBeVisible();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Newsletter');
  const settings = new EmailPage(page);
  await settings.waitForHydration();
  await settings.expectVerification('Not set up yet');
  await settings.save({
    'Email Address': 'news@news.example.org',
    'User Name': 'news',
    Password: 'correct horse',
    'Host Name': '127.0.0.1',
    Port: String(second.port),
    'Authentication Type': 'Plain',
    'Password Without Encryption': '1',
  });
  await settings.test('desk@example.net');
  await settings.expectVerification(/^Verified/);
  const mail = await second.mails.next();
  expect([mail.user, mail.to]).toEqual(['news', ['desk@example.net']]);
  expect(first.connections.all, 'nothing went to the other relay').toEqual([]);

  await settings.fill({ 'From Name': 'Unsaved' });
  await settings.undo.click();
  await expect(settings.field('From Name'), 'what is saved for this relay').toHaveValue('');
  await expect(settings.field('Host Name')).toHaveValue('127.0.0.1');
  await page.getByRole('link', { name: 'Relays' }).first().click();
  await expect(names(page)).toHaveText(['Main relay', 'Newsletter']);
  const added = row(page, 'Newsletter');
  await expect(added).toContainText(`127.0.0.1:${second.port}`);
  await expect(added).toContainText('For mail from news.example.org');
  await expect(added).toContainText(/Verified \d{4}/);
  const saved = await console.server.read();
  expect(saved.json.data.smtp_port, 'the first relay has its own settings').toBe(String(first.port));
  expect(saved.json.verified).toEqual({ state: 'never' });
  await first.stop();
  await second.stop();
});

test('relays are moved, switched off and limited', async ({ page }) => {
  await openRelays(page);
  await addRelay(page, 'Backup');
  await page.getByRole('link', { name: 'Relays' }).first().click();
  await expect(names(page)).toHaveText(['Main relay', 'Backup']);
  await expect(row(page, 'Main relay').getByRole('button')).toHaveText(['Move down', 'Switch off']);
  await row(page, 'Backup').getByRole('button', { name: 'Move up' }).click();
  await expect(page.getByRole('status')).toHaveText('Backup is changed.');
  await expect(names(page)).toHaveText(['Backup', 'Main relay']);
  await row(page, 'Main relay').getByRole('button', { name: 'Switch off' }).click();
  await expect(row(page, 'Main relay').locator('.badge')).toHaveText('Off');
  await row(page, 'Main relay').getByRole('button', { name: 'Switch on' }).click();
  await expect(row(page, 'Main relay').locator('.badge')).toHaveText('Not set up yet');

  await page.getByRole('link', { name: 'Backup', exact: true }).click();
  const form = page.getByRole('region', { name: 'Name, From domain and limits' });
  await form.getByLabel('Name', { exact: true }).fill('main RELAY');
  await form.getByLabel('Connections at a time').fill('0');
  await form.getByLabel('Messages an hour').fill('many');
  await form.getByRole('button', { name: 'Save relay' }).click();
  await expect(form.getByLabel('Messages an hour')).toHaveAccessibleDescription('Enter a whole number, or nothing.');
  await expect(form.getByLabel('Name', { exact: true }), 'what was typed is kept').toHaveValue('main RELAY');
  await form.getByLabel('Messages an hour').fill('1000');
  await form.getByRole('button', { name: 'Save relay' }).click();
  await expect(form.getByLabel('Name', { exact: true })).toHaveAccessibleDescription(/Another relay has this name/);
  await expect(form.getByLabel('Connections at a time')).toHaveAccessibleDescription('A limit is 1 to 1000, or nothing.');
  await form.getByLabel('Name', { exact: true }).fill('Spare');
  await form.getByLabel('Connections at a time').fill('4');
  await form.getByRole('button', { name: 'Save relay' }).click();
  await expect(page.getByText('Spare is changed.')).toBeVisible();
  await page.goto(`${console.url}/settings/relays`);
  await expect(row(page, 'Spare')).toContainText('At most 4 connections, 1,000 messages an hour');
  const listed = await api('GET', '/api/relays');
  expect(listed.json.data[0]).toMatchObject({ name: 'Spare', position: 1, max_connections: 4, per_hour: 1000, per_day: null });
});

test('of two administrators who change a relay the second sees what is saved', async ({ page, browser, consoleErrors }) => {
  await openRelays(page);
  await addRelay(page, 'Backup');
  const url = page.url();
  const context = await browser.newContext();
  consoleErrors.watch(context);
  const other = await context.newPage();
  await console.signInBrowser(context, await console.createAdmin());
  await other.goto(url);
  const save = async (on: Page, name: string) => {
    await on.getByLabel('Name', { exact: true }).fill(name);
    await on.getByRole('button', { name: 'Save relay' }).click();
  };
  await save(other, 'Theirs');
  await expect(other.getByText('Theirs is changed.')).toBeVisible();
  await save(page, 'Mine');
  await expect(page.getByRole('alert').filter({ hasText: 'was changed since' })).toBeVisible();
  await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Theirs');
  await save(page, 'Mine');
  await expect(page.getByText('Mine is changed.')).toBeVisible();
  await context.close();
});

test('a relay is removed after a question, and the first never', async ({ page }) => {
  await openRelays(page);
  await addRelay(page, 'Backup');
  const id = page.url().split('/').pop() ?? '';
  const password = await console.server.sealed('secret');
  const save = fields({ port: 587 }, { smtp_username: 'a', smtp_authentication_type: 'Plain', smtp_password: password });
  expect((await api('POST', `/api/relays/${id}/email_smtp`, { data: save })).status).toBe(200);
  expect((await api('GET', `/api/relays/${id}/email_smtp`)).json.password).toBe('saved');
  await page.goto(`${console.url}/settings/relays`);
  await expect(row(page, 'Main relay').getByRole('link', { name: /Remove/ })).toHaveCount(0);
  await row(page, 'Backup').getByRole('link', { name: 'Remove Backup' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Remove Backup?');
  await page.getByRole('link', { name: 'Back', exact: true }).click();
  await expect(names(page)).toHaveText(['Main relay', 'Backup']);
  await row(page, 'Backup').getByRole('link', { name: 'Remove Backup' }).click();
  await page.getByRole('button', { name: 'Remove relay' }).click();
  await expect(page.getByRole('status')).toHaveText('Backup is removed.');
  await expect(names(page)).toHaveText(['Main relay']);
  expect((await api('GET', `/api/relays/${id}/email_smtp`)).status).toBe(404);
  expect((await page.goto(`${console.url}/settings/relays/${id}`))?.status()).toBe(404);

  await page.goto(`${console.url}/settings/relays/remove?id=global`);
  await expect(page.getByText('The first relay cannot be removed.')).toBeVisible();
  const main = page.getByRole('main');
  await expect(main.getByRole('button')).toHaveCount(0);
  const removed = await api('DELETE', '/api/relays/global');
  expect([removed.status, removed.json.errors.id]).toEqual([422, 'The first relay cannot be removed. Switch it off instead.']);
});

test('relays are for administrators', async ({ page }) => {
  const email = 'user@example.org';
  const token = await console.server.createAccount(email, 'user');
  await console.signInBrowser(page.context(), email);
  for (const path of ['/settings/relays', '/settings/relays/global', '/settings/relays/remove?id=global']) {
    const response = await page.goto(`${console.url}${path}`);
    expect(response?.status(), path).toBe(403);
    expect(await response?.text(), path).not.toContain('Main relay');
  }
  const headers = { authorization: `Bearer ${token}` };
  for (const [method, path] of [
    ['GET', '/api/relays'],
    ['DELETE', '/api/relays/global'],
    ['GET', '/api/relays/global/email_smtp'],
    ['POST', '/api/relays/global/email_test/me@example.net'],
  ] as const) {
    expect((await console.server.request(path, { method, headers })).status, path).toBe(403);
  }
});

test('the list and its forms work without JavaScript', async ({ browser }) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await openRelays(page);
  await addRelay(page, 'Backup', 'a@b');
  await expect(page.getByLabel('From domain')).toHaveAccessibleDescription(/Enter only the part after the @/);
  await addRelay(page, 'Backup', 'bücher.example');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Backup');
  await expect(page.locator('noscript .notice')).toContainText('This form needs JavaScript and WebAssembly');
  await page.getByLabel('Messages a day').fill('500');
  await page.getByRole('button', { name: 'Save relay' }).click();
  await expect(page.getByText('Backup is changed.')).toBeVisible();
  await page.goto(`${console.url}/settings/relays`);
  await expect(row(page, 'Backup')).toContainText('For mail from xn--bcher-kva.example. At most 500 messages a day');
  await row(page, 'Backup').getByRole('button', { name: 'Switch off' }).click();
  await expect(row(page, 'Backup').locator('.badge')).toHaveText('Off');
  await row(page, 'Backup').getByRole('link', { name: 'Remove Backup' }).click();
  await page.getByRole('button', { name: 'Remove relay' }).click();
  await expect(names(page)).toHaveText(['Main relay']);
  await context.close();
});

test('the pages in light and dark, wide and narrow', async ({ page }, info) => {
  test.slow();
  await console.server.save(fields({ port: 25 }));
  await openRelays(page);
  const long = 'W'.repeat(60);
  await addRelay(page, long, `${'department-of-everything.'.repeat(8)}example.org`);
  const relay = page.url();
  await page.getByLabel('Messages a minute').fill('100000000');
  await page.getByRole('button', { name: 'Save relay' }).click();
  await new EmailPage(page).waitForHydration();
  await expectFits(page, 'a relay and its notice');
  await expectAccessible(page, info, 'relay');
  await page.goto(`${console.url}/settings/relays`);
  await row(page, 'Main relay').getByRole('button', { name: 'Switch off' }).click();
  await expectFits(page, 'the list');
  await expectAccessible(page, info, 'relays');
  await page.goto(`${console.url}/settings/relays/remove?id=${relay.split('/').pop()}`);
  await expectFits(page, 'the question');
  await expectAccessible(page, info, 'relay-removal');
});
