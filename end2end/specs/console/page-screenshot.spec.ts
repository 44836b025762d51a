//! Takes the screenshot of the README; `POSTERN_SCREENSHOT` names the file to write.

import { Relay } from '../../support/relays/relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { expect, test } from '../../support/test.ts';

const path = process.env.POSTERN_SCREENSHOT;

test('the settings, with a test email that arrived', async ({ page }) => {
  test.skip(path === undefined, 'POSTERN_SCREENSHOT is not set');
  const console = await TestConsole.start();
  await console.server.createAccount('mara@example.org', 'admin');
  const relay = await Relay.start({
    tls: 'starttls',
    certificate: console.authority.issue('smtp.localhost'),
    auth: ['PLAIN'],
    users: { 'alerts@example.org': 'not in the picture' },
    // A privileged port: requires root.
    port: 587,
  });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1280, height: 800 });
  const settings = await console.settings(page, 'mara@example.org');
  await settings.save({
    'Email Address': 'alerts@example.org',
    'User Name': 'alerts@example.org',
    Password: 'not in the picture',
    'Host Name': 'smtp.localhost',
    Port: String(relay.port),
    'Connection Type': 'TLS',
    'Authentication Type': 'Plain',
  });
  await page.reload();
  await settings.waitForHydration();
  await settings.test('mara@example.org');
  await expect(settings.testSection).toContainText('Sent in');
  await settings.expectVerification(/^Verified/);

  const box = await settings.testSection.boundingBox();
  const height = await page.evaluate((bottom) => Math.ceil(bottom + window.scrollY), (box?.y ?? 0) + (box?.height ?? 0));
  await page.setViewportSize({ width: 1280, height: height + 32 });
  await page.mouse.move(0, 0);
  await page.evaluate(() => {
    (document.activeElement as HTMLElement | null)?.blur();
    window.scrollTo(0, 0);
  });
  await page.screenshot({ path, animations: 'disabled' });
  await relay.stop();
  await console.stop();
});
