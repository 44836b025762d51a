//! Console: figures of mail as a chart, a table and files, for administrators and for users.

import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { bearer, mail, submit } from '../../support/mail/messages.ts';
import { Relay } from '../../support/relays/relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { fields, parseResponse } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

const ANN = 'ann@example.org';
const HEAD = 'start,accepted,delivered,deferred,failed,p50_ms,p90_ms,p99_ms';

let console: TestConsole;
let relay: Relay;
let token: string;

test.beforeAll(async () => {
  console = await TestConsole.start();
  relay = await Relay.start({
    refuse: (recipient) => {
      if (recipient.startsWith('nobody')) {
        return { code: 550, text: '5.7.1 Not from you' };
      }
      return recipient.startsWith('later') ? { code: 450, text: '4.2.0 Greylisted' } : undefined;
    },
  });
  expect((await console.server.save(fields(relay))).status).toBe(200);
  token = await console.server.createAccount(ANN, 'user');
  const to = ['desk@example.org', 'ops@example.org', 'nobody@example.org', 'later@example.org'];
  const ids = await submit(console.server, mail({ to }));
  ids.push(...(await submit(console.server, mail({ from: ANN, to: ['desk@example.org', 'later@example.org'] }), bearer(token))));
  await expect.poll(sums).toEqual({ accepted: 6, delivered: 3, deferred: 2, failed: 1 });
  // Another attempt would be deferred again.
  for (const id of ids) {
    expect((await console.server.request(`/api/messages/${id}/cancel`, { method: 'POST' })).status).toBe(200);
  }
});

test.afterAll(async () => {
  await console?.stop();
  await relay?.stop();
});

/** The sums of the last day over REST. */
async function sums(): Promise<Record<string, unknown>> {
  const { data } = parseResponse(await console.server.request('/api/figures')).json;
  const { accepted, delivered, deferred, failed } = (data as unknown as { total: Record<string, unknown> }).total;
  return { accepted, delivered, deferred, failed };
}

function table(page: Page) {
  return page.getByRole('region', { name: 'Figures as a table' });
}

/** The cells of each row of the table, with the time first. */
async function rows(page: Page): Promise<string[][]> {
  const all = await table(page).locator('tbody tr').all();
  return Promise.all(all.map(async (row) => row.locator('th, td').allInnerTexts()));
}

/** The rows as the drawing titles them. */
async function drawn(page: Page): Promise<string[]> {
  return page.locator('.figures-row > title').allTextContents();
}

