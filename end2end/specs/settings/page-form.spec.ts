//! Console: faults and warnings of the settings form while it is edited.

import type { Page } from '@playwright/test';
import { type EmailPage, type FieldName, type FieldValues, OPTIONS } from '../../support/pages/email-page.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

let console: TestConsole;

test.beforeAll(async () => {
  console = await TestConsole.start();
});

test.afterAll(() => console?.stop());

test('an empty form is not submitted', async ({ page }) => {
  const settings = await console.settings(page);
  await settings.submit.click();
  await expect(settings.field('Email Address')).toBeFocused();
  expect(await settings.fault('Email Address')).toBe('Enter an e-mail address.');
  expect(await settings.fault('Host Name')).toBe('Enter the host name or IP address of the relay.');
  expect(await settings.fault('Port')).toBe('Enter the port, usually 587, 465 or 25.');
  expect(await settings.fault('User Name')).toBe('');
  await expect(settings.form).toContainText('Nothing was saved yet: correct the marked fields and submit again.');

  await settings.fill({ 'Email Address': 'alerts@example.org' });
  await settings.submit.click();
  await expect(settings.field('Host Name')).toBeFocused();
  await settings.fill({ 'Host Name': 'smtp.example.org', Port: '587', 'Reply-To': 'desk' });
  await settings.form.getByText('More options').click();
  await expect(settings.field('Reply-To')).toBeHidden();
  await settings.submit.click();
  await expect(settings.field('Reply-To'), 'the options with the fault are expanded').toBeFocused();
  expect(await console.revision()).toBe(0);
});

test('the first field with a fault is scrolled into view below the heading', async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 500 });
  const settings = await console.settings(page);
  await settings.fill({ 'User Name': 'alerts' });
  await settings.submit.scrollIntoViewIfNeeded();
  await settings.submit.click();
  const field = settings.field('Email Address');
  await expect(field).toBeFocused();
  const onTop = await field.evaluate((control) => {
    const { x, y, width, height } = control.getBoundingClientRect();
    return [y + 2, y + height - 2].every((at) => document.elementFromPoint(x + width / 2, at) === control);
  });
  expect(onTop, 'the field is not covered').toBe(true);
});

const FAULTS: Array<[FieldName, string, RegExp, string]> = [
  ['Email Address', 'alerts@', /The domain after the @ is missing/, 'alerts@example.org'],
  ['User Name', 'a'.repeat(256), /at most 255 characters/, 'a'.repeat(255)],
  ['Password', 'p'.repeat(246), /at most 245 characters/, 'p'.repeat(245)],
  ['Host Name', 'smtp.example.org:587', /the port has its own field/, '2001:db8::25'],
  ['Port', '65536', /1 to 65535/, '65535'],
  ['From Name', 'n'.repeat(129), /at most 128 characters/, 'Grüße 🚪 أبواب'],
  ['Reply-To', 'desk@@example.org', /only one @/, 'desk@bücher.example'],
  ['EHLO Name', 'a b', /./, 'gate.example.org'],
  ['Connect Time-out', '0', /1 to 120/, '120'],
  ['Command Time-out', '1.5', /1 to 120/, '1'],
];

/** The form on a page with a fake clock, which only the test advances. */
async function openWithPausedClock(page: Page): Promise<EmailPage> {
  await page.clock.install();
  const settings = await console.settings(page);
  await page.clock.pauseAt(Date.now() + 60_000);
  return settings;
}

test('a fault is shown when typing pauses', async ({ page }) => {
  const settings = await openWithPausedClock(page);
  const field = settings.field('Email Address');
  await field.pressSequentially('alerts@');
  await page.clock.runFor(600);
  await expect(field, 'no fault while typing').toHaveAttribute('aria-invalid', 'false');
  await page.clock.runFor(200);
  await expect(field).toHaveAttribute('aria-invalid', 'true');
  await expect(field).toBeFocused();
  await field.pressSequentially('example.org');
  await expect(field).toHaveAttribute('aria-invalid', 'false');
});

test('a fault that appears does not move a button during a click', async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 2400 });
  const settings = await openWithPausedClock(page);
  await settings.field('Email Address').pressSequentially('alerts@');
  await settings.submit.hover({ position: { x: 20, y: 4 } });
  await page.mouse.down();
  await expect(settings.field('Email Address')).not.toBeFocused();
  await page.mouse.up();
  await expect(settings.form).toContainText('Nothing was saved yet');
});

test('a fault is shown beside its field until it is corrected', async ({ page }) => {
  const settings = await console.settings(page);
  for (const [name, invalid] of FAULTS) {
    await settings.fill({ [name]: invalid });
  }
  for (const [name, , pattern, corrected] of FAULTS) {
    const field = settings.field(name);
    await expect(field, name).toHaveAttribute('aria-invalid', 'true');
    await expect(field, name).toHaveAccessibleDescription(pattern);
    const fault = page.getByText(await settings.fault(name), { exact: true }).first();
    await expect(fault).toBeVisible();
    await expect(fault.locator('xpath=..'), 'screen readers announce it').toHaveAttribute('aria-live', 'polite');
    await settings.fill({ [name]: corrected });
    await expect(field, name).toHaveAttribute('aria-invalid', 'false');
    expect(await settings.fault(name)).toBe('');
  }
});

const WITH_LOGIN: FieldValues = { 'User Name': 'alerts', Password: 'secret', 'Authentication Type': 'Plain' };

