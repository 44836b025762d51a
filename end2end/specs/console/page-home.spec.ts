//! Console: Home says whether mail can leave, what waits, what failed, and what to do first.

import type { Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { signIn } from '../../support/api/forms.ts';
import { expectState, requestOk } from '../../support/mail/messages.ts';
import { submitMail, submitMails } from '../../support/pages/outbox-page.ts';
import { Relay } from '../../support/relays/relay.ts';
import { closedPort } from '../../support/relays/tcp-relay.ts';
import { ADMIN, TestConsole } from '../../support/pages/test-console.ts';
import { PASSWORD, fields } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

const REASON = '550 5.1.1 No such user here';

/** Refuses `nobody…` permanently and `later…` transiently. */
const refuse = (recipient: string) => {
  if (recipient.startsWith('nobody')) {
    return { code: 550, text: '5.1.1 No such user here' };
  }
  return recipient.startsWith('later') ? { code: 450, text: '4.2.0 Come back' } : undefined;
};

/** Loads the page, which does not update itself, until it shows this heading. */
async function openHome(console: TestConsole, page: Page, heading: string | RegExp, email = ADMIN): Promise<void> {
  await console.signInBrowser(page.context(), email);
  await expect(async () => {
    await page.goto(`${console.url}/home`);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(heading, { timeout: 100 });
  }).toPass();
}

const region = (page: Page, name: string) => page.getByRole('region', { name });
const firstThing = (page: Page) => region(page, 'First thing to do');

test('all is well', async ({ page }, info) => {
  // Looks at the page in each width and scheme.
  test.slow();
  const console = await TestConsole.start({ POSTERN_NO_HEALTH_CHECKS: '0' });
  const relay = await Relay.start();
  await console.server.save(fields(relay));
  const id = await submitMail(console, { to: 'desk@example.org' });
  await expectState(console.server, id, 'delivered');
  await openHome(console, page, 'Mail can leave.');
  await expect(page.getByRole('main').getByText('Running', { exact: true })).toBeVisible();
  await expect(page.getByRole('main').locator('header')).toContainText(/Since \d{4}-/);
  await expect(firstThing(page)).toHaveCount(0);
  await expect(region(page, 'Waiting')).toContainText('No mail waits.');
  await expect(region(page, 'Failed in 24 hours, or deferred')).toContainText('No mail failed, and none is deferred.');
  await expect(region(page, 'Relays').getByRole('listitem')).toHaveText(/^Healthy\s*Main relay\s*Since \d{4}-/);
  await expect(region(page, 'The last 24 hours').getByRole('table', { includeHidden: true })).toHaveCount(1);
  await expectAccessible(page, info, 'home');

  await page.getByRole('link', { name: 'Postern' }).click();
  await expect(page, 'the logo leads to Home').toHaveURL(`${console.url}/home`);
  await expect(page.getByRole('navigation', { name: 'Console' }).getByRole('link').first()).toHaveAttribute('aria-current', 'page');
  await region(page, 'Relays').getByRole('link', { name: 'Main relay' }).click();
  await expect(page).toHaveURL(`${console.url}/settings/relays/global`);
  await relay.stop();
  await console.stop();
});

test('without a relay the first page is that of its settings', async ({ page }) => {
  const console = await TestConsole.start();
  const relay = await Relay.start();
  const cookie = await signIn(console.url, ADMIN, PASSWORD);
  const first = await console.server.request('/', { headers: { cookie } });
  expect(first.headers.location).toBe('/settings/email');
  await openHome(console, page, 'No mail can leave: no relay is set up.');
  await expect(region(page, 'Relays')).toHaveCount(0);
  await firstThing(page).getByRole('link', { name: 'Set up a relay' }).click();
  await expect(page).toHaveURL(`${console.url}/settings/email`);
  expect((await console.server.save(fields(relay))).status).toBe(200);
  const next = await console.server.request('/', { headers: { cookie } });
  expect(next.headers.location).toBe('/home');
  await page.goto(`${console.url}/home`);
  await expect(firstThing(page), 'nothing was tested or delivered').toContainText('Send a test email through Main relay.');
  await relay.stop();
  await console.stop();
});

test('paused delivery is shown with its beginning and the mail that waits', async ({ page }, info) => {
  // Looks at the page in each width and scheme.
  test.slow();
  const console = await TestConsole.start();
  const relay = await Relay.start();
  await console.server.save(fields(relay));
  await requestOk(console.server, '/api/outbox/pause', { on: true });
  await submitMails(console, [{ to: 'desk@example.org' }, { to: 'mara@example.org' }]);
  await openHome(console, page, 'No mail leaves: delivery is paused.');
  await expect(page.getByRole('main').locator('header')).toContainText(/Since \d{4}-/);
  await expectAccessible(page, info, 'home-paused');
  const held = region(page, 'Waiting').getByRole('link', { name: '2 held' });
  await expect(held).toHaveAttribute('href', '/outbox?state=held');
  await expect(region(page, 'Waiting')).toContainText(/oldest (< 1|\d+) min/);
  await firstThing(page).getByRole('link').click();
  await page.getByRole('button', { name: 'Resume delivery' }).click();
  await openHome(console, page, /^Mail can leave/);
  await relay.stop();
  await console.stop();
});

test('a relay that is down is named with its cause while mail waits', async ({ page }, info) => {
  // Looks at the page in each width and scheme.
  test.slow();
  const console = await TestConsole.start();
  await console.server.save(fields({ port: await closedPort() }));
  await submitMails(console, [{ to: 'desk@example.org' }, { to: 'mara@example.org' }]);
  await openHome(console, page, 'No mail leaves: Main relay is down.');
  await expect(page.getByRole('main').locator('header')).toContainText(/Since \d{4}-/);
  await expect(firstThing(page)).toContainText(/Repair Main relay\. \S/);
  await expect(region(page, 'Relays').getByRole('listitem')).toContainText(/Down\s*Main relay\s*Since \d{4}-/);
  await expect(region(page, 'Waiting').getByRole('link', { name: '2 queued' })).toBeVisible();
  await expectAccessible(page, info, 'home-relay-down');
  await firstThing(page).getByRole('link', { name: 'Look at Main relay' }).click();
  await expect(page).toHaveURL(`${console.url}/settings/relays/global`);
  await console.stop();
});

test('failures are grouped by cause, and the reason is two clicks away', async ({ page }, info) => {
  // Looks at the page in each width and scheme.
  test.slow();
  const console = await TestConsole.start();
  const relay = await Relay.start({ refuse });
  await console.server.save(fields(relay));
  const mails = ['nobody1', 'nobody2', 'later'].map((name) => ({ to: `${name}@example.org` }));
  const ids = await submitMails(console, mails);
  for (const [index, state] of ['failed', 'failed', 'deferred'].entries()) {
    await expectState(console.server, ids[index] ?? '', state);
  }
  await openHome(console, page, /^Mail can leave/);
  const groups = region(page, 'Failed in 24 hours, or deferred').getByRole('listitem');
  await expect(groups).toHaveText([/^Failed.*550 5\.1\.1 No such user here.*2 recipients, the newest failed/s, /^Deferred.*450 4\.2\.0 Come back.*1 recipient/s]);
  await expectAccessible(page, info, 'home-failures');

  await page.goto(`${console.url}/account`);
  await page.getByRole('link', { name: 'Home' }).click();
  await groups.first().getByRole('link').click();
  await expect(page).toHaveURL(/\/outbox\/[0-9A-Z]{26}#recipient-0$/);
  await expect(page.getByRole('region', { name: /^nobody/ })).toContainText(REASON);
  await relay.stop();
  await console.stop();
});

test('other accounts see the same of their own mail', async ({ page }, info) => {
  // Looks at the page in each width and scheme.
  test.slow();
  const email = 'plant@example.org';
  const console = await TestConsole.start();
  const relay = await Relay.start({ refuse });
  await console.server.save(fields(relay));
  const token = await console.server.createAccount(email, 'user');
  const other = await submitMail(console, { to: 'nobody-else@example.org', subject: 'Of nobody else' });
  const own = await submitMail(console, { to: 'later@example.org', subject: 'Mine' }, token);
  await expectState(console.server, other, 'failed');
  await expectState(console.server, own, 'deferred');
  await openHome(console, page, /^Mail can leave/, email);
  await expect(page.getByRole('main')).not.toContainText(`127.0.0.1:${relay.port}`);
  await expect(region(page, 'Waiting').getByRole('listitem')).toHaveText(/^1 deferred\s*oldest (< 1|\d+) min$/);
  const groups = region(page, 'Failed in 24 hours, or deferred').getByRole('listitem');
  await expect(groups).toHaveText(/450 4\.2\.0 Come back/);
  await expect(region(page, 'Relays').getByRole('listitem')).toContainText("The organisation's relay");
  await expect(region(page, 'Relays').getByRole('link')).toHaveCount(0);
  await expectAccessible(page, info, 'home-of-a-user');
  await groups.getByRole('link').click();
  await expect(page).toHaveURL(new RegExp(`/outbox/${own}#recipient-0$`));

  await requestOk(console.server, '/api/outbox/pause', { on: true });
  await openHome(console, page, 'No mail leaves: delivery is paused.', email);
  await expect(firstThing(page)).toContainText('An administrator has to repair this.');
  await expect(firstThing(page).getByRole('link')).toHaveCount(0);
  await relay.stop();
  await console.stop();
});
