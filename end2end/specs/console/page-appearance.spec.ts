//! Accessibility of every page: axe, 360 px width, keyboard operation.

import { expectAccessible } from '../../support/pages/accessibility.ts';
import { type EmailPage, type FieldValues, LABELS } from '../../support/pages/email-page.ts';
import { Postern } from '../../support/program/postern.ts';
import { Relay } from '../../support/relays/relay.ts';
import { tcpRelay } from '../../support/relays/tcp-relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { fields } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

let console: TestConsole;

test.beforeAll(async () => {
  console = await TestConsole.start();
});

test.afterAll(() => console?.stop());

const settingsFor = (relay: { port: number }): FieldValues => ({
  'Email Address': 'alerts@example.org',
  'Host Name': '127.0.0.1',
  Port: String(relay.port),
});

test('login and first administrator', async ({ page }, info) => {
  const fresh = await Postern.start();
  await page.goto(fresh.link);
  await expectAccessible(page, info, 'setup');
  await page.getByLabel('Your email address').fill('mara');
  await page.getByLabel('Password', { exact: true }).fill('short');
  await page.getByRole('button', { name: 'Create administrator' }).click();
  await expect(page.getByLabel('Your email address')).toHaveAttribute('aria-invalid', 'true');
  await expectAccessible(page, info, 'setup-with-faults');
  await fresh.stop();

  await page.goto(`${console.url}/login`);
  await expectAccessible(page, info, 'login');
  await page.goto(`${console.url}/nowhere`);
  await expectAccessible(page, info, 'nowhere');
});

