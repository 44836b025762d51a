//! Console: the networks of administrators, changed on the policy page, over REST and by command.

import type { Browser, Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { postForm } from '../../support/api/forms.ts';
import { bearer } from '../../support/mail/messages.ts';
import { ADMIN, TestConsole } from '../../support/pages/test-console.ts';
import { PASSWORD, parseResponse } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

const OFFICE = '192.0.2.7';
const ELSEWHERE = '203.0.113.9';
const REFUSED = /sign in and act from certain networks only/;

let console: TestConsole;

test.beforeAll(async () => {
  console = await TestConsole.start({ POSTERN_TRUSTED_PROXIES: '127.0.0.1' });
});

test.afterAll(() => console?.stop());

test.afterEach(async () => {
  const everywhere = await console.server.command(['policy', 'networks', '--everywhere']);
  expect(everywhere).toMatchObject({ code: 0, stdout: 'everywhere\n' });
});

/** A page of a browser at an address, as the proxy names it. */
async function pageFrom(browser: Browser, address: string): Promise<Page> {
  const context = await browser.newContext({ extraHTTPHeaders: { 'x-forwarded-for': address } });
  return context.newPage();
}

async function signIn(page: Page, email: string): Promise<void> {
  await page.goto(`${console.url}/login`);
  await page.getByLabel('Email address').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Waits until a change by a command is known to the server, which caches the networks for a second. */
async function expectStatus(page: Page, path: string, status: number): Promise<void> {
  await expect(async () => {
    const response = await page.goto(`${console.url}${path}`);
    expect(response?.status()).toBe(status);
  }).toPass();
}

test('the policy page asks again before it locks out who saves it', async ({ browser }, info) => {
  // Looks at several pages in each width and scheme.
  test.slow();
  const page = await pageFrom(browser, OFFICE);
  await signIn(page, ADMIN);
  await page.goto(`${console.url}/settings/policy`);
  const form = page.getByRole('region', { name: 'Networks of administrators' });
  await expect(form).toContainText(`Your own address is ${OFFICE}.`);
  await expect(form.getByLabel('Networks', { exact: true })).toHaveValue('');
  await form.getByLabel('Networks', { exact: true }).fill('office');
  await form.getByRole('button', { name: 'Save networks' }).click();
  await expect(form.getByLabel('Networks', { exact: true })).toHaveAccessibleDescription(/“office” is not a network/);
  await expect(form.getByRole('checkbox')).toHaveCount(0);

  await form.getByLabel('Networks', { exact: true }).fill('10.0.0.0/8, 2001:db8::/32');
  await form.getByRole('button', { name: 'Save networks' }).click();
  await expect(form.getByRole('alert')).toContainText(`Your own address ${OFFICE} is in none of these networks`);
  await expect(form.getByLabel('Networks', { exact: true }), 'what was typed is kept').toHaveValue('10.0.0.0/8, 2001:db8::/32');
  await expect(form.getByLabel('Save although my own address is locked out')).not.toBeChecked();
  await expectAccessible(page, info, 'policy-lockout');
  expect((await console.server.command(['policy', 'networks'])).stdout, 'nothing is saved').toBe('everywhere\n');

  await form.getByLabel('Networks', { exact: true }).fill('192.0.2.0/24 10.0.0.0/8');
  await form.getByRole('button', { name: 'Save networks' }).click();
  await expect(page.getByRole('status')).toHaveText('The networks of administrators are saved.');
  await expect(form.getByLabel('Networks', { exact: true })).toHaveValue('10.0.0.0/8, 192.0.2.0/24');
  await expectAccessible(page, info, 'policy-networks');

  await form.getByLabel('Networks', { exact: true }).fill('10.0.0.0/8');
  await form.getByRole('button', { name: 'Save networks' }).click();
  await form.getByLabel('Save although my own address is locked out').check();
  await form.getByRole('button', { name: 'Save networks' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Not from this network');
  // On the machine itself there is always a way back.
  await console.server.command(['policy', 'networks', '--everywhere']);
  await expectStatus(page, '/settings/policy', 200);
  await page.context().close();
});

test('an administrator from elsewhere reaches nothing, and other accounts are not affected', async ({ browser }, info) => {
  await console.server.createAccount('mara@example.org', 'user');
  const page = await pageFrom(browser, ELSEWHERE);
  await signIn(page, ADMIN);
  await expect(page.getByRole('link', { name: 'Accounts' })).toBeVisible();
  const set = await console.server.command(['policy', 'networks', '192.0.2.0/24', '10.0.0.0/8']);
  expect(set).toMatchObject({ code: 0, stdout: '10.0.0.0/8\n192.0.2.0/24\n' });
  await expectStatus(page, '/accounts', 403);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Not from this network');
  await expect(page.getByRole('alert')).toHaveText(REFUSED);
  await expect(page.getByText(/192\.0\.2|10\.0\.0/)).toHaveCount(0);
  await expect(page.getByRole('navigation')).toHaveCount(0);
  await expectAccessible(page, info, 'network-refused');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page).toHaveURL(`${console.url}/login`);

  await signIn(page, ADMIN);
  await expect(page.getByRole('alert')).toHaveText(REFUSED);
  const cookies = await page.context().cookies();
  expect(cookies.map(({ name }) => name), 'no session began').not.toContain('postern');
  await signIn(page, 'mara@example.org');
  await expect(page).toHaveURL(`${console.url}/home`);
  await page.context().close();

  const inside = await pageFrom(browser, OFFICE);
  await signIn(inside, ADMIN);
  await expect(inside.getByRole('link', { name: 'Accounts' })).toBeVisible();
  await inside.context().close();
});

test('REST asks for an explicit field, and refuses tokens of administrators from elsewhere', async () => {
  const token = bearer(await console.server.createAccount('second@example.org', 'admin'));
  const call = async (address: string, method: string, body?: unknown) =>
    parseResponse(
      await console.server.request('/api/policy/networks', {
        method,
        headers: { ...token, 'x-forwarded-for': address, 'content-type': 'application/json' },
        body: body === undefined ? undefined : JSON.stringify(body),
      }),
    );
  const networks = ['10.0.0.0/8'];
  const asked = await call(OFFICE, 'PUT', { networks });
  expect(asked.status).toBe(422);
  expect(asked.json.errors.confirm_lockout).toContain(OFFICE);
  expect((await call(OFFICE, 'GET')).json.data).toEqual({ networks: [] });
  const saved = await call(OFFICE, 'PUT', { networks, confirm_lockout: true });
  expect(saved.json.data).toEqual({ networks });
  const refused = await call(OFFICE, 'GET');
  expect(refused.status).toBe(403);
  expect(refused.json.errors.request).toMatch(REFUSED);
  expect(refused.text).not.toContain('10.0.0');
  expect((await call('10.1.2.3', 'GET')).json.data).toEqual({ networks });
  const login = await postForm(console.url, '/login', { email: ADMIN, password: PASSWORD }, { 'x-forwarded-for': '127.0.0.1' });
  expect(login.status, 'a loopback address is one like any other').toBe(403);
});

test('the command refuses what is not a network', async () => {
  const wrong = await console.server.command(['policy', 'networks', '10.0.0.0/33']);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain('error: NETWORK: “10.0.0.0/33” is not a network');
  expect((await console.server.command(['policy', 'networks'])).stdout).toBe('everywhere\n');
});
