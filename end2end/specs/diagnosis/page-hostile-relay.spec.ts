//! Console: replies of a hostile relay are escaped on the page.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tlsRelay } from '../../support/relays/scripted-relay.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { expect, test } from '../../support/test.ts';

let console: TestConsole;

test.beforeAll(async () => {
  console = await TestConsole.start();
});

test.afterAll(() => console?.stop());

test('a certificate with long names that contain HTML', async ({ page }) => {
  const folder = temporaryFolder('certificate');
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const opensslArgs = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = ['-addext', `subjectAltName=DNS:<img src=x onerror=document.title=1>,DNS:${'a'.repeat(250)}`];
  const subjectArgs = ['-subj', `/O=${'w'.repeat(64)}/CN=<script>document.title=2<\\/script>`, ...names];
  execFileSync('openssl', [...opensslArgs, ...subjectArgs, '-keyout', key, '-out', cert], { stdio: 'pipe' });
  const relay = await tlsRelay({ key: readFileSync(key), cert: readFileSync(cert) });
  const settings = await console.settings(page);
  await settings.fill({ 'Email Address': 'alerts@example.org', 'Host Name': '127.0.0.1', Port: String(relay.port) });
  await settings.fill({ 'Connection Type': 'SSL' });
  await settings.diagnose.click();
  await expect(settings.testSection).toContainText('The certificate is self-signed');
  await expect(settings.testSection.locator('img, script')).toHaveCount(0);
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 800 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
  }
  await relay.stop();
});

test('a relay that requires a client certificate', async ({ page }) => {
  const { key, cert } = console.authority.issue('127.0.0.1');
  const wanting = { requestCert: true, rejectUnauthorized: true, ca: console.authority.cert };
  const relay = await tlsRelay({ key, cert, ...wanting, minVersion: 'TLSv1.3' });
  const settings = await console.settings(page, await console.createAdmin());
  await settings.fill({ 'Email Address': 'alerts@example.org', 'Host Name': '127.0.0.1', Port: String(relay.port) });
  await settings.fill({ 'Connection Type': 'SSL' });
  await settings.diagnose.click();
  await expect(settings.testSection).toContainText('The relay asks for a client certificate');
  await settings.testSection.getByText('TLS handshake', { exact: true }).click();
  await expect(settings.testSection.getByText('The relay asked for one; Postern has none.')).toBeVisible();
  await relay.stop();
});
