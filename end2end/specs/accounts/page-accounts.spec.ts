//! Console: accounts of others, invitations by mail, forgotten passwords.

import type { Browser, Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { Relay } from '../../support/relays/relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { PASSWORD, fields } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

const NEW_PASSWORD = 'a gate within the gate';

let console: TestConsole;
let relay: Relay;

test.beforeAll(async () => {
  console = await TestConsole.start();
  relay = await Relay.start();
});

test.afterAll(async () => {
  await console?.stop();
  await relay?.stop();
});

/** Opens the list as an administrator. */
async function openAccounts(page: Page): Promise<void> {
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/accounts`);
  await expect(page.getByRole('heading', { level: 1, name: 'Accounts' })).toBeVisible();
}

async function addAccount(page: Page, email: string, role = 'User', password = ''): Promise<void> {
  const form = page.getByRole('region', { name: 'Add an account' });
  await form.getByLabel('Email address').fill(email);
  await form.getByLabel('Role').selectOption(role);
  await form.getByLabel('Password, in the place').fill(password);
  const button = password === '' ? 'Invite' : 'Create with this password';
  await form.getByRole('button', { name: button }).click();
}

/** A page of another person, without a session. */
async function otherPerson(browser: Browser): Promise<Page> {
  return (await browser.newContext()).newPage();
}

async function signIn(page: Page, email: string, password: string): Promise<void> {
  await page.getByLabel('Email address').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** The link in the next mail of the relay. */
async function mailedLink(): Promise<{ to: string[]; subject: string | undefined; link: string }> {
  const { to, mail } = await relay.mails.next();
  const link = mail.text?.match(/https?:\/\/\S+\?token=\S+/)?.[0] ?? '';
  expect(link).toMatch(new RegExp(`^${console.url}/\\w+\\?token=[\\w-]{43}$`));
  return { to, subject: mail.subject, link };
}

/** Waits until mail about accounts leaves. */
async function setUpMail(page: Page): Promise<void> {
  expect((await console.server.save(fields(relay))).status).toBe(200);
  await expect(async () => {
    await page.goto(`${console.url}/accounts`);
    await expect(page.getByText('An invitation is mailed to the address')).toBeVisible({ timeout: 100 });
  }).toPass();
}

test('an account is created with a password, and its faults are shown by field', async ({ page, browser }, info) => {
  // Looks at several pages in each width and scheme.
  test.slow();
  await openAccounts(page);
  await expect(page.getByText('Mail cannot leave now: no relay is set up.')).toBeVisible();
  await addAccount(page, 'nobody', 'Administrator', 'short');
  const form = page.getByRole('region', { name: 'Add an account' });
  await expect(form.getByLabel('Email address')).toHaveAccessibleDescription(/@/);
  await expect(form.getByLabel('Password, in the place')).toHaveAccessibleDescription(/12 to 128 characters/);
  await expect(form.getByLabel('Role'), 'what was typed is kept').toHaveValue('admin');
  await expect(form.getByLabel('Password, in the place'), 'but no password').toHaveValue('');
  await expectAccessible(page, info, 'accounts-with-faults');
  await addAccount(page, 'mara@example.org', 'User', PASSWORD);
  await expect(page.getByRole('status')).toHaveText('mara@example.org can sign in now.');
  await expect(page).toHaveURL(/\/accounts\/[0-9A-Z]{26}$/);

  const person = await otherPerson(browser);
  await person.goto(`${console.url}/login`);
  await signIn(person, 'mara@example.org', PASSWORD);
  await expect(person).toHaveURL(`${console.url}/home`);
  const refused = await person.goto(`${console.url}/accounts`);
  expect(refused?.status()).toBe(403);
  await person.context().close();
});

test('a link that cannot be mailed is shown once, and accepted once', async ({ page, browser }, info) => {
  await openAccounts(page);
  await addAccount(page, 'tove@example.org');
  const notice = page.getByRole('status');
  await expect(notice).toContainText('No invitation was mailed: no relay is set up.');
  const link = (await notice.locator('code').innerText()).trim();
  await expectAccessible(page, info, 'account-handed-link');
  await page.goto(page.url());
  await expect(page.getByText('token=')).toHaveCount(0);

  const person = await otherPerson(browser);
  await person.goto(link);
  await expect(person.getByText('Your account: tove@example.org')).toBeVisible();
  await expectAccessible(person, info, 'invitation');
  await person.getByLabel('Password', { exact: true }).fill('passwordpassword');
  await person.getByRole('button', { name: 'Set password' }).click();
  await expect(person.getByLabel('Password', { exact: true })).toHaveAccessibleDescription(/easy to guess/);
  await person.getByLabel('Password', { exact: true }).fill(NEW_PASSWORD);
  await person.getByRole('button', { name: 'Set password' }).click();
  await expect(person.getByRole('status')).toHaveText('Your password is set. Sign in with it.');
  await expect(person.getByLabel('Email address')).toHaveValue('tove@example.org');
  await signIn(person, 'tove@example.org', NEW_PASSWORD);
  await expect(person).toHaveURL(`${console.url}/home`);
  const used = await person.goto(link);
  expect(used?.status()).toBe(403);
  expect(used?.headers()).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'same-origin' });
  await expect(person.getByRole('heading', { level: 1 })).toHaveText('This invitation no longer works');
  await person.context().close();
});

test('an invitation arrives, and its content is hidden in the outbox', async ({ page, browser }, info) => {
  // Looks at several pages in each width and scheme.
  test.slow();
  await openAccounts(page);
  await setUpMail(page);
  await addAccount(page, 'jonas@example.org');
  await expect(page.getByRole('status')).toContainText('An invitation is mailed to jonas@example.org.');
  await expect(page.getByText('Invited', { exact: true })).toBeVisible();
  await expectAccessible(page, info, 'account-invited');
  const { to, subject, link } = await mailedLink();
  expect({ to, subject }).toEqual({ to: ['jonas@example.org'], subject: 'Your invitation to Postern' });

  const person = await otherPerson(browser);
  await person.goto(link);
  await person.getByLabel('Password', { exact: true }).fill(NEW_PASSWORD);
  await person.getByRole('button', { name: 'Set password' }).click();
  await signIn(person, 'jonas@example.org', NEW_PASSWORD);
  await expect(person).toHaveURL(`${console.url}/home`);
  await person.context().close();

  await page.goto(`${console.url}/outbox`);
  await page.getByRole('link', { name: 'jonas@example.org' }).click();
  await expect(page.getByText('By Postern,')).toBeVisible();
  await expect(page.getByText('shown to nobody')).toBeVisible();
  await expect(page.getByText('token=')).toHaveCount(0);
  const id = page.url().split('/').pop();
  for (const path of [`/api/messages/${id}/source`, `/outbox/${id}/source`]) {
    const source = await console.server.request(path);
    expect([path, source.status]).toEqual([path, 403]);
    expect(source.text).not.toContain('token=');
  }
});

test('an account is disabled, enabled and made an administrator', async ({ page, browser }, info) => {
  // Looks at several pages in each width and scheme.
  test.slow();
  const email = 'vera@example.org';
  const token = await console.server.createAccount(email, 'user');
  const person = await otherPerson(browser);
  await console.signInBrowser(person.context(), email);
  await person.goto(`${console.url}/account`);
  await expect(person.getByText(`You are signed in as ${email}.`)).toBeVisible();

  await openAccounts(page);
  await page.getByRole('link', { name: email }).click();
  await expect(page.getByRole('region', { name: 'Sessions' }).getByRole('listitem')).toHaveCount(1);
  await expect(page.getByRole('region', { name: 'API tokens' })).toContainText('1 token');
  await expectAccessible(page, info, 'account-of-another');
  await page.getByRole('button', { name: 'Disable' }).click();
  await expect(page.getByRole('status')).toContainText(`${email} is disabled.`);
  await expect(page.getByRole('region', { name: 'Sessions' })).toContainText('0 sessions');
  await person.reload();
  await expect(person).toHaveURL(/\/login/);
  await signIn(person, email, PASSWORD);
  await expect(person.getByRole('alert')).toContainText('Address or password is wrong.');
  const authorization = `Bearer ${token}`;
  expect((await console.server.request('/api/messages', { headers: { authorization } })).status).toBe(401);

  await page.getByRole('button', { name: 'Enable' }).click();
  await expect(page.getByRole('status')).toHaveText(`${email} is enabled.`);
  await page.getByRole('button', { name: 'Make it an administrator' }).click();
  await expect(page.getByRole('status')).toHaveText(`${email} is changed.`);
  await signIn(person, email, PASSWORD);
  await expect(person.getByRole('link', { name: 'Accounts' })).toBeVisible();

  await page.reload();
  await page.getByRole('button', { name: /^End the session/ }).click();
  await expect(page.getByRole('status')).toHaveText('The session is ended.');
  await page.getByRole('link', { name: 'Delete' }).click();
  await expectAccessible(page, info, 'account-delete');
  await page.getByRole('button', { name: 'Delete account' }).click();
  await expect(page.getByRole('status')).toHaveText(`${email} is deleted.`);
  await expect(page.getByRole('link', { name: email })).toHaveCount(0);
  await person.context().close();
});

test('the last administrator is refused', async ({ page }) => {
  await openAccounts(page);
  await page.getByRole('link', { name: 'admin@example.org' }).click();
  await page.getByRole('button', { name: 'Make it a user' }).click();
  await expect(page.getByRole('alert')).toContainText('This is the last administrator who can sign in.');
});

test('a forgotten password is reset by a mailed link', async ({ page, browser }, info) => {
  // Looks at several pages in each width and scheme.
  test.slow();
  const email = 'forgot@example.org';
  await console.server.createAccount(email, 'user');
  await openAccounts(page);
  await setUpMail(page);
  const person = await otherPerson(browser);
  await person.goto(`${console.url}/login`);
  await person.getByRole('link', { name: 'Forgotten your password?' }).click();
  await expect(person.getByText('A link that sets a new one is mailed to you.')).toBeVisible();
  await expectAccessible(person, info, 'reset');
  const texts: string[] = [];
  for (const address of ['nobody@example.org', email]) {
    await person.goto(`${console.url}/reset`);
    await person.getByLabel('Email address').fill(address);
    await person.getByRole('button', { name: 'Mail me a link' }).click();
    await expect(person.getByRole('heading', { level: 1 })).toHaveText('Check your mail');
    texts.push(await person.getByRole('main').innerText());
  }
  expect(texts[0]).toBe(texts[1]);
  await expectAccessible(person, info, 'reset-requested');
  const { to, link } = await mailedLink();
  expect(to).toEqual([email]);
  await person.goto(link);
  await expectAccessible(person, info, 'reset-password');
  await person.getByLabel('Password', { exact: true }).fill(NEW_PASSWORD);
  await person.getByRole('button', { name: 'Set password' }).click();
  await expect(person.getByRole('status')).toHaveText('Your password is set. Sign in with it.');
  await signIn(person, email, NEW_PASSWORD);
  await expect(person).toHaveURL(`${console.url}/home`);
  await person.goto(link);
  await expect(person.getByRole('heading', { level: 1 })).toHaveText('This link no longer works');
  await expectAccessible(person, info, 'reset-used');
  await person.context().close();
});

test('while mail is down, the page names the command', async ({ page }, info) => {
  const paused = await console.server.request('/api/outbox/pause', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"on":true}',
  });
  expect(paused.status).toBe(200);
  await page.goto(`${console.url}/reset`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Mail is down');
  await expect(page.getByText('postern account passwd ADDRESS')).toBeVisible();
  await expect(page.getByRole('textbox')).toHaveCount(0);
  await expectAccessible(page, info, 'reset-down');
});
