//! Console: login, logout, own password, own sessions, and accounts without administrator role.

import type { Page } from '@playwright/test';
import { ADMIN, TestConsole } from '../../support/pages/test-console.ts';
import { PASSWORD } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

let console: TestConsole;

test.beforeAll(async () => {
  console = await TestConsole.start();
});

test.afterAll(() => console?.stop());

async function signIn(page: Page, email: string, password: string): Promise<void> {
  await page.getByLabel('Email address').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

test('signing in leads to the requested page, and signing out to the login page', async ({ page }) => {
  await page.goto(`${console.url}/account`);
  await expect(page.getByRole('heading', { level: 1, name: 'Sign in' })).toBeVisible();
  await expect(page.getByLabel('Email address')).toBeFocused();
  await signIn(page, ADMIN, PASSWORD);
  await expect(page).toHaveURL(`${console.url}/account`);
  await expect(page.getByText(`You are signed in as ${ADMIN}.`)).toBeVisible();
  await page.getByRole('link', { name: 'Postern' }).click();
  await expect(page).toHaveURL(`${console.url}/settings/email`);

  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page).toHaveURL(`${console.url}/login`);
  await page.goBack();
  await expect(page.getByRole('heading', { level: 1, name: 'Sign in' }), 'the page is not cached').toBeVisible();
});

test('a wrong password and an unknown address get the same text', async ({ page }) => {
  await page.goto(`${console.url}/login?next=/account`);
  const texts: string[] = [];
  for (const email of [ADMIN, 'nobody@example.org']) {
    await signIn(page, email, 'not the right one');
    await expect(page.getByRole('alert')).toHaveText('Address or password is wrong. Check both, and the Caps Lock key.');
    await expect(page.getByLabel('Email address')).toHaveValue(email);
    await expect(page.getByLabel('Password', { exact: true })).toHaveValue('');
    await expect(page.getByLabel('Password', { exact: true })).toBeFocused();
    // The button appears after hydration.
    await expect(page.getByRole('button', { name: 'Show password' })).toBeVisible();
    texts.push((await page.getByRole('main').innerText()).replace(email, ''));
  }
  expect(texts[0]).toBe(texts[1]);
  await signIn(page, ADMIN, PASSWORD);
  await expect(page, 'the requested page is kept').toHaveURL(`${console.url}/account`);
});

test('a typed password can be shown', async ({ page }) => {
  await page.goto(`${console.url}/login`);
  const password = page.getByLabel('Password', { exact: true });
  await password.fill('is it right');
  await page.getByRole('button', { name: 'Show password' }).click();
  await expect(password).toHaveAttribute('type', 'text');
  await page.getByRole('button', { name: 'Hide password' }).click();
  await expect(password).toHaveAttribute('type', 'password');
});

test('a token is created, shown once, used and revoked', async ({ page }) => {
  const email = 'tove@example.org';
  await console.server.createAccount(email, 'user');
  await console.server.command(['account', 'senders', 'add', email, 'billing@example.org']);
  await console.signInBrowser(page.context(), email);
  await page.goto(`${console.url}/account`);
  await page.getByRole('link', { name: 'Manage API tokens' }).click();
  const tokens = page.getByRole('main');
  await expect(tokens.getByLabel('Do what administrators do')).toHaveCount(0);
  await expect(tokens.getByLabel('Send from any address')).toHaveCount(0);
  await tokens.getByLabel('Name of the token').fill('billing');
  await tokens.getByLabel('Senders').fill('billing@example.org, nobody');
  await tokens.getByLabel('Days until it expires').fill('30');
  await tokens.getByLabel('Default priority').selectOption('High');
  await tokens.getByLabel('Highest priority').selectOption('Normal');
  await tokens.getByRole('button', { name: 'Create token' }).click();
  await expect(tokens.getByLabel('Senders')).toHaveAccessibleDescription(/“nobody” is not an address/);
  await expect(tokens.getByLabel('Default priority')).toHaveAccessibleDescription(/not above the highest priority, normal/);
  await expect(tokens.getByLabel('Name of the token'), 'what was typed is kept').toHaveValue('billing');
  await expect(tokens.getByLabel('Highest priority')).toHaveValue('normal');

  await tokens.getByLabel('Senders').fill('billing@example.org');
  await tokens.getByLabel('Default priority').selectOption('Bulk');
  await tokens.getByRole('button', { name: 'Create token' }).click();
  const secret = (await tokens.getByRole('status').locator('code').innerText()).trim();
  expect(secret).toMatch(/^postern_[\w-]{43}$/);
  await expect(tokens).toContainText('2 tokens');
  const row = tokens.getByRole('listitem').filter({ hasText: 'billing' });
  await expect(row).toContainText(/send; from billing@example\.org; priority bulk up to normal/);
  await expect(row).toContainText(/not used yet, expires \d{4}/);

  const headers = { 'authorization': `Bearer ${secret}`, 'content-type': 'application/json' };
  const send = (from: string) =>
    console.server.request('/api/messages/send-email', { method: 'POST', headers, body: JSON.stringify({ from, to: 'me@example.net', text: 'x' }) });
  expect((await send('billing@example.org')).status).toBe(202);
  expect((await send('ceo@example.org')).status).toBe(422);
  await expect(async () => {
    await page.goto(`${console.url}/account/tokens`);
    await expect(row).toContainText(/last used \d{4}/, { timeout: 100 });
  }).toPass();
  await expect(page.getByText(secret)).toHaveCount(0);

  await row.getByRole('button', { name: 'Revoke billing' }).click();
  await expect(page.getByRole('status')).toHaveText('The token is revoked.');
  await expect(row).toHaveCount(0);
  await expect.poll(async () => (await send('billing@example.org')).status).toBe(401);
});

