//! Console: saving the form, unsaved edits, and the form without WebAssembly.

import type { Page } from '@playwright/test';
import { Relay } from '../../support/relays/relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { fields } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

let console: TestConsole;

test.beforeAll(async () => {
  console = await TestConsole.start();
});

test.afterAll(() => console?.stop());

test('a form that is submitted twice is saved once', async ({ page }) => {
  const settings = await console.settings(page);
  let saves = 0;
  let release = () => {};
  const blocked = new Promise<void>((resolve) => (release = resolve));
  await page.route('**/fn/save_settings', async (route) => {
    saves += 1;
    await blocked;
    await route.continue();
  });
  await settings.fill({ 'Email Address': 'alerts@example.org', 'Host Name': 'smtp.example.org', Port: '587' });
  await settings.field('Port').press('Enter');
  await expect(settings.submit).toHaveAttribute('aria-busy', 'true');
  await expect(settings.submit).toBeDisabled();
  await settings.submit.dblclick({ force: true });
  await page.keyboard.press('Enter');
  await settings.undo.click({ force: true });
  release();
  await expect(settings.form).toContainText('Saved.');
  await settings.expectVerification(/^Never tested/);
  await expect(settings.submit).toHaveAttribute('aria-busy', 'false');
  expect(saves).toBe(1);
  expect(await console.revision()).toBe(1);

  await page.unroute('**/fn/save_settings');
  await settings.save();
  expect(await console.revision(), 'a save without changes stores nothing').toBe(1);
});

test('leaving with unsaved edits asks for confirmation', async ({ page }) => {
  const settings = await console.settings(page);
  const dialogs: string[] = [];
  let stay = true;
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.type());
    return stay ? dialog.dismiss() : dialog.accept();
  });
  const leave = () => page.getByRole('link', { name: 'Account', exact: true }).click({ noWaitAfter: true });
  await settings.fill({ Port: '2525', 'Connection Type': 'SSL', 'Password Without Encryption': '1' });
  await leave();
  await expect.poll(() => dialogs).toEqual(['beforeunload']);
  await expect(settings.field('Port')).toHaveValue('2525');

  stay = false;
  await leave();
  await expect(page).toHaveURL(`${console.url}/account`);
  expect(dialogs).toHaveLength(2);

  await page.goBack();
  await settings.waitForHydration();
  await expect(settings.field('Port'), 'the discarded edits are gone').toHaveValue('587');
  await expect(settings.field('Connection Type')).toHaveValue('None');
  await expect(settings.field('Password Without Encryption')).not.toBeChecked();
  await expect(settings.verification).not.toContainText('Unsaved changes', { useInnerText: true });
  await leave();
  await expect(page).toHaveURL(`${console.url}/account`);
  expect(dialogs, 'no confirmation without changes').toHaveLength(2);
});

test('a password of 245 characters reaches the relay unchanged', async ({ page }) => {
  const password = `${'密'.repeat(120)}${'🔑'.repeat(120)} ü"\\`;
  const certificate = console.authority.issue('127.0.0.1');
  const relay = await Relay.start({ tls: 'implicit', certificate, auth: ['PLAIN'], users: { 'مستخدم': password } });
  const settings = await console.settings(page);
  await settings.save({
    'User Name': 'مستخدم',
    Password: password,
    'Host Name': '127.0.0.1',
    Port: String(relay.port),
    'Connection Type': 'SSL',
    'Authentication Type': 'Plain',
  });
  await settings.test();
  expect(await relay.attempts.next()).toMatchObject({ password, accepted: true });
  await expect(settings.testSection).toContainText('Sent in');
  await relay.stop();
});

test.describe('without the island', () => {
  async function expectGrey(page: Page): Promise<void> {
    await console.signInBrowser(page.context());
    await page.goto(`${console.url}/settings/email`);
    for (const control of await page.getByRole('main').locator('input, select, button').all()) {
      await expect(control).toBeDisabled();
    }
    await expect(page.getByLabel('Password', { exact: true })).not.toHaveAttribute('name', /./);
  }

  test('without JavaScript a notice is shown', async ({ browser }) => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    expect((await console.server.save(fields({ port: 2525 }, { smtp_connection_type: 'TLS', smtp_password: null }))).status).toBe(200);
    await expectGrey(page);
    const notice = page.locator('noscript .notice');
    await expect(notice).toBeVisible();
    await expect(notice).toContainText('This form needs JavaScript and WebAssembly');
    await expect(page.getByLabel('Port')).toHaveValue('2525');
    await expect(page.getByLabel('Connection Type')).toHaveValue('TLS');
    await context.close();
  });

  test('without WebAssembly a notice is shown', async ({ browser }) => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.route('**/*.wasm', (route) => route.abort());
    await expectGrey(page);
    await expect(page.getByText('The form is loading.')).toBeVisible();
    await context.close();
  });
});
