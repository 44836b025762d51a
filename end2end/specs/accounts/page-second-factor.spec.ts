//! Console: second factor of one's own account, second step of a sign-in, confirmation, removal.

import type { Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { postForm } from '../../support/api/forms.ts';
import { sendRequest } from '../../support/api/http.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { PASSWORD } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';
import { AuthenticatorApp } from '../../support/pages/totp.ts';

test.describe.configure({ mode: 'default' });

let console: TestConsole;

test.beforeAll(async () => {
  console = await TestConsole.start();
});

test.afterAll(() => console?.stop());

async function typePassword(page: Page, email: string): Promise<void> {
  await page.getByLabel('Email address').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function answer(page: Page, label: string, code: string, button: string): Promise<void> {
  await page.getByLabel(label, { exact: true }).fill(code);
  await page.getByRole('button', { name: button }).click();
}

/** Sets a second factor up with the code of the step before, so that two more can be used at once. */
async function setUp(page: Page): Promise<{ app: AuthenticatorApp; recoveryCodes: string[] }> {
  await page.goto(`${console.url}/account/second-factor`);
  await page.getByRole('button', { name: 'Set up an authenticator app' }).click();
  return turnOn(page);
}

/** Turns on the second factor whose key the page shows. */
async function turnOn(page: Page): Promise<{ app: AuthenticatorApp; recoveryCodes: string[] }> {
  const key = page.getByRole('region', { name: '1. Add Postern to your app' });
  const app = new AuthenticatorApp(await key.locator('code').first().innerText());
  await answer(page, 'Code', app.code(-1), 'Turn on');
  await expect(page.getByText('The second factor is on.')).toBeVisible();
  const recoveryCodes = await page.getByRole('region', { name: 'Recovery codes' }).getByRole('listitem').allInnerTexts();
  return { app, recoveryCodes };
}

test('a second factor is set up, asked for at sign-in, confirmed and removed', async ({ page }) => {
  const email = 'tove@example.org';
  await console.server.createAccount(email, 'user');
  await console.signInBrowser(page.context(), email);
  await page.goto(`${console.url}/account`);
  const section = page.getByRole('region', { name: 'Second factor' });
  await expect(section).toContainText('Off');
  await section.getByRole('link', { name: 'Set up the second factor' }).click();
  await page.getByRole('button', { name: 'Set up an authenticator app' }).click();
  const key = page.getByRole('region', { name: '1. Add Postern to your app' });
  const secret = await key.locator('code').first().innerText();
  expect(secret).toMatch(/^([A-Z2-7]{4} ){7}[A-Z2-7]{4}$/);
  await expect(key.getByRole('img', { name: 'QR code of the key' })).toBeVisible();
  await key.getByText('Address of the key').click();
  await expect(key).toContainText(`otpauth://totp/Postern:tove%40example.org?secret=${secret.replaceAll(' ', '')}&issuer=Postern`);

  const app = new AuthenticatorApp(secret);
  await answer(page, 'Code', app.wrongCode(), 'Turn on');
  await expect(page.getByLabel('Code', { exact: true })).toHaveAccessibleDescription(/not the present code of the app/);
  await expect(key.locator('code').first(), 'the key stays').toHaveText(secret);
  await answer(page, 'Code', app.code(-1), 'Turn on');
  const codes = await page.getByRole('region', { name: 'Recovery codes' }).getByRole('listitem').allInnerTexts();
  expect(codes).toHaveLength(10);
  expect(codes[0]).toMatch(/^([a-z2-7]{4}-){5}[a-z2-7]{4}$/);
  await page.getByRole('link', { name: 'I have kept them' }).click();
  await expect(section).toContainText('On');
  await section.getByRole('link', { name: 'Manage the second factor' }).click();
  await expect(page.getByText('10 recovery codes are left.')).toBeVisible();
  for (const shown of [secret, secret.replaceAll(' ', ''), codes[0] ?? '']) {
    expect(await page.content()).not.toContain(shown);
  }

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.goto(`${console.url}/account`);
  await typePassword(page, email);
  await expect(page).toHaveURL(`${console.url}/login/second-step?next=%2Faccount`);
  await expect(page.getByLabel('Code', { exact: true })).toBeFocused();
  await page.goto(`${console.url}/account`);
  await expect(page, 'the password alone opens nothing').toHaveURL(/\/login\?next=/);
  await page.goBack();
  await answer(page, 'Code', app.wrongCode(), 'Sign in');
  await expect(page.getByLabel('Code', { exact: true })).toHaveAccessibleDescription(/wrong, or was used before/);
  await answer(page, 'Code', app.code(), 'Sign in');
  await expect(page).toHaveURL(`${console.url}/account`);

  await page.getByRole('button', { name: 'Sign out' }).click();
  await typePassword(page, email);
  await page.getByRole('link', { name: 'Use a recovery code' }).click();
  await answer(page, 'Recovery code', codes[0] ?? '', 'Sign in');
  await expect(page).toHaveURL(`${console.url}/home`);
  await page.goto(`${console.url}/account/second-factor`);
  await expect(page.getByText('9 recovery codes are left.')).toBeVisible();
  await page.getByRole('button', { name: 'Create new recovery codes' }).click();
  const renewed = await page.getByRole('region', { name: 'Recovery codes' }).getByRole('listitem').allInnerTexts();
  expect(renewed).toHaveLength(10);
  expect(renewed).not.toContain(codes[1]);

  await page.goto(`${console.url}/confirm?next=/account/second-factor`);
  await answer(page, 'Code', app.wrongCode(), 'Continue');
  await expect(page.getByLabel('Code', { exact: true })).toHaveAccessibleDescription(/wrong, or was used before/);
  await answer(page, 'Code', app.code(1), 'Continue');
  await expect(page).toHaveURL(`${console.url}/account/second-factor`);
  await page.getByRole('button', { name: 'Remove second factor' }).click();
  await expect(page.getByRole('status')).toHaveText('The second factor is removed.');
  await expect(section).toContainText('Off');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await typePassword(page, email);
  await expect(page).toHaveURL(`${console.url}/home`);
});

test('a session without a second factor is confirmed with the password', async ({ page }) => {
  const email = 'pia@example.org';
  await console.server.createAccount(email, 'user');
  await console.signInBrowser(page.context(), email);
  await page.goto(`${console.url}/confirm?next=/account`);
  await answer(page, 'Password', 'not the right one', 'Continue');
  await expect(page.getByLabel('Password', { exact: true })).toHaveAccessibleDescription('This is not your password.');
  await answer(page, 'Password', PASSWORD, 'Continue');
  await expect(page).toHaveURL(`${console.url}/account`);
});

test('the cookie of the second step ends with it, and a lost device is removed at the command line', async ({ page }) => {
  const email = 'lost@example.org';
  await console.server.createAccount(email, 'user');
  await console.signInBrowser(page.context(), email);
  const { app } = await setUp(page);
  const known = (await page.context().cookies()).find(({ name }) => name === 'postern-device')?.value ?? '';
  const headers = { cookie: `postern-device=${known}` };
  const first = await postForm(console.url, '/login?next=/outbox', { email, password: PASSWORD }, headers);
  expect(first.status).toBe(303);
  expect(first.headers.location).toBe('/login/second-step?next=%2Foutbox');
  const cookies = first.headers['set-cookie'] ?? [];
  expect(cookies).toHaveLength(1);
  expect(cookies[0]).toMatch(/^postern-second-step=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/; Max-Age=300$/);
  const cookie = cookies[0]?.split(';')[0] ?? '';
  for (const path of ['/account', '/api/setup/email_smtp']) {
    const opened = await sendRequest(console.url, path, { headers: { cookie } });
    expect([303, 401], path).toContain(opened.status);
  }
  const second = await postForm(console.url, '/login/second-step?next=/outbox', { code: app.code() }, { cookie });
  expect(second.status).toBe(303);
  expect(second.headers.location).toBe('/outbox');
  const set = (second.headers['set-cookie'] ?? []).map((header) => header.split('=')[0]).sort();
  expect(set).toEqual(['postern', 'postern-device', 'postern-second-step']);
  const again = await postForm(console.url, '/login/second-step', { code: app.code(1) }, { cookie });
  expect(again.status).toBe(401);
  expect(again.text).toContain('Sign in again.');

  const removed = await console.server.command(['account', 'second-factor', 'remove', email]);
  expect(removed.code, removed.stderr).toBe(0);
  expect((await postForm(console.url, '/login', { email, password: PASSWORD })).headers.location).toBe('/');
  const none = await console.server.command(['account', 'second-factor', 'remove', email]);
  expect(none.code).toBe(1);
  expect(none.stderr).toContain('This account has no second factor.');
});

test('every page of the second factor is accessible', async ({ page }, info) => {
  // Looks at several pages in each width and scheme.
  test.slow();
  const email = await console.createAdmin();
  await console.signInBrowser(page.context(), email);
  await page.goto(`${console.url}/account/second-factor`);
  await expectAccessible(page, info, 'second-factor-off');
  await page.getByRole('button', { name: 'Set up an authenticator app' }).click();
  await page.getByText('Address of the key').click();
  await answer(page, 'Code', '1', 'Turn on');
  await page.getByText('Address of the key').click();
  await expectAccessible(page, info, 'second-factor-set-up');
  await turnOn(page);
  await expectAccessible(page, info, 'recovery-codes');
  await page.goto(`${console.url}/account/second-factor`);
  await expectAccessible(page, info, 'second-factor-on');
  await page.goto(`${console.url}/confirm`);
  await expectAccessible(page, info, 'confirm');
  await answer(page, 'Code', '1', 'Continue');
  await expectAccessible(page, info, 'confirm-with-a-fault');
  await page.goto(`${console.url}/account`);
  await expectAccessible(page, info, 'account-with-second-factor');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await typePassword(page, email);
  await expect(page.getByRole('heading', { level: 1, name: 'Second factor' })).toBeVisible();
  await expectAccessible(page, info, 'second-step');
  await answer(page, 'Code', '1', 'Sign in');
  await expectAccessible(page, info, 'second-step-with-a-fault');
});

test('an administrator without the second factor that is required sets it up first', async ({ page, browser, consoleErrors }, info) => {
  // Looks at several pages in each width and scheme.
  test.slow();
  const [first, second] = [await console.createAdmin(), await console.createAdmin()];
  await console.signInBrowser(page.context(), first);
  const policy = async () => {
    await page.goto(`${console.url}/settings/policy`);
    await page.getByLabel('Administrators sign in with a second factor').click();
    await page.getByRole('button', { name: 'Save policy' }).click();
  };
  await policy();
  await expect(page.getByText('Set up a second factor for your own account first.')).toBeVisible();
  await expectAccessible(page, info, 'policy-with-a-fault');
  await setUp(page);
  await policy();
  await expect(page.getByText('The policy is saved.')).toBeVisible();

  const other = await browser.newContext();
  consoleErrors.watch(other);
  const theirs = await other.newPage();
  await theirs.goto(`${console.url}/login?next=/outbox`);
  await typePassword(theirs, second);
  await expect(theirs).toHaveURL(`${console.url}/account/second-factor`);
  await expect(theirs.getByText('Your organisation requires a second factor of administrators.')).toBeVisible();
  await expectAccessible(theirs, info, 'second-factor-required');
  await theirs.goto(`${console.url}/settings/email`);
  await expect(theirs).toHaveURL(`${console.url}/account/second-factor`);
  await setUp(theirs);
  await theirs.goto(`${console.url}/outbox`);
  await expect(theirs).toHaveURL(`${console.url}/outbox`);
  await other.close();
  await policy();
  await expect(page.getByText('The policy is saved.')).toBeVisible();
});
