//! Console: undo, and clearing and restoring the password, which stays with its relay.

import type { Page } from '@playwright/test';
import { type RecordingRelay, recordingRelay } from '../../support/relays/recording-relay.ts';
import { Relay } from '../../support/relays/relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { fields } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

let console: TestConsole;
let relay: Relay;

test.beforeAll(async () => {
  console = await TestConsole.start();
  relay = await Relay.start({
    tls: 'starttls',
    certificate: console.authority.issue('127.0.0.1'),
    auth: ['PLAIN'],
    users: { alerts: 'third key' },
  });
});

test.afterAll(async () => {
  await console?.stop();
  await relay?.stop();
});

/** Saves settings with this password over REST. */
async function savePassword(password: string | null, token?: string): Promise<void> {
  const saved = await console.server.save(
    fields(relay, {
      smtp_connection_type: 'TLS',
      smtp_authentication_type: 'Plain',
      smtp_username: 'alerts',
      smtp_password: password === null ? null : await console.server.sealed(password),
    }),
    token ? { authorization: `Bearer ${token}` } : {},
  );
  expect(saved.status, saved.text).toBe(200);
}

test('undo removes pending faults', async ({ page }) => {
  const settings = await console.settings(page);
  await settings.fill({ 'Email Address': 'alerts@' });
  await settings.undo.click();
  await expect(settings.field('Email Address')).toHaveValue('');
  // When this fault is shown, one of the earlier edit would have been too.
  await settings.fill({ Port: '0' });
  await expect(settings.field('Port')).toHaveAttribute('aria-invalid', 'true');
  expect(await settings.fault('Email Address')).toBe('');
});

test('undo restores the saved settings without a save', async ({ page }) => {
  await savePassword('first key');
  const before = (await console.server.read()).json;
  const settings = await console.settings(page);
  await settings.fill({
    'Email Address': 'other@',
    'User Name': '',
    Password: 'typed and forgotten',
    'Host Name': 'elsewhere.example.org',
    Port: '25',
    'Connection Type': 'None',
    'Authentication Type': 'None',
    'Certificate Check': 'Off',
    'From Name': 'Somebody',
    'Password Without Encryption': '1',
  });
  await settings.submit.click();
  await expect(settings.field('Email Address')).toHaveAttribute('aria-invalid', 'true');
  await settings.undo.click();
  await expect(settings.form).toContainText('The form shows what is saved. Nothing was written.');
  await expect(settings.field('Email Address')).toHaveValue('alerts@example.org');
  await expect(settings.field('Email Address')).toHaveAttribute('aria-invalid', 'false');
  await expect(settings.field('User Name')).toHaveValue('alerts');
  await expect(settings.field('Password')).toHaveValue('');
  await expect(settings.field('Host Name')).toHaveValue('127.0.0.1');
  await expect(settings.field('Port')).toHaveValue(String(relay.port));
  await expect(settings.field('Connection Type')).toHaveValue('TLS');
  await expect(settings.field('Authentication Type')).toHaveValue('Plain');
  await expect(settings.field('Certificate Check')).toHaveValue('Verify');
  await expect(settings.field('From Name')).toHaveValue('');
  await expect(settings.field('Password Without Encryption')).not.toBeChecked();
  await expect(settings.form).toContainText('A password is saved. Leave this empty to keep it.');
  await settings.expectVerification(/^Never tested((?!Unsaved).)*$/s);
  expect((await console.server.read()).json).toEqual(before);
});

test('undo loads settings saved meanwhile', async ({ page }) => {
  const settings = await console.settings(page);
  await settings.fill({ 'From Name': 'Mine' });
  expect((await console.server.save(fields(relay, { ...(await console.server.read()).json.data, smtp_from_name: 'Theirs' }))).status).toBe(200);
  await settings.undo.click();
  await expect(settings.field('From Name')).toHaveValue('Theirs');
  await settings.save({ 'From Name': '' });
});

test('the password has its own button to clear it', async ({ page }) => {
  const settings = await console.settings(page);
  await settings.save({ 'From Name': 'Alerts' });
  expect((await console.server.read()).json.password, 'an empty field keeps the password').toBe('saved');

  await settings.form.getByRole('button', { name: 'Clear the saved password' }).click();
  await expect(settings.form).toContainText('Submit clears the saved password.');
  await settings.expectVerification(/Unsaved changes/);
  expect((await console.server.read()).json.password, 'not before Submit').toBe('saved');
  await settings.form.getByRole('button', { name: 'Leave it as it was' }).click();
  await expect(settings.form).toContainText('A password is saved. Leave this empty to keep it.');

  await settings.form.getByRole('button', { name: 'Clear the saved password' }).click();
  await settings.save();
  await expect(settings.form).toContainText('No password is saved.');
  expect((await console.server.read()).json.password).toBe('none');
});