test('the chart has the numbers of its table, and the files have them too', async ({ page }, info) => {
  // Looks at the page in each width and scheme.
  test.slow();
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/outbox`);
  await page.getByRole('navigation', { name: 'Console' }).getByRole('link', { name: 'Figures' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Figures');
  await expect(page.getByRole('heading', { level: 2 })).toHaveText('All mail');
  const chart = page.getByRole('img', { name: /^Recipients by hour since \d{4}-\d\d-\d\d \d\d:00 UTC$/ });
  await expect(chart).toBeVisible();
  await expect(chart.locator('desc')).toContainText('Accepted 6, delivered 3, failed 1; 2 attempts were deferred.');
  for (const sum of ['Accepted 6', 'Delivered 3', 'Attempts deferred 2', 'Failed 1']) {
    await expect(page.getByRole('listitem').filter({ hasText: sum })).toBeVisible();
  }
  await expectAccessible(page, info, 'figures');
  await page.getByText('As a table').click();
  await expect(table(page)).toBeVisible();
  const shown = await rows(page);
  expect(shown).toHaveLength(24);
  expect(await drawn(page)).toEqual(
    shown.map(([time, accepted, delivered, deferred, failed]) => `${time}: ${accepted} accepted, ${delivered} delivered, ${deferred} deferred, ${failed} failed`),
  );
  await expect(table(page).locator('tfoot tr')).toContainText(/Total\s*6\s*3\s*2\s*1/);
  await expectAccessible(page, info, 'figures-table');

  const downloading = page.waitForEvent('download');
  await page.getByRole('link', { name: 'CSV' }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toMatch(/^figures-all-hour-\d{4}-\d\d-\d\d\.csv$/);
  const [head, ...lines] = (await readFile(await download.path(), 'utf8')).trimEnd().split('\r\n');
  expect(head).toBe(HEAD);
  const cells = lines.map((line) => line.split(','));
  expect(cells.map(([start, ...numbers]) => [start?.slice(0, 16).replace('T', ' '), ...numbers.slice(0, 4)])).toEqual(shown.map((row) => row.slice(0, 5)));
  const delivered = cells.filter((row) => row[2] !== '0');
  expect(delivered.every((row) => row.slice(5).every((latency) => /^\d+$/.test(latency)))).toBe(true);

  const json = await page.getByRole('link', { name: 'JSON' }).getAttribute('href');
  const { data } = parseResponse(await console.server.request(json ?? '')).json;
  expect(data).toMatchObject({ subject: 'all', id: null, step: 'hour', total: { accepted: 6, latency: { p50: expect.any(Number) } } });
});

test('a subject and a range are chosen by plain links and a form', async ({ page }, info) => {
  // Looks at the page in each width and scheme.
  test.slow();
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/figures`);
  for (const [range, number, each] of [
    ['7 days', 168, 'hour'],
    ['30 days', 30, 'day'],
    ['A year', 365, 'day'],
  ] as const) {
    await page.getByRole('link', { name: range, exact: true }).click();
    await expect(page.getByRole('img', { name: new RegExp(`^Recipients by ${each} since`) })).toBeVisible();
    await expect(page.getByRole('link', { name: range, exact: true })).toHaveAttribute('aria-current', 'page');
    expect(await drawn(page)).toHaveLength(number);
  }
  await expectAccessible(page, info, 'figures-of-a-year');
  await page.getByLabel('Figures of').selectOption({ label: 'Relay Main relay' });
  await page.getByRole('button', { name: 'Show' }).click();
  await expect(page.getByRole('heading', { level: 2 })).toHaveText('Relay Main relay');
  await expect(page).toHaveURL(/range=1y/);
  await expect(page.getByText('what is accepted is not counted for it')).toBeVisible();
  await expect(page.getByRole('listitem').filter({ hasText: 'Delivered 3' })).toBeVisible();

  await page.goto(`${console.url}/settings/relays`);
  await page.getByRole('link', { name: 'Main relay', exact: true }).click();
  await page.getByRole('link', { name: 'Figures of this relay' }).click();
  await expect(page.getByRole('heading', { level: 2 })).toHaveText('Relay Main relay');

  await page.goto(`${console.url}/accounts`);
  await page.getByRole('link', { name: ANN }).click();
  await page.getByRole('link', { name: 'Figures', exact: true }).and(page.locator('.button')).first().click();
  await expect(page.getByRole('heading', { level: 2 })).toHaveText(ANN);
  await expect(page.getByRole('listitem').filter({ hasText: 'Accepted 2' })).toBeVisible();
});

test('a user sees the figures of the own mail and tokens, and of nobody else', async ({ page, browser, consoleErrors }, info) => {
  consoleErrors.allow(/status of 404/);
  // Looks at the page in each width and scheme.
  test.slow();
  await console.signInBrowser(page.context(), ANN);
  await page.goto(`${console.url}/figures`);
  await expect(page.getByRole('heading', { level: 2 })).toHaveText('My mail');
  for (const sum of ['Accepted 2', 'Delivered 1', 'Attempts deferred 1', 'Failed 0']) {
    await expect(page.getByRole('listitem').filter({ hasText: sum })).toBeVisible();
  }
  await expect(page.getByLabel('Figures of').getByRole('option', { name: /Relay/ })).toHaveCount(0);
  await expectAccessible(page, info, 'figures-of-a-user');
  await page.goto(`${console.url}/account/tokens`);
  const tokens = page.getByRole('main');
  await tokens.getByRole('link', { name: /^Figures of / }).first().click();
  await expect(page.getByRole('heading', { level: 2 })).toHaveText(/^Token /);
  await expect(page.getByRole('listitem').filter({ hasText: 'Accepted 2' })).toBeVisible();

  const admin = await (await browser.newContext()).newPage();
  await console.signInBrowser(admin.context());
  await admin.goto(`${console.url}/figures`);
  const own = await admin.getByLabel('Figures of').getByRole('option', { name: 'My mail' }).getAttribute('value');
  await admin.context().close();
  expect(own).toMatch(/^account:/);
  for (const subject of [own, 'relay:global']) {
    const refused = await page.goto(`${console.url}/figures?subject=${subject}`);
    expect(refused?.status(), `${subject}`).toBe(404);
  }
});
