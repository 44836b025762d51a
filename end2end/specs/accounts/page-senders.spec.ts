//! Console: sender addresses, confirmed by a mailed link or added by an administrator.

import type { Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { bearer, mail, postMessage, submit } from '../../support/mail/messages.ts';
import { Relay } from '../../support/relays/relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { fields } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

const ANN = 'ann@example.org';
const TEAM = 'team@example.net';

let console: TestConsole;
let relay: Relay;
let token: string;

test.beforeAll(async () => {
  console = await TestConsole.start();
  relay = await Relay.start();
  token = await console.server.createAccount(ANN, 'user');
});

test.afterAll(async () => {
  await console?.stop();
  await relay?.stop();
});

/** Opens the page by its link on the account page. */
async function openSenders(page: Page): Promise<void> {
  await console.signInBrowser(page.context(), ANN);
  await page.goto(`${console.url}/account`);
  await page.getByRole('link', { name: 'Manage sender addresses' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Sender addresses');
}

/** Opens the page of Ann's account as an administrator. */
async function openAccount(page: Page): Promise<void> {
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/accounts`);
  await page.getByRole('link', { name: ANN }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(ANN);
}

function row(page: Page, address: string) {
  return page.getByRole('listitem').filter({ hasText: address });
}

async function ask(page: Page, address: string): Promise<void> {
  await page.getByLabel('Email address').fill(address);
  await page.getByRole('button', { name: 'Send the link' }).click();
}

/** The status of a submission from an address, with Ann's token. */
async function statusFrom(from: string): Promise<number> {
  return (await postMessage(console.server, mail({ from }), bearer(token))).status;
}

/** The link in the next mail of the relay. */
async function mailedLink(): Promise<string> {
  const { to, mail } = await relay.mails.next();
  expect({ to, subject: mail.subject }).toEqual({ to: [TEAM], subject: 'Confirm a sender address for Postern' });
  const link = mail.text?.match(/https?:\/\/\S+\?token=\S+/)?.[0] ?? '';
  expect(link).toMatch(new RegExp(`^${console.url}/senders/confirm\\?token=[\\w-]{43}$`));
  return link;
}

test('an address is added, confirmed by the mailed link, used and removed', async ({ page, browser, consoleErrors }, info) => {
  // While mail is down.
  consoleErrors.allow(/status of 503/);
  // Looks at several pages in each width and scheme.
  test.slow();
  await openSenders(page);
  await expect(row(page, ANN)).toContainText('Own address');
  await expect(row(page, ANN).getByRole('button')).toHaveCount(0);
  await ask(page, TEAM);
  await expect(page.getByRole('alert')).toContainText('Mail is down');
  await expect(page.getByLabel('Email address'), 'what was typed is kept').toHaveValue(TEAM);
  for (const [address, fault] of [
    ['nobody@', /domain after the @ is missing/],
    ['example.net', /Only an administrator adds a whole domain/],
    [ANN, /sends from its own address already/],
  ] as const) {
    await ask(page, address);
    await expect(page.getByLabel('Email address')).toHaveAccessibleDescription(fault);
  }
  await expectAccessible(page, info, 'senders-with-a-fault');
  const refused = await postMessage(console.server, mail({ from: TEAM }), bearer(token));
  expect(refused.status).toBe(422);
  expect(refused.json.errors).toEqual({ from: expect.stringContaining(`sends only from ${ANN}`) });

  expect((await console.server.save(fields(relay))).status).toBe(200);
  const asked = page.getByRole('status').filter({ hasText: `A link is mailed to ${TEAM}.` });
  await expect.poll(async () => (await console.server.request('/reset')).text).not.toContain('Mail is down');
  await ask(page, TEAM);
  await expect(asked).toBeVisible();
  await expect(row(page, TEAM)).toContainText('Waiting for confirmation');
  await expect(row(page, TEAM)).toContainText(/Added \d{4}.* by ann@example\.org.*The link ends \d{4}/);
  await expectAccessible(page, info, 'senders-waiting');
  const first = await mailedLink();
  await page.getByRole('button', { name: `Send the link to ${TEAM} again` }).click();
  await expect(asked).toBeVisible();
  const link = await mailedLink();
  expect(await statusFrom(TEAM), 'nobody has confirmed it').toBe(422);

  // The holder of the address has no account.
  const holder = await (await browser.newContext()).newPage();
  expect((await holder.goto(first))?.status(), 'a newer link ends the one before').toBe(403);
  await expect(holder.getByRole('heading', { level: 1 })).toHaveText('This link no longer works');
  await expectAccessible(holder, info, 'sender-link-used');
  await holder.goto(link);
  await expect(holder.getByText(`${ANN} asks to send mail from ${TEAM}.`)).toBeVisible();
  await expectAccessible(holder, info, 'sender-link');
  expect(await statusFrom(TEAM), 'to open the link confirms nothing').toBe(422);
  await holder.getByRole('button', { name: 'Allow it' }).click();
  await expect(holder.getByRole('status')).toHaveText(`${ANN} can send mail from ${TEAM} now.`);
  await expectAccessible(holder, info, 'sender-confirmed');
  expect((await holder.goto(link))?.status(), 'it works once').toBe(403);
  await holder.context().close();

  await submit(console.server, mail({ from: TEAM }), bearer(token));
  await page.reload();
  await expect(row(page, TEAM)).toContainText('Confirmed');
  await page.getByRole('button', { name: `Remove ${TEAM}` }).click();
  await expect(page.getByRole('status')).toHaveText('The address is removed.');
  await expect(row(page, TEAM)).toHaveCount(0);
  expect(await statusFrom(TEAM)).toBe(422);
});

test('an administrator adds a domain to an account, and takes it away', async ({ page }, info) => {
  // Looks at several pages in each width and scheme.
  test.slow();
  await openAccount(page);
  const senders = page.getByRole('region', { name: 'Sender addresses' });
  await senders.getByLabel('Address or domain').fill('two words');
  await senders.getByRole('button', { name: 'Add' }).click();
  await expect(senders.getByLabel('Address or domain')).toHaveAccessibleDescription(/Enter an address, as in .*, or a domain/);
  await expect(senders.getByLabel('Address or domain')).toHaveValue('two words');
  const domain = `${'department-of-everything.'.repeat(6)}example`;
  for (const sender of [domain, 'news.example']) {
    await senders.getByLabel('Address or domain').fill(sender);
    await senders.getByRole('button', { name: 'Add' }).click();
    await expect(page.getByRole('status')).toHaveText(`It may send from ${sender} now.`);
  }
  const news = row(page, 'news.example');
  await expect(news).toContainText('Added by an administrator');
  await expect(news).toContainText('Every address of the domain; none of its subdomains.');
  await expectAccessible(page, info, 'account-senders');
  expect(await statusFrom('any@news.example')).toBe(202);
  expect(await statusFrom('any@sub.news.example')).toBe(422);
  await page.getByRole('button', { name: 'Remove news.example' }).click();
  await expect(page.getByRole('status')).toHaveText('The sender address is removed.');
  expect(await statusFrom('any@news.example')).toBe(422);
});

test('an administrator chooses whether a token sends from any address', async ({ page }) => {
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/account/tokens`);
  const tokens = page.getByRole('main');
  const create = async (name: string, any: boolean) => {
    await tokens.getByLabel('Name of the token').fill(name);
    await tokens.getByLabel('Send from any address').setChecked(any);
    await tokens.getByRole('button', { name: 'Create token' }).click();
    return (await tokens.getByRole('status').locator('code').innerText()).trim();
  };
  for (const [name, any, status] of [
    ['limited', false, 422],
    ['free', true, 202],
  ] as const) {
    const secret = await create(name, any);
    const sent = await postMessage(console.server, mail({ from: 'any@example.com' }), bearer(secret));
    expect(sent.status, name).toBe(status);
  }
  await expect(row(page, 'free')).toContainText('from any address');
  await expect(row(page, 'limited')).toContainText('from the sender addresses of the account');
});

test('account senders lists, adds and removes', async () => {
  const command = (...args: string[]) => console.server.command(['account', 'senders', ...args]);
  expect(await command('add', ANN, '@Press.example')).toMatchObject({ code: 0, stderr: `${ANN} may send from every address of Press.example now\n` });
  const listed = await command('list', ANN);
  expect(listed.stdout).toMatch(/^ann@example\.org {2}own\n/);
  expect(listed.stdout).toMatch(/every address of Press\.example {2}added by uid \d+\n/);
  await expect.poll(() => statusFrom('desk@press.example')).toBe(202);
  expect(await command('add', ANN, 'press.example')).toMatchObject({ code: 1, stderr: expect.stringContaining('may send from this already') });
  expect(await command('add', ANN, 'two words')).toMatchObject({ code: 2, stderr: expect.stringContaining('Enter an address') });
  expect(await command('remove', ANN, 'press.example')).toMatchObject({ code: 0 });
  expect(await command('remove', ANN, ANN)).toMatchObject({ code: 1, stderr: expect.stringContaining('Its own address stays') });
  await expect.poll(() => statusFrom('desk@press.example')).toBe(422);
});