test('one of the last three passwords is restored', async ({ page }) => {
  const jonas = await console.server.createAccount('jonas@example.org', 'admin');
  for (const [password, token] of [['second key'], ['third key', jonas], ['fourth key'], ['fifth key']] as const) {
    await savePassword(password, token);
  }
  const response = page.waitForResponse(`${console.url}/settings/email`);
  const settings = await console.settings(page, await console.createAdmin());
  const earlier = settings.form.getByRole('listitem').filter({ hasText: 'Saved' });
  await expect(earlier.first()).toBeHidden();
  await settings.form.getByText('Use an earlier password').click();
  await expect(earlier).toHaveCount(3);
  const label = `alerts at 127.0.0.1:${relay.port}`;
  for (const [nth, by] of ['admin@example.org', 'jonas@example.org', 'admin@example.org'].entries()) {
    await expect(earlier.nth(nth)).toContainText(new RegExp(`${label}.*Saved \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d UTC by ${by}`));
  }

  const use = earlier.nth(1).getByRole('button', { name: /^Use the password saved .* by jonas/ });
  await use.click();
  await expect(use).toHaveAttribute('aria-pressed', 'true');
  await expect(settings.form).toContainText('Submit restores the earlier password.');
  await settings.expectVerification(/Unsaved changes/);
  const before = await console.revision();
  await settings.save();
  expect(await console.revision()).not.toBe(before);

  await settings.test();
  expect(await relay.attempts.next()).toMatchObject({ user: 'alerts', password: 'third key', accepted: true });
  await expect(settings.testSection).toContainText('The saved settings were tested.');
  for (const source of [await (await response).text(), await page.content()]) {
    expect(source).not.toMatch(/(first|second|third|fourth|fifth) key/);
  }
});

test.describe('with another relay in the form', () => {
  let otherRelay: RecordingRelay;

  test.beforeEach(async () => {
    otherRelay = await recordingRelay();
    await savePassword('third key');
  });

  test.afterEach(async () => {
    expect(otherRelay.lines.filter((line) => /^AUTH/i.test(line))).toEqual([]);
    await otherRelay.stop();
    expect((await console.server.read()).json.data.smtp_port, 'nothing is stored').toBe(String(relay.port));
  });

  test('the page requires the password and neither saves nor tests', async ({ page }) => {
    const settings = await console.settings(page, await console.createAdmin());
    for (const [name, value] of [
      ['Host Name', 'localhost'],
      ['Port', String(otherRelay.port)],
      ['User Name', 'other'],
      ['Connection Type', 'None'],
      ['Certificate Check', 'Off'],
      ['Password Without Encryption', '1'],
    ] as const) {
      await settings.fill({ [name]: value });
      await expect(settings.form, `${name} changed`).toContainText('it belongs to other relay settings');
      await settings.submit.click();
      await expect(settings.field('Password')).toBeFocused();
      expect(await settings.fault('Password')).toBe('Type the password again, or clear the saved one.');
      await settings.undo.click();
      await expect(settings.form).toContainText('A password is saved. Leave this empty to keep it.');
    }
    await settings.fill({ Port: String(otherRelay.port), 'Connection Type': 'None', 'Password Without Encryption': '1' });
    await settings.test();
    await expect(settings.field('Password')).toBeFocused();
    expect(otherRelay.connections.all, 'no test was started').toEqual([]);
  });

  /** Replaces the relay's port by the attacker's in requests to a server function. */
  async function tamper(page: Page, endpoint: string): Promise<void> {
    await page.route(`**/fn/${endpoint}`, (route) => {
      const body = route.request().postData() ?? '';
      const tampered = body.replaceAll(`"${relay.port}"`, `"${otherRelay.port}"`);
      expect(tampered).not.toBe(body);
      return route.continue({ postData: tampered });
    });
  }

  test('the server refuses the request of a tampered page', async ({ page }) => {
    const settings = await console.settings(page, await console.createAdmin());
    const expected = new RegExp(`alerts at 127\\.0\\.0\\.1:${relay.port}`);
    await tamper(page, 'save_settings');
    await settings.fill({ 'From Name': 'Meddled' });
    await settings.submit.click();
    await expect(settings.field('Password')).toHaveAccessibleDescription(expected);
    await expect(settings.field('Password')).toBeFocused();

    await tamper(page, 'watch');
    await settings.test();
    await expect(settings.testSection).toContainText('The test could not be started.');
    await expect(settings.field('Password')).toHaveAccessibleDescription(expected);
  });

  test('an earlier password stays with its relay', async ({ page }) => {
    const settings = await console.settings(page, await console.createAdmin());
    await settings.form.getByText('Use an earlier password').click();
    await settings.form.getByRole('button', { name: /^Use the password saved/ }).last().click();
    await settings.fill({ Port: String(otherRelay.port), 'Connection Type': 'None', 'Password Without Encryption': '1' });
    await settings.submit.click();
    await expect(settings.field('Password')).toHaveAccessibleDescription(/127\.0\.0\.1/);
    await expect(settings.field('Password')).toBeFocused();
    await settings.test();
    await expect(settings.testSection).toContainText('The test could not be started.');
  });
});
