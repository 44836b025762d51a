//! Console: from a failed diagnosis to a trusted certificate, saved settings and a test mail.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Locator } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { selfSigned } from '../../support/relays/certificate.ts';
import type { EmailPage } from '../../support/pages/email-page.ts';
import { NO_OWN_ADDRESS, OWN_ADDRESS } from '../../support/relays/own-address.ts';
import { Queue } from '../../support/queue.ts';
import { Relay } from '../../support/relays/relay.ts';
import { tcpRelay } from '../../support/relays/tcp-relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

/** An address of this spec: the machine may have a relay at 127.0.0.1. */
const HOST = '127.0.78.1';
const SECRET = 'correct horse battery staple';

let console: TestConsole;

test.beforeAll(async () => {
  console = await TestConsole.start();
});

test.afterAll(() => console?.stop());

/** A row of the waterfall. */
function stage(settings: EmailPage, title: string): Locator {
  return settings.testSection.getByRole('region', { name: 'Stages' }).getByRole('listitem').filter({ hasText: title }).last();
}

test('each stage shows its dialogue with secrets redacted', async ({ page }) => {
  const relay = await Relay.start({ auth: ['PLAIN'], users: { alerts: SECRET } });
  const settings = await console.settings(page, await console.createAdmin());
  await settings.fill({ 'Email Address': 'alerts@example.org', 'User Name': 'alerts', Password: SECRET });
  await settings.fill({ 'Host Name': '127.0.0.1', Port: String(relay.port), 'Authentication Type': 'Plain' });
  await settings.fill({ 'Certificate Check': 'Verify', 'Connection Type': 'None', 'Password Without Encryption': '1' });
  await settings.recipient.fill('me@example.net');
  await settings.diagnose.click();
  await expect(settings.testSection).toContainText('Every stage passed in');

  const dialogue = stage(settings, 'RCPT TO names the recipient').getByText('RCPT TO:<me@example.net>');
  await expect(dialogue).toBeHidden();
  await stage(settings, 'RCPT TO names the recipient').getByText('RCPT TO names the recipient').click();
  await expect(dialogue).toBeVisible();
  await stage(settings, 'EHLO introduces Postern').getByText('EHLO introduces Postern').click();
  await expect(stage(settings, 'EHLO introduces Postern')).toContainText('Sign-in mechanisms: PLAIN.');
  await stage(settings, 'AUTH sign-in').getByText('AUTH sign-in').click();
  await expect(stage(settings, 'AUTH sign-in')).toContainText('AUTH PLAIN […]');
  expect(await page.content()).not.toContain(Buffer.from(`\0alerts\0${SECRET}`).toString('base64'));
  await relay.stop();
});

