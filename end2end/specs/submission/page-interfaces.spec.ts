//! Console: the interfaces that are open and closed, and the settings of applications to copy.

import { realpathSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { bearer, mail, submit } from '../../support/mail/messages.ts';
import { binary } from '../../support/program/program.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { parseResponse } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

let console: TestConsole;

test.beforeAll(async () => {
  console = await TestConsole.start();
});

test.afterAll(() => console?.stop());

async function openInterfaces(page: Page): Promise<void> {
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/accounts`);
  await page.getByRole('navigation', { name: 'Console' }).getByRole('link', { name: 'Interfaces' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Interfaces');
}

test('an administrator sees where programs reach Postern, and who came last', async ({ page }, info) => {
  // Looks at the page in each width and scheme.
  test.slow();
  const token = bearer(await console.server.createAccount('mara@example.org', 'user'));
  await submit(console.server, mail({ from: 'mara@example.org' }), token);
  await openInterfaces(page);
  const http = page.getByRole('region', { name: 'Open' }).getByRole('listitem').filter({ hasText: 'HTTP' });
  await expect(http).toContainText(new URL(console.url).host);
  await expect(http).toContainText(`Not encrypted. Users reach it at ${console.url}.`);
  await expect(http).toContainText(/Last used \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC by mara@example\.org/);
  const submission = page.getByRole('region', { name: 'Closed' }).getByRole('listitem').filter({ hasText: /^SMTP submission(?! with)/ });
  await expect(submission).toContainText('Opened by --submission 127.0.0.1:2525');
  await expect(page.getByText('without encryption'), 'nothing is exposed').toHaveCount(0);

  const applications = page.getByRole('region', { name: 'Settings for applications' });
  await expect(applications.locator('summary')).toHaveText([
    'PHP: mail()',
    'PHP: PHPMailer',
    'cron',
    'Django',
    'Rails',
    'Nextcloud',
    'GitLab',
    'WordPress',
    'Node: nodemailer',
    'Python: smtplib',
    'Postfix',
    'Exim',
    'curl: HTTP',
  ]);
  for (const summary of await applications.locator('summary').all()) {
    await summary.click();
  }
  const program = realpathSync(binary());
  const php = applications.getByRole('group', { name: 'PHP: mail()', exact: true });
  await expect(php).toContainText(`${program} sendmail -t -i"`);
  const cron = applications.getByRole('group', { name: 'cron', exact: true });
  await expect(cron).toContainText(`ln -s ${program} /usr/sbin/sendmail`);
  const django = applications.getByRole('group', { name: 'Django', exact: true });
  await expect(django).toContainText('EMAIL_HOST = "127.0.0.1"');
  await expect(django).toContainText('EMAIL_HOST_USER = "admin@example.org"');
  await expect(applications.locator('details').filter({ hasText: 'Django' })).toContainText('start Postern with --submission 127.0.0.1:2525 first');
  await expect(applications.getByRole('group', { name: 'curl: HTTP', exact: true })).toContainText(`curl ${console.url}/api/messages/send-email`);
  await expectAccessible(page, info, 'interfaces');
});

test('a listener that other machines reach without TLS is warned of', async ({ page }, info) => {
  test.slow();
  const exposed = await TestConsole.start({ POSTERN_SUBMISSION: '0.0.0.0:0' });
  await exposed.signInBrowser(page.context());
  await page.goto(`${exposed.url}/interfaces`);
  const submission = page.getByRole('region', { name: 'Open' }).getByRole('listitem').filter({ hasText: 'SMTP submission' });
  await expect(submission).toContainText('Exposed');
  await expect(submission).toContainText('0.0.0.0:');
  await expect(page.getByText('SMTP submission can be reached from other machines without encryption')).toBeVisible();
  await expectAccessible(page, info, 'interfaces-exposed');
  await exposed.stop();
});

test('the API lists the same', async () => {
  const listed = parseResponse(await console.server.request('/api/interfaces'));
  expect(listed.status, listed.text).toBe(200);
  const http = { kind: 'http', address: new URL(console.url).host, encryption: 'none', loopback: true, exposed: false, last_used_by: 'admin@example.org' };
  const submission = { kind: 'submission', opened_by: '--submission 127.0.0.1:2525' };
  expect(listed.json.data).toMatchObject({
    public_url: console.url,
    open: expect.arrayContaining([expect.objectContaining(http)]),
    closed: expect.arrayContaining([submission]),
  });
});

test('interfaces are for administrators', async ({ page, consoleErrors }) => {
  consoleErrors.allow(/status of 403/);
  await console.server.createAccount('tove@example.org', 'user');
  await console.signInBrowser(page.context(), 'tove@example.org');
  const forbidden = await page.goto(`${console.url}/interfaces`);
  expect(forbidden?.status()).toBe(403);
  await expect(page.getByRole('link', { name: 'Interfaces' })).toHaveCount(0);
});
