//! Console: limits of accounts and tokens, set by an administrator, and what is left of them.

import type { Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { bearer, mail, postMessage, submit } from '../../support/mail/messages.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { parseResponse } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

let console: TestConsole;

test.beforeAll(async () => {
  console = await TestConsole.start();
});

test.afterAll(() => console?.stop());

/** Opens the page of an account as an administrator. */
async function openAccount(page: Page, email: string): Promise<void> {
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/accounts`);
  await page.getByRole('link', { name: email }).click();
  await expect(page.getByRole('heading', { level: 1, name: email })).toBeVisible();
}

test('an administrator limits an account, and its mail beyond the limit is refused until it goes again', async ({ page, browser }, info) => {
  // Looks at several pages in each width and scheme.
  test.slow();
  const token = bearer(await console.server.createAccount('mara@example.org', 'user'));
  await openAccount(page, 'mara@example.org');
  const limits = page.getByRole('region', { name: 'Limits' });
  await expect(limits).toContainText('No limits.');
  await limits.getByRole('link', { name: 'Change limits' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Limits of mara@example.org' })).toBeVisible();
  await limits.getByLabel('Mails a minute').fill('many');
  await limits.getByLabel('Recipients a mail').fill('1');
  await limits.getByRole('button', { name: 'Save limits' }).click();
  await expect(limits.getByLabel('Mails a minute')).toHaveAccessibleDescription('Enter a whole number, or nothing.');
  await expect(limits.getByLabel('Mails a minute'), 'what was typed is kept').toHaveValue('many');
  await expect(limits.getByLabel('Recipients a mail')).toHaveValue('1');
  await expectAccessible(page, info, 'limits-with-faults');
  await limits.getByLabel('Mails a minute').fill('100');
  await limits.getByLabel('Mails an hour').fill('0');
  await limits.getByRole('button', { name: 'Save limits' }).click();
  await expect(limits.getByLabel('Mails an hour')).toHaveAccessibleDescription(/1 to 100000000/);
  await limits.getByLabel('Mails an hour').fill('2');
  await limits.getByRole('button', { name: 'Save limits' }).click();
  await expect(page.getByRole('status')).toHaveText('The limits of mara@example.org are changed.');
  await expect(limits).toContainText('2 of 2 left');

  const refused = await postMessage(console.server, mail({ from: 'mara@example.org', to: ['a@example.org', 'b@example.org'] }), token);
  expect(refused.status).toBe(422);
  expect(refused.json.errors.to).toContain('at most 1');
  await submit(console.server, mail({ from: 'mara@example.org' }), token);
  await submit(console.server, mail({ from: 'mara@example.org' }), token);
  const third = await postMessage(console.server, mail({ from: 'mara@example.org' }), token);
  expect(third.status, third.text).toBe(429);
  expect(third.json.errors.request).toMatch(/^This account sends at most 2 messages an hour, and the next mail is accepted from \d{4}-/);
  expect(Number(third.headers['retry-after'])).toBeGreaterThan(60);

  await page.goto(page.url());
  await expect(limits).toContainText(/0 of 2 left, the next at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/);
  await expectAccessible(page, info, 'account-with-limits');

  const person = await (await browser.newContext()).newPage();
  await console.signInBrowser(person.context(), 'mara@example.org');
  await person.goto(`${console.url}/account`);
  const own = person.getByRole('region', { name: 'Limits' });
  await expect(own).toContainText(/0 of 2 left, the next at/);
  await expect(own).toContainText('at most 1');
  await expect(own.getByRole('link'), 'only administrators change them').toHaveCount(0);
  await expectAccessible(person, info, 'own-limits');
  const forbidden = await person.goto(`${console.url}/accounts/limits?account=${page.url().split('/').pop()}`);
  expect(forbidden?.status()).toBe(403);
  await person.context().close();

  // Without limits the mail goes again at once.
  await limits.getByRole('link', { name: 'Change limits' }).click();
  for (const label of ['Mails a minute', 'Mails an hour', 'Recipients a mail']) {
    await limits.getByLabel(label).fill('');
  }
  await limits.getByRole('button', { name: 'Save limits' }).click();
  await expect(limits).toContainText('No limits.');
  await submit(console.server, mail({ from: 'mara@example.org' }), token);
});

test('a token gets limits when it is made, and an administrator changes them', async ({ page, browser }, info) => {
  await console.server.createAccount('tove@example.org', 'user');
  const person = await (await browser.newContext()).newPage();
  await console.signInBrowser(person.context(), 'tove@example.org');
  await person.goto(`${console.url}/account`);
  await expect(person.getByRole('region', { name: 'Limits' }), 'the account has none').toHaveCount(0);
  await person.getByRole('link', { name: 'Manage API tokens' }).click();
  const tokens = person.getByRole('main');
  await tokens.getByLabel('Name of the token').fill('billing');
  await tokens.getByLabel('Mails a day').fill('1.5');
  await tokens.getByRole('button', { name: 'Create token' }).click();
  await expect(tokens.getByLabel('Mails a day')).toHaveAccessibleDescription('Enter a whole number, or nothing.');
  await tokens.getByLabel('Mails a day').fill('1');
  await tokens.getByRole('button', { name: 'Create token' }).click();
  const secret = bearer((await tokens.getByRole('status').locator('code').innerText()).trim());
  const row = tokens.getByRole('listitem').filter({ hasText: 'billing' });
  await expect(row).toContainText('Mails a day: 1 of 1 left');
  await submit(console.server, mail({ from: 'tove@example.org' }), secret);
  const second = await postMessage(console.server, mail({ from: 'tove@example.org' }), secret);
  expect(second.status, second.text).toBe(429);
  expect(second.json.errors.request).toMatch(/^This token sends at most 1 message a day/);
  await person.goto(`${console.url}/account/tokens`);
  await expect(row).toContainText('Mails a day: 0 of 1 left');
  await person.context().close();

  await openAccount(page, 'tove@example.org');
  await page.getByRole('link', { name: 'Limits of billing' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Limits of the token billing' })).toBeVisible();
  await expectAccessible(page, info, 'limits-of-a-token');
  await page.getByLabel('Mails a day').fill('2');
  await page.getByRole('button', { name: 'Save limits' }).click();
  await expect(page.getByRole('status')).toHaveText('The limits of billing are changed.');
  await submit(console.server, mail({ from: 'tove@example.org' }), secret);
  const { data } = parseResponse(await console.server.request('/api/limits', { headers: secret })).json;
  expect(data).toMatchObject({ token: { messages: [{ period: 'day', limit: 2, left: 0 }] } });
});

test('the command line sets and prints limits', async () => {
  await console.server.createAccount('ida@example.org', 'user');
  const run = async (...args: string[]) => console.server.command(['account', 'limits', 'ida@example.org', ...args]);
  expect((await run()).stdout).toBe('no limits\n');
  const set = await run('--max-per-day', '5', '--max-recipients', '3');
  expect(set.stdout).toBe('5 messages a day: 5 left\n3 recipients a message\n');
  expect((await run('--max-per-day', '6')).stdout).toBe('6 messages a day: 6 left\n3 recipients a message\n');
  expect((await run('--max-per-hour', '0')).code).not.toBe(0);
  expect((await run('--replace')).stdout).toBe('no limits\n');
  const made = await console.server.command(['token', 'create', '--account', 'ida@example.org', '--name', 'app', '--max-per-minute', '2']);
  expect(made.stdout).toMatch(/^postern_/);
  expect((await console.server.command(['token', 'list'])).stdout).toMatch(/ida@example\.org {2}app .*at most 2 messages a minute/);
});
