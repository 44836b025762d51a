//! Takes the screenshot of the README; `POSTERN_PICTURE` names the file to write.

import { House } from '../support/browser.ts';
import { Relay } from '../support/relay.ts';
import { expect, test } from '../support/test.ts';

const path = process.env.POSTERN_PICTURE;

test('the settings, with a test email that arrived', async ({ page }) => {
  test.skip(path === undefined, 'only where POSTERN_PICTURE says where to');
  const house = await House.start();
  await house.console.account('mara@example.org', 'admin');
  const relay = await Relay.start({
    tls: 'starttls',
    certificate: house.authority.issue('smtp.localhost'),
    auth: ['PLAIN'],
    users: { 'alerts@example.org': 'not in the picture' },
    // A privileged port: requires root.
    port: 587,
  });
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await page.setViewportSize({ width: 1280, height: 800 });
  const settings = await house.settings(page, 'mara@example.org');
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
  await settings.awake();
  await settings.test('mara@example.org');
  await expect(settings.testing).toContainText('Sent in');
  await settings.expectState(/^Verified/);

  const box = await settings.testing.boundingBox();
  const height = await page.evaluate((bottom) => Math.ceil(bottom + window.scrollY), (box?.y ?? 0) + (box?.height ?? 0));
  await page.setViewportSize({ width: 1280, height: height + 32 });
  await page.mouse.move(0, 0);
  await page.evaluate(() => {
    (document.activeElement as HTMLElement | null)?.blur();
    window.scrollTo(0, 0);
  });
  await page.screenshot({ path, animations: 'disabled' });
  await relay.stop();
  await house.stop();
});