const WARNINGS: Array<{ combination: string; values: FieldValues; pattern: RegExp; repair: string; sets: [FieldName, string] }> = [
  {
    combination: '465 with StartTLS',
    values: { Port: '465', 'Connection Type': 'TLS' },
    pattern: /Port 465 expects TLS from the first byte/,
    repair: 'Use SSL',
    sets: ['Connection Type', 'SSL'],
  },
  {
    combination: '587 with SSL',
    values: { Port: '587', 'Connection Type': 'SSL' },
    pattern: /switches to TLS with StartTLS; SSL fails there/,
    repair: 'Use TLS',
    sets: ['Connection Type', 'TLS'],
  },
  {
    combination: 'credentials with authentication None',
    values: { 'User Name': 'alerts', Password: 'secret' },
    pattern: /not used while the authentication type is None/,
    repair: 'Use Plain',
    sets: ['Authentication Type', 'Plain'],
  },
  {
    combination: 'Plain without credentials',
    values: { 'Connection Type': 'TLS', 'Authentication Type': 'Plain' },
    pattern: /Signing in needs a user name and a password/,
    repair: 'Do not sign in',
    sets: ['Authentication Type', 'None'],
  },
  {
    combination: 'Login without a password',
    values: { 'User Name': 'alerts', 'Connection Type': 'TLS', 'Authentication Type': 'Login' },
    pattern: /Signing in needs a password/,
    repair: 'Do not sign in',
    sets: ['Authentication Type', 'None'],
  },
  {
    combination: 'authentication without encryption',
    values: WITH_LOGIN,
    pattern: /Signing in fails whenever the relay does not offer StartTLS/,
    repair: 'Require TLS',
    sets: ['Connection Type', 'TLS'],
  },
  {
    combination: 'authentication without encryption, allowed',
    values: { ...WITH_LOGIN, 'Password Without Encryption': '1' },
    pattern: /The password is sent unencrypted/,
    repair: 'Require TLS',
    sets: ['Connection Type', 'TLS'],
  },
];

test('warnings about combinations are shown before saving, each with a repair button', async ({ page }) => {
  const settings = await console.settings(page);
  for (const { combination, values, pattern, repair, sets } of WARNINGS) {
    await settings.undo.click();
    await expect(settings.form).toContainText('The form shows what is saved.');
    await expect(settings.form, combination).not.toContainText(pattern);
    await settings.fill({ Port: '2500', ...values });
    // A missing password is no warning before its field was left.
    await settings.field('Password').focus();
    await settings.field('Password').blur();
    const [name, value] = sets;
    await expect(settings.field(name), combination).toHaveAccessibleDescription(pattern);
    await settings.form.getByRole('button', { name: repair }).click();
    await expect(settings.field(name), combination).toHaveValue(value);
    await expect(settings.field(name), combination).toBeFocused();
    await expect(settings.form, combination).not.toContainText(pattern);
  }
});

test('a missing password is no warning before its field was left', async ({ page }) => {
  const settings = await console.settings(page);
  const warning = settings.form.getByText('Signing in needs a password');
  await settings.fill({ 'User Name': 'alerts', 'Connection Type': 'TLS', 'Authentication Type': 'Plain' });
  // Another warning beside the same field shows that warnings are up to date.
  await settings.fill({ 'User Name': '' });
  await expect(settings.form.getByText('Signing in needs a user name.')).toBeVisible();
  await settings.fill({ 'User Name': 'alerts' });
  await expect(settings.form.getByText('Signing in needs a user name.')).toBeHidden();
  await expect(warning, 'the field was not entered').toHaveCount(0);

  await settings.field('Password').focus();
  await expect(warning, 'the field has the focus').toHaveCount(0);
  await settings.field('Password').pressSequentially('secret');
  await settings.field('Password').fill('');
  await expect(warning, 'the password is being typed').toHaveCount(0);
  await settings.field('User Name').focus();
  await expect(warning).toBeVisible();
  await settings.fill({ Password: 'secret' });
  await expect(warning).toHaveCount(0);
});

const COMPLETE: FieldValues = { 'Email Address': 'alerts@example.org', 'Host Name': 'smtp.example.org', Port: '587' };

test('more options are collapsed and show how many are set', async ({ page }) => {
  const settings = await console.settings(page);
  for (const name of OPTIONS) {
    await expect(settings.field(name)).toBeHidden();
  }
  await settings.moreOptions();
  for (const name of OPTIONS) {
    await expect(settings.field(name)).toBeVisible();
  }
  await expect(settings.field('Connect Time-out')).toHaveValue('5');
  await expect(settings.field('Command Time-out')).toHaveValue('15');
  await expect(settings.field('Certificate Check')).toHaveValue('Verify');
  await expect(settings.field('Password Without Encryption')).not.toBeChecked();
  await settings.save({ ...COMPLETE, 'From Name': 'Grüße 🚪', 'EHLO Name': 'gate.example.org' });
  await page.reload();
  await settings.waitForHydration();
  await expect(settings.form).toContainText('2 set');
  const { from_address, smtp_from_name, smtp_ehlo_name } = (await console.server.read()).json.data;
  expect([from_address, smtp_from_name, smtp_ehlo_name]).toEqual(['alerts@example.org', 'Grüße 🚪', 'gate.example.org']);
});