test('the transcript is copied as text and downloaded as JSON', async ({ page }) => {
  const relay = await Relay.start();
  const settings = await console.settings(page, await console.createAdmin());
  await settings.fill({ 'Email Address': 'alerts@example.org', 'Host Name': '127.0.0.1', Port: String(relay.port) });
  await settings.diagnose.click();
  await settings.testSection.getByText('Transcript', { exact: true }).click();
  const transcript = settings.testSection.getByLabel('Transcript');
  await expect(transcript).toContainText(/TCP connection .*passed[^]*> EHLO example\.org/);

  await settings.testSection.getByRole('button', { name: 'Copy' }).click();
  await expect(settings.testSection.getByRole('button', { name: 'Copied' })).toBeVisible();
  await settings.recipient.fill('');
  await settings.recipient.press('ControlOrMeta+v');
  await expect(settings.recipient).toHaveValue(/^127\.0\.0\.1:\d+ +TCP connection/);

  const downloading = page.waitForEvent('download');
  await settings.testSection.getByRole('link', { name: 'Download JSON' }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toBe('postern-diagnosis.json');
  const document = JSON.parse(readFileSync(await download.path(), 'utf8'));
  expect(document).toMatchObject({ relay: `127.0.0.1:${relay.port}`, outcome: 'passed', not_reached: [] });
  await relay.stop();
});

test('replies of a relay are escaped', async ({ page }) => {
  const html = '<img src=x onerror=document.title=1><script>document.title=2</script></textarea><b>bold</b>';
  const relay = await tcpRelay((socket) => socket.write(`554 ${html}"'&lt;\r\n`));
  const settings = await console.settings(page, await console.createAdmin());
  await settings.fill({ 'Email Address': 'alerts@example.org', 'Host Name': '127.0.0.1', Port: String(relay.port) });
  await settings.diagnose.click();
  await expect(settings.testSection.getByText(html).first()).toBeVisible();
  await settings.testSection.getByText('Transcript', { exact: true }).click();
  await expect(settings.testSection.getByLabel('Transcript')).toContainText('</textarea><b>bold</b>');
  await expect(settings.testSection.locator('img, script, b')).toHaveCount(0);
  await expect(page).toHaveTitle(/Postern/);
  await relay.stop();
});

test('a cancelled diagnosis closes its connection', async ({ page }) => {
  const closed = new Queue<void>();
  const relay = await tcpRelay((socket) => socket.on('close', () => closed.push()));
  const settings = await console.settings(page, await console.createAdmin());
  await settings.fill({ 'Email Address': 'alerts@example.org', 'Host Name': '127.0.0.1', Port: String(relay.port) });
  await settings.diagnose.click();
  await relay.connections.next();
  await expect(stage(settings, 'Greeting of the relay')).toContainText('in progress');
  await settings.cancel.click();
  await closed.next();
  await expect(settings.testSection).toContainText('Cancelled. No message was sent.');
  await relay.stop();
});

test('beside the diagnosis of a relay on another machine the From domain has a section', async ({ page }, info) => {
  test.skip(OWN_ADDRESS === undefined, NO_OWN_ADDRESS);
  const host = OWN_ADDRESS ?? '';
  const relay = await Relay.start({ host });
  const settings = await console.settings(page, await console.createAdmin());
  await settings.fill({ 'Email Address': 'alerts@example.org', 'Host Name': host, Port: String(relay.port) });
  await settings.diagnose.click();
  await expect(settings.testSection).toContainText('Every stage passed in');
  const domain = settings.testSection.getByRole('region', { name: 'From domain example.org' });
  await expect(domain).toContainText('Whether receivers believe mail that leaves through this relay.');
  // The machine may have no DNS, and the diagnosis of a relay by its address does not wait for it.
  await expect(domain).toContainText(/SPF|DNS did not answer before the end of the diagnosis, so the domain was not checked\./);
  await expect(domain.getByRole('link', { name: 'Check the domain again' })).toHaveAttribute('href', '/domains/example.org');
  await expectAccessible(page, info, 'diagnosis-from-domain');
  await relay.stop();
});

// The last test, because it saves settings.
test('from a failed diagnosis over a trusted certificate to verified settings', async ({ page }, info) => {
  const certificate = selfSigned(HOST);
  const relay = await Relay.start({ host: HOST, tls: 'implicit', certificate, auth: ['LOGIN'], users: { alerts: SECRET } });
  const settings = await console.settings(page);
  await settings.fill({ 'Email Address': 'alerts@example.org', 'User Name': 'alerts', Password: SECRET });
  await settings.fill({ 'Host Name': HOST, Port: String(relay.port), 'Command Time-out': '1' });
  await settings.diagnose.click();
  await expect(settings.testSection).toContainText('No greeting: the port may expect SSL');
  await expect(stage(settings, 'Greeting of the relay')).toContainText('failed');
  await expect(stage(settings, 'MAIL FROM names the sender')).toContainText('not reached');

  await settings.fill({ 'Command Time-out': '15' });
  await settings.form.getByRole('button', { name: 'Find settings' }).click();
  await settings.form.getByRole('button', { name: 'Use these settings' }).click();
  await expect(settings.field('Connection Type')).toHaveValue('SSL');
  await expect(settings.field('Authentication Type')).toHaveValue('Login');

  await settings.diagnose.click();
  await expect(settings.testSection).toContainText('The certificate is self-signed');
  const securing = stage(settings, 'TLS handshake');
  await expect(securing).toContainText(new X509Certificate(certificate.cert).fingerprint256);
  await expect(securing).toContainText('TLS 1.3');
  await expectAccessible(page, info, 'diagnosis-failed');
  expect(relay.attempts.all, 'the password was not sent').toEqual([]);

  await settings.testSection.getByRole('button', { name: 'Trust this certificate' }).click();
  await expect(settings.field('Certificate Check')).toHaveValue('Trusted');
  await settings.diagnose.click();
  await expect(settings.testSection).toContainText('Every stage passed in');
  await expect(settings.testSection).toContainText('Nothing was sent');
  expect(relay.mails.all).toEqual([]);
  await expectAccessible(page, info, 'diagnosis-passed');

  await settings.save();
  await settings.test();
  await expect(settings.testSection).toContainText('Sent in');
  await settings.expectVerification(/^Verified/);
  expect((await relay.mails.next()).to).toEqual(['me@example.net']);
  await relay.stop();
});
