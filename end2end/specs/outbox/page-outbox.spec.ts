//! Console: the outbox list and message pages, live updates, search and states.

import type { Request } from '@playwright/test';
import { OutboxPage, submitMail, submitMails } from '../../support/pages/outbox-page.ts';
import { Postern } from '../../support/program/postern.ts';
import { Relay } from '../../support/relays/relay.ts';
import { closedPort } from '../../support/relays/tcp-relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { fields } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

/** Refuses `nobody…` permanently and `later…` transiently. */
const refuse = (recipient: string) => {
  if (recipient.startsWith('nobody')) {
    return { code: 550, text: '5.7.1 Not from you' };
  }
  return /^later/i.test(recipient) ? { code: 450, text: '4.2.0 Greylisted, come back' } : undefined;
};

test('live updates keep what is typed', async ({ page }) => {
  const console = await TestConsole.start();
  const relay = await Relay.start({ refuse });
  const outbox = await OutboxPage.open(console, page);
  await expect(outbox.status).toContainText('Messages are queued: no settings are saved.');
  await expect(outbox.mails).toContainText('No message was submitted yet.');
  await expect(outbox.mails).toContainText(`curl ${console.url}/api/messages/send-email`);

  const field = outbox.search.getByLabel('Recipient begins with');
  await field.fill('half an addr');
  await page.evaluate(() => Object.assign(window, { loaded: 'once' }));
  expect((await console.server.save(fields(relay))).status).toBe(200);
  await expect(outbox.status).toContainText('Delivery is running.');
  await submitMail(console, { to: 'desk@example.org', subject: 'Alarm 1432' });
  await relay.mails.next();
  await expect(outbox.row('desk@example.org')).toContainText(/Delivered.*Alarm 1432.*just now.*1 attempt.*250/s);
  await outbox.expectCounts({ Delivered: 1, Failed: 0 });
  await expect(field).toHaveValue('half an addr');
  await expect(field).toBeFocused();

  const link = outbox.row('Alarm 1432').getByRole('link');
  await link.focus();
  await page.evaluate(() => getSelection()?.selectAllChildren(document.querySelector('.mail-summary .mail-detail') as Node));
  await submitMail(console, { to: 'later@example.org', subject: 'Alarm 1433' });
  await expect(outbox.row('later@example.org')).toContainText('450 4.2.0 Greylisted, come back');
  await expect(outbox.rows).toHaveCount(2);
  await expect(link).toBeFocused();
  expect(await page.evaluate(() => [String(getSelection()), (window as { loaded?: string }).loaded])).toEqual(['Alarm 1432', 'once']);
  await relay.stop();
  await console.stop();
});

test('mail is counted and searched', async ({ page }) => {
  const console = await TestConsole.start();
  const relay = await Relay.start({ refuse });
  await console.server.save(fields(relay));
  const desks = Array.from({ length: 52 }, (_, desk) => ({ to: `desk${desk}@example.org`, subject: `Report ${desk}` }));
  await submitMails(console, desks);
  const failed = await submitMail(console, { to: 'nobody@example.org', subject: '100% sure' });
  await submitMail(console, { to: ['later@example.org', 'Later.Too@example.org'] });
  const outbox = await OutboxPage.open(console, page);
  await outbox.expectCounts({ Queued: 0, Deferred: 2, Held: 0, Delivered: 52, Failed: 1, Cancelled: 0 });
  await expect(outbox.status).toContainText(/To be sent\s*2 mails\s*Oldest\s*< 1 min/);
  await expect(outbox.count('Failed')).toContainText('oldest < 1 min');

  await expect(outbox.rows).toHaveCount(50);
  await page.getByRole('link', { name: 'Older' }).click();
  await expect(outbox.rows).toHaveCount(5);
  await expect(outbox.row('desk0@example.org')).toHaveCount(1);
  await page.getByRole('link', { name: 'Newest' }).click();
  await expect(outbox.rows).toHaveCount(50);

  await outbox.count('Failed').click();
  await expect(outbox.rows).toHaveCount(1);
  await expect(outbox.rows).toContainText(/Failed.*nobody@example\.org.*100% sure.*550 5\.7\.1 Not from you/s);
  await expect(outbox.count('Failed')).toHaveAttribute('aria-current', 'true');
  await outbox.count('Failed').click();
  await expect(outbox.rows).toHaveCount(50);

  const expectFound = async (query: Record<string, string>, number: number) => {
    await page.getByRole('link', { name: 'Outbox' }).click();
    await outbox.search.getByText('By time or id').click();
    for (const [label, value] of Object.entries(query)) {
      await outbox.search.getByLabel(label).fill(value);
    }
    await outbox.search.getByRole('button', { name: 'Search' }).click();
    await expect(outbox.rows, JSON.stringify(query)).toHaveCount(number);
  };
  await expectFound({ 'Recipient begins with': 'LATER' }, 2);
  await expectFound({ 'Subject contains': '0% s' }, 1);
  await expectFound({ 'Recipient begins with': 'desk1', 'Subject contains': 'report 1' }, 11);
  await expectFound({ Id: failed.toLowerCase() }, 1);
  await expectFound({ 'Accepted from (UTC)': '2026-01-01T00:00', 'Recipient begins with': 'nobody' }, 1);
  await expectFound({ 'Accepted before (UTC)': '2026-01-01T00:00' }, 0);
  await expect(outbox.mails).toContainText('No message matches.');
  await expect(outbox.search.getByLabel('Accepted before (UTC)'), 'the search is kept').toHaveValue(/^2026-01-01T00:00/);

  const response = await page.goto(`${outbox.url}?since=soon`);
  expect(response?.status()).toBe(422);
  await expect(page.getByRole('alert')).toContainText('Enter a date or a date and time in UTC');
  await relay.stop();
  await console.stop();
});

