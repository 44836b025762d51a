//! Console: From domains, checked over DNS, and DKIM keys, made, activated and removed.

import type { Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { keys, makeKey, record } from '../../support/pages/domains-page.ts';
import { mail, submit } from '../../support/mail/messages.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

/** No resolver is asked for it (RFC 6761 section 6.4): it has no records. */
const DOMAIN = 'mail.invalid';

let console: TestConsole;

test.beforeAll(async () => {
  console = await TestConsole.start();
});

test.afterAll(() => console?.stop());

async function openDomains(page: Page): Promise<void> {
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/accounts`);
  await page.getByRole('navigation', { name: 'Console' }).getByRole('link', { name: 'Domains' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Domains');
}

async function openDomain(page: Page): Promise<void> {
  await openDomains(page);
  await page.getByRole('searchbox', { name: 'Domain' }).fill(DOMAIN);
  await page.getByRole('button', { name: 'Check' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(DOMAIN);
}

async function sourceOf(id: string): Promise<string> {
  return (await console.server.request(`/api/messages/${id}/source`)).text;
}

test('a domain is checked, and its mail signed with a key that is made there', async ({ page }, info) => {
  // Looks at several pages in each width and scheme.
  test.slow();
  await openDomains(page);
  const ofAccounts = page.getByRole('main').getByRole('listitem').filter({ hasText: 'example.org' });
  await expect(ofAccounts).toContainText('Used by the address of an account');
  await expect(page.getByText('Programs that may send from any address may use other domains')).toBeVisible();
  await expectAccessible(page, info, 'domains-of-accounts');
  await openDomain(page);
  await expect(record(page, 'SPF')).toContainText('There is no SPF record');
  await expect(record(page, 'SPF').locator('code').first()).toHaveText('v=spf1 ~all');
  await expect(record(page, 'DKIM')).toContainText('Postern signs no mail of this domain.');
  await expect(record(page, 'DMARC')).toContainText('v=DMARC1; p=none');
  await expect(record(page, 'MX')).toContainText('The domain receives no mail');
  await expect(page.getByText('This domain has no key.')).toBeVisible();

  const selector = await makeKey(page, 'RSA');
  await expect(keys(page)).toContainText(`${selector}._domainkey.${DOMAIN}`);
  await expect(keys(page)).toContainText('v=DKIM1; k=rsa; p=');
  await expect(record(page, 'DKIM').filter({ hasText: selector })).toContainText('The new key signs nothing yet.');
  await page.getByRole('button', { name: `Activate: ${selector}` }).click();
  await expect(page.getByRole('alert')).toContainText(`The record of this key is not in DNS at ${selector}._domainkey.${DOMAIN}.`);
  await expectAccessible(page, info, 'domain-with-a-pending-key');
  const [unsigned] = await submit(console.server, mail({ from: `alerts@${DOMAIN}` }));
  expect(await sourceOf(unsigned!)).not.toContain('DKIM-Signature');

  await page.getByRole('button', { name: `Activate without its record: ${selector}` }).click();
  await expect(page.getByRole('status')).toHaveText(`The key ${selector} signs the mail of this domain from now on.`);
  await expect(keys(page)).toContainText('Signs');
  await expect(record(page, 'DKIM')).toContainText('its record is not in DNS');
  await expectAccessible(page, info, 'domain-with-an-active-key');
  const [signed] = await submit(console.server, mail({ from: `alerts@${DOMAIN}` }));
  const source = await sourceOf(signed!);
  expect(source).toMatch(/^DKIM-Signature: v=1; a=rsa-sha256; c=relaxed\/relaxed;\r\n/);
  expect(source).toContain(`d=${DOMAIN}; s=${selector};`);

  // Another key takes its place.
  const second = await makeKey(page, 'RSA');
  await page.getByRole('button', { name: `Activate without its record: ${second}` }).click();
  await expect(keys(page).filter({ hasText: selector })).toContainText('Replaced');
  await expect(keys(page).filter({ hasText: second })).toContainText('Signs');
  await page.getByRole('link', { name: 'All domains' }).click();
  const row = page.getByRole('main').getByRole('listitem').filter({ hasText: DOMAIN });
  await expect(row).toContainText('Used by a DKIM key');
  await expect(row).toContainText('SPF: wrong');
  await expectAccessible(page, info, 'domains');

  await row.getByRole('link', { name: DOMAIN }).click();
  for (const key of [selector, second]) {
    await page.getByRole('link', { name: `Remove: ${key}` }).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(`Remove the key ${key} of ${DOMAIN}?`);
    if (key === second) {
      await expectAccessible(page, info, 'domain-remove-key');
    }
    await page.getByRole('button', { name: 'Remove key' }).click();
    await expect(page.getByRole('status')).toHaveText(`The key ${key} is removed.`);
  }
  await expect(page.getByText('This domain has no key.')).toBeVisible();
});

test('what is no domain is refused, and domains are for administrators', async ({ page }) => {
  await openDomains(page);
  await page.getByRole('searchbox', { name: 'Domain' }).fill('nothing');
  await page.getByRole('button', { name: 'Check' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('This request was refused');

  await console.server.createAccount('mara@example.org', 'user');
  await page.context().clearCookies();
  await console.signInBrowser(page.context(), 'mara@example.org');
  for (const path of ['/domains', `/domains/${DOMAIN}`]) {
    const forbidden = await page.goto(`${console.url}${path}`);
    expect(forbidden?.status(), path).toBe(403);
  }
  await expect(page.getByRole('link', { name: 'Domains' })).toHaveCount(0);
});

test('check-domain prints the same check', async () => {
  const text = await console.server.command(['check-domain', DOMAIN]);
  expect(text.code, text.stderr).toBe(1);
  expect(text.stdout).toContain(`SPF    fault    ${DOMAIN}`);
  expect(text.stdout).toContain('should be v=DMARC1; p=none');
  const json = await console.server.command(['check-domain', DOMAIN, '--json']);
  const check = JSON.parse(json.stdout) as { state: string; findings: { kind: string }[] };
  expect(check.state).toBe('fault');
  expect(check.findings.map(({ kind }) => kind)).toEqual(['spf', 'dkim', 'dmarc', 'mx']);
  const wrong = await console.server.command(['check-domain', 'no domain']);
  expect(wrong.code, wrong.stdout).toBe(2);
  expect(wrong.stderr).not.toBe('');
});
