//! Console: adding, listing and removing trusted certificates.

import type { Locator } from '@playwright/test';
import { CertificateAuthority, selfSigned } from '../../support/relays/certificate.ts';
import type { EmailPage } from '../../support/pages/email-page.ts';
import { Relay } from '../../support/relays/relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

const RELAY = { 'Email Address': 'alerts@example.org', 'Host Name': 'smtp.example.org', Port: '587' };

let console: TestConsole;
/** A CA outside the trust store. */
let authority: CertificateAuthority;

test.beforeAll(async () => {
  authority = new CertificateAuthority();
  console = await TestConsole.start();
});

test.afterAll(() => console?.stop());

class Trusting {
  readonly box: Locator;
  readonly add: Locator;
  readonly listed: Locator;

  constructor(readonly settings: EmailPage) {
    this.box = settings.form.getByLabel('Trusted Certificates', { exact: true });
    this.add = settings.form.getByRole('button', { name: 'Add CA certificate' });
    this.listed = settings.form.getByRole('listitem').filter({ hasText: 'Valid until' });
  }

  async paste(text: string): Promise<void> {
    await this.box.fill(text);
    await this.add.click();
  }

  async expectFault(text: string): Promise<void> {
    await expect(this.settings.page.locator('#smtp_trusted_certificates-fault')).toContainText(text);
  }
}

test('a CA certificate is pasted, listed, saved and removed', async ({ page }) => {
  const settings = await console.settings(page);
  await settings.fill(RELAY);
  await settings.moreOptions();
  const trusting = new Trusting(settings);
  await expect(trusting.box).toBeHidden();
  await settings.fill({ 'Certificate Check': 'Trusted' });
  await settings.submit.click();
  await expect(trusting.box).toBeFocused();
  await trusting.expectFault('Add a certificate to trust');

  await trusting.box.fill(authority.cert);
  await trusting.add.click();
  await expect(trusting.listed).toHaveCount(1);
  await expect(trusting.listed).toContainText('CN=Test Authority');
  await expect(trusting.listed).toContainText(/[0-9A-F]{2}(:[0-9A-F]{2}){31}/);
  await expect(trusting.box).toHaveValue('');
  expect(await console.revision()).toBe(0);
  await settings.save();

  await page.reload();
  await settings.waitForHydration();
  await settings.moreOptions();
  await expect(trusting.listed).toHaveCount(1);
  await trusting.paste(new CertificateAuthority().cert);
  await expect(trusting.listed).toHaveCount(2);
  await settings.undo.click();
  await expect(trusting.listed).toHaveCount(1);
  await trusting.listed.getByRole('button', { name: 'Remove' }).click();
  await expect(trusting.box).toBeFocused();
  await expect(trusting.listed).toHaveCount(0);
  await settings.save({ 'Certificate Check': 'Verify' });
  await expect(trusting.box).toBeHidden();
});

test('an invalid CA certificate is refused beside the box', async ({ page }) => {
  const settings = await console.settings(page);
  await settings.fill({ ...RELAY, 'Certificate Check': 'Trusted' });
  const trusting = new Trusting(settings);
  const requests: string[] = [];
  page.on('request', (request) => requests.push(request.postData() ?? ''));
  const own = selfSigned('127.0.0.1');
  for (const [text, expected] of [
    ['a certificate', 'not PEM'],
    [authority.issue('127.0.0.1').cert, 'not a CA certificate'],
    [own.cert.replaceAll('CERTIFICATE-', 'CERTIFICATE REQUEST-'), 'a certificate request'],
    [own.cert.replace('\nMII', '\nMIJ'), 'cannot be read'],
    [own.key + own.cert, 'private key'],
  ] as const) {
    await trusting.paste(text);
    await trusting.expectFault(expected);
    await expect(trusting.box).toBeFocused();
    await expect(trusting.listed).toHaveCount(0);
  }
  expect(requests.join('\n'), 'the request was recorded').toContain('BEGIN CERTIFICATE REQUEST');
  expect(requests.join('\n'), 'the key stayed in the browser').not.toContain('PRIVATE KEY');
});

test('a pasted chain is kept, and the list shows the use of each certificate', async ({ page }) => {
  const settings = await console.settings(page);
  await settings.fill({ ...RELAY, 'Certificate Check': 'Trusted' });
  const trusting = new Trusting(settings);
  await trusting.paste(authority.issue('127.0.0.1').cert + authority.cert);
  await expect(trusting.listed).toHaveCount(2);
  await expect(trusting.listed.first()).toContainText('Trusted as: this exact certificate');
  await expect(trusting.listed.last()).toContainText('Trusted as: CA');
});

test('a certificate is read from a file', async ({ page }) => {
  const settings = await console.settings(page);
  await settings.fill({ ...RELAY, 'Certificate Check': 'Trusted' });
  const trusting = new Trusting(settings);
  await settings.form.getByLabel('Choose a file').setInputFiles(authority.file);
  await expect(trusting.listed).toHaveCount(1);
});

test('a certificate of a test can be trusted, which requires the password again', async ({ page }) => {
  const users = { me: 'right' };
  const certificate = authority.issue('mail.example.net');
  const relay = await Relay.start({ tls: 'implicit', certificate, auth: ['PLAIN'], users });
  const settings = await console.settings(page);
  await settings.save({
    ...RELAY,
    'Host Name': relay.host,
    Port: String(relay.port),
    'Connection Type': 'SSL',
    'Authentication Type': 'Plain',
    'User Name': 'me',
    Password: 'right',
  });
  await settings.test();
  await settings.testSection.getByRole('button', { name: 'Trust this certificate' }).click();
  const trusting = new Trusting(settings);
  await expect(trusting.listed).toContainText('CN=mail.example.net');
  await expect(trusting.box).toBeFocused();
  await expect(settings.field('Certificate Check')).toHaveValue('Trusted');
  await expect(settings.form).toContainText('Re-enter the password for these');
  await settings.fill({ Password: 'right' });
  await settings.test();
  expect((await relay.mails.next()).encrypted).toBe(true);
  await relay.stop();
});
