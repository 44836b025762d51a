//! Console: the history of settings, what each save changed, and rollback with the password.

import type { Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { EmailPage } from '../../support/pages/email-page.ts';
import { requestOk } from '../../support/mail/messages.ts';
import { Relay } from '../../support/relays/relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { fields } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

const ANN = 'ann@example.org';

let console: TestConsole;
let one: Relay;
let two: Relay;

test.beforeEach(async () => {
  console = await TestConsole.start({ POSTERN_USER_RELAY_ALLOW: '127.0.0.1' });
  one = await Relay.start({ auth: ['PLAIN'], users: { alerts: 'key of one' } });
  two = await Relay.start({ auth: ['PLAIN'], users: { alerts: 'key of two' } });
});

test.afterEach(async () => {
  await console?.stop();
  await one?.stop();
  await two?.stop();
});

/** Saves settings of the first relay with this password over REST. */
async function savePassword(relay: Relay, password: string): Promise<void> {
  const saved = await console.server.save(
    fields(relay, {
      smtp_authentication_type: 'Plain',
      smtp_username: 'alerts',
      smtp_plaintext_auth: '1',
      smtp_password: await console.server.sealed(password),
    }),
  );
  expect(saved.status, saved.text).toBe(200);
}

/** The revisions on the page of a history, newest first. */
function revisions(page: Page) {
  return page.getByRole('main').getByRole('listitem');
}

/** Opens the history from the page with the settings. */
async function openHistory(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'History of these settings' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(/^History of /);
}

test('an administrator sees what a save changed, and restores the relay before it with its password', async ({ page }, info) => {
  // Looks at several pages in each width and scheme.
  test.slow();
  const settings = await console.settings(page);
  await settings.save({
    'Email Address': 'alerts@example.org',
    'User Name': 'alerts',
    Password: 'key of one',
    'Host Name': '127.0.0.1',
    Port: String(one.port),
    'Authentication Type': 'Plain',
    'Password Without Encryption': '1',
  });
  await settings.test('desk@example.net');
  await settings.expectVerification(/^Verified/);
  expect((await one.mails.next()).user).toBe('alerts');
  await settings.save({ Port: String(two.port), Password: 'key of two', 'From Name': 'Alarms' });

  await openHistory(page);
  await expect(revisions(page)).toHaveCount(2);
  const newest = revisions(page).nth(0);
  await expect(newest).toContainText('Revision 2');
  await expect(newest).toContainText('Not verified');
  await expect(newest).toContainText('In use');
  await expect(newest).toContainText(/Saved \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC by admin@example\.org from 127\.0\.0\.1/);
  await expect(newest.getByRole('link'), 'it is in use').toHaveCount(0);
  await expect(newest.getByRole('row')).toHaveText([
    'FieldBeforeAfter',
    `Port${one.port}${two.port}`,
    'From NameemptyAlarms',
    'Passwordchanged',
  ]);
  const first = revisions(page).nth(1);
  await expect(first).toContainText(/Verified \d{4}-.* by a test mail of admin@example\.org\./);
  await expect(first).toContainText('Its password is kept.');
  expect(await page.content()).not.toContain('key of');
  await expectAccessible(page, info, 'history');

  await first.getByRole('link', { name: 'Restore revision 1' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Restore revision 1?');
  await expect(page.getByRole('row')).toHaveText([
    'FieldIn useRestored',
    `Port${two.port}${one.port}`,
    'From NameAlarmsempty',
    'Passwordchanged',
  ]);
  await expect(page.getByText('Its password comes back with it.')).toBeVisible();
  await expectAccessible(page, info, 'restore');
  await page.getByRole('button', { name: 'Restore revision 1' }).click();
  await expect(page.getByRole('status')).toHaveText('Revision 1 is restored.');
  await expect(revisions(page)).toHaveCount(3);
  await expect(revisions(page).nth(0)).toContainText('brings back revision 1');

  const restored = await console.settings(page);
  await expect(restored.field('Port')).toHaveValue(String(one.port));
  await expect(restored.field('From Name')).toHaveValue('');
  await restored.test('desk@example.net');
  await restored.expectVerification(/^Verified/);
  expect((await one.mails.next()).user, 'the relay accepts the password').toBe('alerts');
  expect(await console.revision()).toBe(3);

  await requestOk(console.server, '/api/relays/global', { data: { max_connections: 3 } });
  await page.goto(`${console.url}/settings/relays/history?id=global`);
  await page.getByRole('link', { name: 'Changes of its name, order, rule and limits' }).click();
  const changes = page.getByRole('region', { name: 'Rows' }).getByRole('listitem');
  await expect(changes).toHaveCount(1);
  await expect(changes).toContainText('max_connections from none to 3 of “Main relay” (global)');
});

test('a rollback beside newer settings is refused', async ({ page }) => {
  await savePassword(one, 'key of one');
  await savePassword(two, 'key of two');
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/settings/relays/restore?id=global&number=1`);
  await savePassword(two, 'another key');
  await page.getByRole('button', { name: 'Restore revision 1' }).click();
  await expect(page.getByRole('alert')).toContainText('saved other settings at');
  expect(await console.revision()).toBe(3);
  // The page shows what is saved now, and goes on from there.
  await page.getByRole('button', { name: 'Restore revision 1' }).click();
  await expect(page.getByRole('status')).toHaveText('Revision 1 is restored.');
  expect(await console.revision()).toBe(4);
});

test('a revision whose password is no longer kept comes back without it', async ({ page }, info) => {
  test.slow();
  await savePassword(one, 'key of one');
  for (const key of ['a', 'b', 'c', 'd']) {
    await savePassword(two, key);
  }
  await console.settings(page);
  await openHistory(page);
  const oldest = revisions(page).last();
  await expect(oldest).toContainText('Its password is not kept; only the last three that were saved are.');
  await oldest.getByRole('link', { name: 'Restore revision 1' }).click();
  await expect(page.getByText('Enter the password in the settings afterwards')).toBeVisible();
  await expectAccessible(page, info, 'restore-without-password');
  await page.getByRole('button', { name: 'Restore revision 1 without its password' }).click();
  await expect(page.getByRole('status')).toContainText('Revision 1 is restored without its password.');
  const { json } = await console.server.read();
  expect(json).toMatchObject({ password: 'none', revision: 6, data: { smtp_port: String(one.port) } });
});

test('an account restores its own relay, and sees no other history', async ({ page, browser }, info) => {
  test.slow();
  await savePassword(one, 'key of one');
  await console.server.createAccount(ANN, 'user');
  await console.signInBrowser(page.context(), ANN);
  await page.goto(`${console.url}/my-relay/history`);
  await expect(page.getByText('Nothing is saved yet.')).toBeVisible();
  await page.goto(`${console.url}/my-relay`);
  const settings = new EmailPage(page);
  await settings.waitForHydration();
  await settings.save({ 'Host Name': '127.0.0.1', Port: String(one.port) });
  await settings.save({ Port: String(two.port) });
  // The page has the link once something is saved.
  await page.reload();
  await openHistory(page);
  await expect(revisions(page)).toHaveCount(2);
  await expectAccessible(page, info, 'history-of-my-relay');
  await page.getByRole('link', { name: 'Restore revision 1' }).click();
  await expect(page.getByRole('row')).toHaveText(['FieldIn useRestored', `Port${two.port}${one.port}`]);
  await expectAccessible(page, info, 'restore-my-relay');
  await page.getByRole('button', { name: 'Restore revision 1' }).click();
  await expect(page.getByRole('status')).toHaveText('Revision 1 is restored.');
  await page.getByRole('link', { name: 'My relay' }).first().click();
  await settings.waitForHydration();
  await expect(settings.field('Port')).toHaveValue(String(one.port));

  for (const path of ['/settings/relays/history?id=global', '/settings/relays/restore?id=global&number=1']) {
    const forbidden = await page.goto(`${console.url}${path}`);
    expect(forbidden?.status(), path).toBe(403);
    await expect(page.getByText(String(one.port))).toHaveCount(0);
  }
  await console.server.createAccount('eve@example.org', 'user');
  const other = await (await browser.newContext()).newPage();
  await console.signInBrowser(other.context(), 'eve@example.org');
  await other.goto(`${console.url}/my-relay/history`);
  await expect(other.getByText('Nothing is saved yet.')).toBeVisible();
  const missing = await other.goto(`${console.url}/my-relay/restore?number=1`);
  expect(missing?.status()).toBe(404);
  await other.context().close();
});
