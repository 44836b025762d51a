//! Console: the sessions of all accounts, listed and ended by an administrator.

import type { Browser, Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { bearer } from '../../support/mail/messages.ts';
import { ADMIN, TestConsole } from '../../support/pages/test-console.ts';
import { parseResponse } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

let console: TestConsole;

test.beforeAll(async () => {
  console = await TestConsole.start();
});

test.afterAll(() => console?.stop());

/** A page of a browser that is signed in. */
async function signedIn(browser: Browser, email: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await console.signInBrowser(page.context(), email);
  await page.goto(`${console.url}/account`);
  await expect(page.getByText(`You are signed in as ${email}.`)).toBeVisible();
  return page;
}

/** Opens the list by the page of accounts. */
async function openSessions(page: Page): Promise<void> {
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/accounts`);
  await page.getByRole('link', { name: 'All sessions' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Sessions' })).toBeVisible();
}

async function search(page: Page, text: string): Promise<void> {
  const form = page.getByRole('search', { name: 'Sessions' });
  await form.getByLabel('Account contains').fill(text);
  await form.getByRole('button', { name: 'Search' }).click();
}

test('an administrator ends one session, and all of an account', async ({ page, browser }, info) => {
  // Looks at several pages in each width and scheme.
  test.slow();
  for (const email of ['mara@example.org', 'tove@example.org']) {
    await console.server.createAccount(email, 'user');
  }
  const maras = [await signedIn(browser, 'mara@example.org'), await signedIn(browser, 'mara@example.org')];
  const tove = await signedIn(browser, 'tove@example.org');
  await openSessions(page);
  const main = page.getByRole('main');
  const rows = main.getByRole('listitem');
  await expect(rows).toHaveCount(4);
  await expect(rows.filter({ hasText: ADMIN })).toContainText('This session');
  await expect(rows.filter({ hasText: ADMIN }).getByRole('button', { name: 'End the session' })).toHaveCount(0);
  await expect(rows.filter({ hasText: 'tove@example.org' })).toContainText('Chrome 150 on Linux from 127.0.0.1');
  await expectAccessible(page, info, 'sessions');

  await main.getByRole('button', { name: 'End the session of tove@example.org' }).click();
  await expect(page.getByRole('status')).toHaveText('The session is ended.');
  await expect(rows).toHaveCount(3);
  await tove.reload();
  await expect(tove).toHaveURL(/\/login/);

  await search(page, 'MARA@');
  await expect(rows).toHaveCount(2);
  await rows.first().getByRole('button', { name: 'End all of mara@example.org' }).click();
  await expect(page.getByRole('status')).toHaveText('2 sessions are ended.');
  for (const mara of maras) {
    await mara.reload();
    await expect(mara).toHaveURL(/\/login/);
    await mara.context().close();
  }
  await search(page, 'mara');
  await expect(main).toContainText('No account with such an address is signed in.');
  await expectAccessible(page, info, 'sessions-none');
  await page.getByRole('link', { name: 'Clear' }).click();
  await expect(rows).toHaveCount(1);
  await tove.context().close();
});

test('the others of the own account end, and the own session goes on', async ({ page, browser }) => {
  const other = await signedIn(browser, ADMIN);
  await openSessions(page);
  const rows = page.getByRole('main').getByRole('listitem');
  const own = rows.filter({ hasText: 'This session' });
  await own.getByRole('button', { name: `End the others of ${ADMIN}` }).click();
  await expect(page.getByRole('status')).toHaveText(/sessions? (is|are) ended\./);
  await expect(rows).toHaveCount(1);
  await other.reload();
  await expect(other).toHaveURL(/\/login/);
  await other.context().close();
});

test('a session that has ended already is reported, and users see nothing', async ({ page, browser }) => {
  await console.server.createAccount('ida@example.org', 'user');
  const ida = await signedIn(browser, 'ida@example.org');
  await openSessions(page);
  await ida.getByRole('button', { name: 'Sign out' }).click();
  await expect(ida).toHaveURL(/\/login/);
  await page.getByRole('button', { name: 'End the session of ida@example.org' }).click();
  await expect(page.getByRole('alert')).toHaveText('This session has ended already.');
  await console.signInBrowser(ida.context(), 'ida@example.org');
  const forbidden = await ida.goto(`${console.url}/accounts/sessions`);
  expect(forbidden?.status()).toBe(403);
  await expect(ida.getByText(ADMIN)).toHaveCount(0);
  await ida.context().close();
});

test('sessions are not for tokens', async () => {
  const token = bearer(await console.server.createAccount('robot@example.org', 'admin'));
  const refused = parseResponse(await console.server.request('/api/sessions', { headers: token }));
  expect(refused.status).toBe(403);
  expect(refused.json.errors.request).toContain('not for tokens');
});
