//! Console: passkeys of a virtual authenticator: registration, sign-in, confirmation, removal.

import type { Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { PASSWORD, TestServer } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

let server: TestServer;

/** A Postern whose public URL is that of localhost. */
test.beforeAll(async () => {
  const first = await TestServer.start();
  const { host, port } = new URL(first.postern.url);
  await first.postern.stop({ keepData: true });
  server = await first.restart({ listen: host, env: { POSTERN_PUBLIC_URL: `http://localhost:${port}` } });
});

test.afterAll(() => server?.stop());

/** Connects a security key to the browser, which somebody touches at once. */
async function connectKey(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send('WebAuthn.enable');
  await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'usb',
      hasResidentKey: false,
      hasUserVerification: false,
      automaticPresenceSimulation: true,
    },
  });
}

async function typePassword(page: Page, email: string): Promise<void> {
  await page.getByLabel('Email address').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Creates an account and opens its page of the second factor. */
async function openSecondFactor(page: Page, email: string): Promise<string> {
  await server.createAccount(email, 'user');
  const url = `${server.postern.url}/account/second-factor`;
  await page.goto(url);
  await typePassword(page, email);
  await expect(page).toHaveURL(url);
  return url;
}

const section = (page: Page) => page.getByRole('region', { name: 'Passkeys' });

async function add(page: Page, name: string): Promise<void> {
  await section(page).getByLabel('Name of the passkey').fill(name);
  await section(page).getByRole('button', { name: 'Add a passkey' }).click();
}

/** Adds the first passkey of an account. Returns the recovery codes. */
async function addFirst(page: Page, name: string): Promise<string[]> {
  await add(page, name);
  await expect(page.getByText('The second factor is on.')).toBeVisible();
  return page.getByRole('region', { name: 'Recovery codes' }).getByRole('listitem').allInnerTexts();
}

test('a passkey is registered, signs in, confirms and is removed', async ({ page }) => {
  await connectKey(page);
  const email = 'tove@example.org';
  const url = await openSecondFactor(page, email);
  expect(await addFirst(page, 'blue key')).toHaveLength(10);
  await page.goto(url);
  const listed = section(page).getByRole('listitem');
  await expect(listed).toHaveText(/blue key.*not used yet/);
  await expect(page.getByText('10 recovery codes are left.')).toBeVisible();
  await add(page, 'blue key again');
  await expect(section(page).getByRole('alert'), 'it is registered already').toHaveText(/^No passkey was used\. ./);
  await expect(listed).toHaveCount(1);

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.goto(url);
  await typePassword(page, email);
  await expect(page).toHaveURL(/\/login\/second-step\?/);
  await page.getByRole('button', { name: 'Use a passkey' }).click();
  await expect(page).toHaveURL(url);
  await expect(listed).toHaveText(/blue key.*last used \d{4}-/);

  await page.goto(`${server.postern.url}/confirm?next=/account/second-factor`);
  await page.getByRole('button', { name: 'Use a passkey' }).click();
  await expect(page).toHaveURL(url);
  await section(page).getByRole('button', { name: 'Remove blue key' }).click();
  await expect(page.getByRole('status')).toHaveText('The passkey is removed.');
  await expect(listed).toHaveCount(0);
  await expect(page.getByText(/recovery codes? (is|are) left/)).toHaveCount(0);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.goto(url);
  await typePassword(page, email);
  await expect(page, 'the password is enough').toHaveURL(url);
});

test('a passkey without a name is added once it has one', async ({ page }) => {
  await connectKey(page);
  await openSecondFactor(page, 'nils@example.org');
  await add(page, ' ');
  await expect(section(page).getByLabel('Name of the passkey')).toHaveAccessibleDescription(/a name of 1 to 64 characters/);
  expect(await addFirst(page, 'green key')).toHaveLength(10);
});

test('without WebAuthn, recovery codes sign in and no passkey is asked for', async ({ page, browser, consoleErrors }) => {
  await connectKey(page);
  const email = 'pia@example.org';
  const url = await openSecondFactor(page, email);
  const [code = ''] = await addFirst(page, 'old key');

  const context = await browser.newContext();
  consoleErrors.watch(context);
  const other = await context.newPage();
  await other.addInitScript(() => Reflect.deleteProperty(window, 'PublicKeyCredential'));
  await other.goto(url);
  await typePassword(other, email);
  await expect(other.getByLabel('Recovery code', { exact: true })).toBeFocused();
  await other.waitForLoadState('load');
  await expect(other.getByRole('button', { name: 'Use a passkey' })).toBeHidden();
  await other.getByLabel('Recovery code', { exact: true }).fill(code);
  await other.getByRole('button', { name: 'Sign in' }).click();
  await expect(other).toHaveURL(url);
  await other.waitForLoadState('load');
  await expect(section(other).getByRole('listitem')).toHaveText(/old key/);
  await expect(section(other).getByRole('button', { name: 'Add a passkey' })).toBeHidden();
  await context.close();
});

test('at an address without https the page says why it offers no passkeys', async ({ page }) => {
  const console = await TestConsole.start();
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/account/second-factor`);
  await expect(section(page)).toContainText(`only where the public URL is https with a host name, or localhost; here it is ${console.url}.`);
  await expect(section(page).getByRole('button')).toHaveCount(0);
  await console.stop();
});

test('every page with passkeys is accessible', async ({ page }, info) => {
  // Looks at several pages in each width and scheme.
  test.slow();
  await connectKey(page);
  const email = 'ida@example.org';
  const url = await openSecondFactor(page, email);
  await expect(section(page).getByRole('button', { name: 'Add a passkey' })).toBeVisible();
  await expectAccessible(page, info, 'passkeys-none');
  await addFirst(page, 'a key with a name that is as long as the name of a key can be');
  await page.goto(url);
  await add(page, 'again');
  await expect(section(page).getByRole('alert')).not.toBeEmpty();
  await expectAccessible(page, info, 'passkeys-with-a-fault');
  await page.goto(`${server.postern.url}/confirm`);
  await expect(page.getByRole('button', { name: 'Use a passkey' })).toBeVisible();
  await expectAccessible(page, info, 'confirm-with-passkey');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.goto(url);
  await typePassword(page, email);
  await expect(page.getByRole('button', { name: 'Use a passkey' })).toBeVisible();
  await expectAccessible(page, info, 'second-step-with-passkey');
});