test('the own password can be changed', async ({ page }) => {
  const email = 'jonas@example.org';
  await console.server.createAccount(email, 'user');
  await console.signInBrowser(page.context(), email);
  await page.goto(`${console.url}/account`);
  const change = async (current: string, next: string) => {
    await page.getByLabel('Current password').fill(current);
    await page.getByLabel('New password').fill(next);
    await page.getByRole('button', { name: 'Change password' }).click();
  };
  await change('not mine', 'a new one that is long');
  await expect(page.getByLabel('Current password')).toHaveAccessibleDescription('This is not your current password.');
  await change(PASSWORD, 'too short');
  await expect(page.getByLabel('New password')).toHaveAccessibleDescription(/12 to 128 characters/);
  await change(PASSWORD, 'a new one that is long');
  await expect(page.getByText('Your password is changed.')).toBeVisible();

  await page.getByRole('button', { name: 'Sign out' }).click();
  await signIn(page, email, PASSWORD);
  await expect(page.getByRole('alert')).toBeVisible();
  await signIn(page, email, 'a new one that is long');
  await expect(page).toHaveURL(`${console.url}/home`);
});

test('a session is listed and ended from another', async ({ page, browser, consoleErrors }) => {
  const email = await console.createAdmin();
  const otherContext = await browser.newContext({ userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0' });
  consoleErrors.watch(otherContext);
  const otherPage = await otherContext.newPage();
  const settings = await console.settings(otherPage, email);
  await settings.fill({ 'From Name': 'Typed before it ended' });

  await console.signInBrowser(page.context(), email);
  await page.goto(`${console.url}/account`);
  const sessions = page.getByRole('region', { name: 'Sessions' }).getByRole('listitem');
  await expect(sessions).toHaveCount(2);
  const current = sessions.filter({ hasText: 'This session' });
  await expect(current).toHaveCount(1);
  await expect(current.getByRole('button')).toHaveCount(0);
  const ended = sessions.filter({ hasNotText: 'This session' });
  await expect(ended).toContainText(/From 127\.0\.0\.1, since .* UTC, last used .* UTC/);
  await ended.getByRole('button', { name: /^End the session in .* from 127\.0\.0\.1/ }).click();
  await expect(page.getByText('The session is ended.')).toBeVisible();
  await expect(sessions).toHaveCount(1);

  otherPage.on('dialog', (dialog) => dialog.accept());
  await otherPage.goto(`${console.url}/settings/email`);
  await expect(otherPage).toHaveURL(/\/login\?next=/);
  await otherContext.close();
});

test('all other sessions are ended at once', async ({ page, browser }) => {
  const email = await console.createAdmin();
  const other = await (await browser.newContext()).newPage();
  await console.signInBrowser(other.context(), email);
  await console.signInBrowser(page.context(), email);
  await page.goto(`${console.url}/account`);
  const sessions = page.getByRole('region', { name: 'Sessions' });
  await expect(sessions.getByRole('listitem')).toHaveCount(2);
  await sessions.getByRole('button', { name: 'End all others' }).click();
  await expect(page.getByText('Your other sessions are ended.')).toBeVisible();
  await expect(sessions.getByRole('listitem')).toHaveCount(1);
  await expect(sessions.getByRole('button')).toHaveCount(0);
  await other.goto(`${console.url}/account`);
  await expect(other).toHaveURL(/\/login\?next=/);
  await other.context().close();
});

test('accounts without administrator role cannot open the settings', async ({ page }) => {
  const secret = 'relay-of-nobodys-business.example.org';
  const saved = await console.server.save({
    from_address: 'alerts@example.org',
    smtp_username: '',
    smtp_host: secret,
    smtp_port: '587',
    smtp_connection_type: 'TLS',
    smtp_authentication_type: 'None',
  });
  expect(saved.status).toBe(200);
  await console.server.createAccount('user@example.org', 'user');
  await page.goto(console.url);
  await signIn(page, 'user@example.org', PASSWORD);
  await expect(page, 'signing in leads to a permitted page').toHaveURL(`${console.url}/home`);
  await expect(page.getByRole('navigation').getByRole('link')).toHaveText(['Home', 'Outbox', 'Figures', 'My relay', 'Account']);

  const response = await page.goto(`${console.url}/settings/email`);
  expect(response?.status()).toBe(403);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('This page is for administrators');
  await expect(page.getByRole('navigation').getByRole('link')).toHaveText(['Home', 'Outbox', 'Figures', 'My relay', 'Account']);
  await expect(page.getByRole('main').locator('input, select, button, form')).toHaveCount(0);
  for (const source of [(await response?.text()) ?? '', await page.content()]) {
    expect(source).not.toContain(secret);
    expect(source).not.toMatch(/smtp_|SMTP settings|data-source/);
  }

  const answered = await page.evaluate(async () => {
    const headers = { 'content-type': 'application/json' };
    const load = await fetch('/fn/load_settings', { method: 'POST', headers, body: '{}' });
    const read = await fetch('/api/setup/email_smtp');
    return [load.status, await load.text(), read.status, await read.text()];
  });
  expect([answered[0], answered[2]]).toEqual([403, 403]);
  expect(answered.join()).not.toContain(secret);
});