test('a relay that backs off is shown with its cause until it recovers', async ({ page }) => {
  const console = await TestConsole.start();
  const closed = await closedPort();
  await console.server.save(fields({ port: closed }));
  await submitMails(console, [{ to: 'desk@example.org' }, { to: 'mara@example.org' }]);
  const outbox = await OutboxPage.open(console, page);
  await expect(outbox.status).toContainText(`Messages are queued: Main relay (127.0.0.1:${closed}) is backing off.`);
  await expect(outbox.status).toContainText('Nothing listens');
  await expect(outbox.status).toContainText(/Since .* UTC\. Next attempt within 1 min\. Diagnose/);
  await expect(outbox.status).toContainText(/To be sent\s*2 mails/);
  await expect(outbox.status.getByRole('link', { name: 'Diagnose' })).toHaveAttribute('href', '/settings/email#diagnose');

  const authRelay = await Relay.start({ auth: ['PLAIN'], users: { alerts: 'right' }, authWithoutTls: true });
  const smtp_password = await console.server.sealed('wrong');
  const credentials = { smtp_username: 'alerts', smtp_authentication_type: 'Plain', smtp_plaintext_auth: '1', smtp_password };
  expect((await console.server.save(fields(authRelay, credentials))).status).toBe(200);
  await expect(outbox.status).toContainText(`Main relay (127.0.0.1:${authRelay.port}) is backing off.`);
  await expect(outbox.status).toContainText('535 5.7.8 Those are not the credentials');
  const correct = { ...credentials, smtp_password: await console.server.sealed('right') };
  expect((await console.server.save(fields(authRelay, correct))).status).toBe(200);
  await expect(outbox.status).toContainText('Delivery is running.');
  await outbox.expectCounts({ Delivered: 2, Deferred: 0, Queued: 0 });
  await authRelay.stop();
  await console.stop();
});

test('a page that lost its connection says so and reconnects', async ({ page, consoleErrors }) => {
  consoleErrors.allow(/net::ERR_|TypeError: network error/);
  const console = await TestConsole.start();
  const relay = await Relay.start();
  await console.server.save(fields(relay));
  const outbox = await OutboxPage.open(console, page);
  const { data } = console.server.postern;
  await console.server.postern.stop({ keepData: true, signal: 'SIGKILL' });
  await expect(page.getByText('Not live')).toBeVisible();
  const restarted = await Postern.start({ data, listen: new URL(console.url).host });
  await outbox.expectLive();
  await submitMail(console, { to: 'desk@example.org' });
  await expect(outbox.row('desk@example.org')).toContainText('Delivered');
  const startedAt = Date.now();
  await restarted.stop();
  expect(Date.now() - startedAt, 'an open page does not delay the stop').toBeLessThan(9_000);
  await relay.stop();
});

test('a hidden page sends no requests', async ({ page }) => {
  const console = await TestConsole.start();
  const relay = await Relay.start();
  await console.server.save(fields(relay));
  const outbox = await OutboxPage.open(console, page);
  const setHidden = (hidden: boolean) =>
    page.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => value });
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    }, hidden);
  const isWatchRequest = (request: Request) => request.url().endsWith('/fn/watch');
  const ended = page.waitForEvent('requestfailed', isWatchRequest);
  await setHidden(true);
  expect((await ended).failure()?.errorText).toBe('net::ERR_ABORTED');
  const requests: string[] = [];
  const recordRequest = (request: Request) => requests.push(request.url());
  page.on('request', recordRequest);
  for (const to of ['desk@example.org', 'mara@example.org']) {
    await submitMail(console, { to });
    await relay.mails.next();
  }
  expect(requests).toEqual([]);
  await expect(outbox.rows).toHaveCount(0);
  page.off('request', recordRequest);
  const started = page.waitForRequest(isWatchRequest);
  await setHidden(false);
  await started;
  await expect(outbox.row('desk@example.org')).toContainText('Delivered');
  await relay.stop();
  await console.stop();
});
