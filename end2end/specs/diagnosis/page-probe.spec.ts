//! Console: settings of a known provider, and settings found by a probe.

import type { Locator } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { selfSigned } from '../../support/relays/certificate.ts';
import type { EmailPage } from '../../support/pages/email-page.ts';
import { Queue } from '../../support/queue.ts';
import { Relay } from '../../support/relays/relay.ts';
import { tcpRelay } from '../../support/relays/tcp-relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

/** An address of this spec: the machine may have a relay at 127.0.0.1. */
const HOST = '127.0.77.1';

let console: TestConsole;

test.beforeAll(async () => {
  console = await TestConsole.start();
});

test.afterAll(() => console?.stop());

const findButton = (settings: EmailPage): Locator => settings.form.getByRole('button', { name: 'Find settings' });

/** A row of the table, by its port and connection type. */
function candidateRow(settings: EmailPage, port: number, type: string): Locator {
  const cell = (text: string) => settings.page.getByRole('cell', { name: text, exact: true });
  return settings.form.getByRole('row').filter({ has: cell(String(port)) }).filter({ has: cell(type) });
}

async function expectFilledIn(settings: EmailPage, host: string, port: string, type: string, authentication: string): Promise<void> {
  await expect(settings.field('Host Name')).toHaveValue(host);
  await expect(settings.field('Port')).toHaveValue(port);
  await expect(settings.field('Connection Type')).toHaveValue(type);
  await expect(settings.field('Authentication Type')).toHaveValue(authentication);
}

test('a provider fills the form in and shows its note', async ({ page }, info) => {
  const settings = await console.settings(page);
  const provider = settings.form.getByLabel('Provider', { exact: true });
  await settings.fill({ 'Email Address': 'me@example.org' });
  await provider.selectOption('SendGrid');
  await expectFilledIn(settings, 'smtp.sendgrid.net', '465', 'SSL', 'Plain');
  await expect(settings.field('User Name')).toHaveValue('apikey');
  await expect(settings.form).toContainText('The user name is the word apikey itself');
  await provider.selectOption('Gmail and Google Workspace');
  await expectFilledIn(settings, 'smtp.gmail.com', '465', 'SSL', 'Plain');
  await expect(settings.field('User Name')).toHaveValue('me@example.org');
  await settings.fill({ 'User Name': 'AKIAIOSFODNN7EXAMPLE' });
  await provider.selectOption('Amazon SES, eu-central-1');
  await expectFilledIn(settings, 'email-smtp.eu-central-1.amazonaws.com', '465', 'SSL', 'Plain');
  await expect(settings.field('User Name'), 'the user name is kept').toHaveValue('AKIAIOSFODNN7EXAMPLE');
  await expectAccessible(page, info, 'provider');
  await provider.selectOption('A relay on this machine');
  await expectFilledIn(settings, 'localhost', '25', 'None', 'None');
  await expect(settings.field('User Name')).toHaveValue('');
  await provider.selectOption('Another, or one of your own');
  await expect(settings.form).not.toContainText('Postfix');
  await settings.expectVerification('Not set up yet Unsaved changes');
});

test('the WebAssembly contains no provider presets', async ({ page }) => {
  const loaded = page.waitForResponse(/_bg\.wasm/);
  await console.settings(page);
  const wasm = (await (await loaded).body()).toString('latin1');
  expect(wasm).toContain('Find settings');
  expect(wasm).not.toContain('sendgrid');
});

test('settings are found, used and verified', async ({ page }, info) => {
  const certificate = console.authority.issue(HOST);
  const relay = await Relay.start({ host: HOST, tls: 'implicit', certificate, auth: ['LOGIN'], users: { 'me@example.org': 'right' } });
  const settings = await console.settings(page);
  await settings.fill({ 'Email Address': 'me@example.org', 'Host Name': HOST, Port: String(relay.port) });
  await findButton(settings).click();
  await expect(settings.form).toContainText('Settings were found.');
  await expect(candidateRow(settings, relay.port, 'SSL')).toContainText('works, TLS 1.3, recommended');
  await expect(candidateRow(settings, 465, 'SSL')).toBeVisible();
  expect(relay.attempts.all, 'no sign-in').toEqual([]);
  await expectAccessible(page, info, 'found');
  await settings.form.getByRole('button', { name: 'Use these settings' }).click();
  await expectFilledIn(settings, HOST, String(relay.port), 'SSL', 'Login');
  await expect(settings.field('User Name')).toHaveValue('me@example.org');
  await expect(settings.field('Host Name')).toBeFocused();
  await settings.fill({ Password: 'right' });
  await settings.test();
  await expect(settings.testSection).toContainText('Sent in');
  await relay.stop();
});

test('without a host the domain of the address is looked up', async ({ page }) => {
  const relay = await Relay.start({ host: HOST, tls: 'starttls', certificate: selfSigned(HOST), auth: ['PLAIN'] });
  const settings = await console.settings(page);
  await settings.fill({ 'Email Address': `me@[${HOST}]`, Port: String(relay.port) });
  await findButton(settings).click();
  await expect(candidateRow(settings, relay.port, 'TLS')).toContainText('works, but the certificate does not pass');
  await expect(settings.form).toContainText('or the certificate is trusted for this relay');
  await settings.form.getByRole('button', { name: 'Use these settings' }).click();
  await expectFilledIn(settings, HOST, String(relay.port), 'TLS', 'Plain');
  await expect(settings.field('User Name')).toHaveValue(`me@[${HOST}]`);
  await relay.stop();
});

test('a running probe is shown and cancelled', async ({ page }) => {
  const closed = new Queue<string>();
  const relay = await tcpRelay((socket) => socket.once('close', () => closed.push('left')));
  const settings = await console.settings(page);
  await settings.fill({ 'Host Name': '127.0.0.1', Port: String(relay.port) });
  await findButton(settings).click();
  await relay.connections.next();
  await expect(candidateRow(settings, relay.port, 'SSL')).toContainText('trying');
  await settings.form.getByRole('button', { name: 'Cancel' }).click();
  await expect(settings.form).toContainText('Cancelled.');
  await expect(findButton(settings)).toBeFocused();
  await closed.next();
  await expect(settings.form.getByRole('button', { name: 'Use these settings' })).toHaveCount(0);
  await relay.stop();
});

test('a missing field has its fault beside it', async ({ page }) => {
  const settings = await console.settings(page);
  await findButton(settings).click();
  await expect(settings.field('Host Name')).toHaveAttribute('aria-invalid', 'true');
  expect(await settings.fault('Host Name')).toContain('Enter the host name of the relay, or the e-mail address');
  await settings.fill({ 'Host Name': 'a b', Port: '0' });
  await findButton(settings).click();
  await expect(settings.field('Port')).toHaveAttribute('aria-invalid', 'true');
  await expect(settings.form).toContainText('The test could not be started. Correct the marked fields and try again.');
});