test('the pages of the own account', async ({ page }, info) => {
  await console.signInBrowser(page.context());
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/account`);
  await expectAccessible(page, info, 'account');
  await page.goto(`${console.url}/account/tokens`);
  await expectAccessible(page, info, 'tokens');
  await console.server.createAccount('user@example.org', 'user');
  await console.signInBrowser(page.context(), 'user@example.org');
  await page.goto(`${console.url}/settings/email`);
  await expectAccessible(page, info, 'not-for-users');
});

test('the settings, empty and with every fault', async ({ page }, info) => {
  const settings = await console.settings(page);
  await expectAccessible(page, info, 'pristine');
  await settings.fill({
    'Email Address': 'alerts@',
    'User Name': 'alerts',
    Port: '465',
    'Connection Type': 'TLS',
    'Authentication Type': 'Cram_MD5',
    'Certificate Check': 'Off',
    'Password Without Encryption': '1',
    'Connect Time-out': '0',
  });
  await settings.submit.click();
  await expect(settings.field('Email Address')).toHaveAttribute('aria-invalid', 'true');
  await expectAccessible(page, info, 'with-faults');
});

test('a failed test with a long reply', async ({ page }, info) => {
  const unbroken = `${'W'.repeat(400)} مرحبا بالبريد \u202eedispu\u202c 🚪🔑 <b>&amp;`;
  const relay = await tcpRelay((socket) => socket.write(`554-${unbroken}\r\n554 second line\r\n`));
  const settings = await console.settings(page);
  await settings.fill({ ...settingsFor(relay), 'From Name': 'ش🚪'.repeat(60), 'User Name': 'u'.repeat(255) });
  await settings.test(`${'m'.repeat(64)}@${'example.'.repeat(20)}net`);
  await expect(settings.testSection).toContainText('Failed after');
  await expect(settings.testSection.getByText('<b>&amp;').first()).toBeVisible();
  await expectAccessible(page, info, 'test-failed');
  await relay.stop();
});

test('a running test and a sent one', async ({ page }, info) => {
  const relay = await tcpRelay(() => {});
  const settings = await console.settings(page);
  await settings.fill({ ...settingsFor(relay), 'Command Time-out': '60' });
  await settings.test();
  await relay.connections.next();
  await expectAccessible(page, info, 'test-under-way');
  await settings.cancel.click();
  await expect(settings.testSection).toContainText('Cancelled.');
  await relay.stop();

  const real = await Relay.start();
  await settings.save(settingsFor(real));
  await settings.test();
  await expect(settings.testSection).toContainText('Sent in');
  await expectAccessible(page, info, 'test-sent');
  await real.stop();
});

test('a conflict and the earlier passwords', async ({ page }, info) => {
  const sealed = async (password: string) => ({ smtp_password: await console.server.sealed(password) });
  const save = async (more: object) =>
    expect((await console.server.save(fields({ port: 587 }, { smtp_username: 'alerts', smtp_authentication_type: 'Plain', ...more }))).status).toBe(200);
  for (const password of ['one', 'two', 'three', 'four']) {
    await save(await sealed(password));
  }
  const settings = await console.settings(page);
  await settings.form.getByText('Use an earlier password').click();
  await settings.form.getByRole('button', { name: /^Use the password saved/ }).nth(1).click();
  await settings.fill({ 'Email Address': 'somebody.with.a.long.name@department.example.org' });
  await save({ smtp_host: 'a-rather-long-name-for-a-relay.department.example.org', ...(await sealed('five')) });
  await settings.submit.click();
  await expect(settings.conflict).toBeVisible();
  await expectAccessible(page, info, 'conflict');
});

test('the form is filled in, saved and tested by keyboard alone', async ({ page }) => {
  const relay = await Relay.start();
  const smtp_password = await console.server.sealed('of another relay');
  expect((await console.server.save(fields({ port: 587 }, { smtp_authentication_type: 'Plain', smtp_password }))).status).toBe(200);
  const settings = await console.settings(page);
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await tabTo(settings, page.getByRole('link', { name: 'Skip to the page' }));
  await page.keyboard.press('Enter');
  const typed: Record<string, string> = {
    'Email Address': 'keys@example.org',
    'User Name': '',
    'Host Name': '127.0.0.1',
    Port: String(relay.port),
  };
  for (const label of LABELS) {
    await tabTo(settings, settings.field(label));
    if (label in typed) {
      await page.keyboard.press('ControlOrMeta+a');
      await page.keyboard.press('Delete');
      await page.keyboard.type(typed[label] ?? '');
    }
  }
  await tabTo(settings, settings.form.getByText('More options'));
  await page.keyboard.press('Enter');
  await tabTo(settings, settings.field('From Name'));
  await page.keyboard.type('By keyboard');
  await tabTo(settings, settings.field('Password Without Encryption'));
  await page.keyboard.press('Space');
  await expect(settings.field('Password Without Encryption')).toBeChecked();
  await page.keyboard.press('Space');
  await tabTo(settings, settings.submit);
  await page.keyboard.press('Enter');
  // The saved password belongs to another relay.
  await expect(settings.field('Password')).toBeFocused();
  await tabTo(settings, settings.form.getByRole('button', { name: 'Clear the saved password' }));
  await page.keyboard.press('Enter');
  await tabTo(settings, settings.field('Authentication Type'));
  await page.keyboard.type('None');
  await tabTo(settings, settings.submit);
  await page.keyboard.press('Enter');
  await expect(settings.form).toContainText('Saved.');
  await tabTo(settings, settings.recipient);
  await page.keyboard.type('me@example.net');
  await page.keyboard.press('Enter');
  expect((await relay.mails.next()).mail.from?.text).toBe('"By keyboard" <keys@example.org>');
  await relay.stop();
});

/** Presses Tab until the element has the focus; the focus is visible at every stop. */
async function tabTo({ page }: EmailPage, element: ReturnType<EmailPage['field']>): Promise<void> {
  for (let stops = 0; stops < 30; stops += 1) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate(() => {
      const { activeElement } = document;
      const outline = activeElement && getComputedStyle(activeElement).outlineStyle;
      return activeElement === document.body || (outline !== undefined && outline !== 'none');
    });
    expect(focused, 'the focus is visible').toBe(true);
    const summary = element.locator('xpath=ancestor-or-self::summary');
    const holder = (await summary.count()) > 0 ? summary : element;
    if (await holder.evaluate((target) => target === document.activeElement)) {
      return;
    }
  }
  throw new Error(`Tab did not reach ${element}`);
}
