//! Console: the health of relays, their history, and checks by a button.

import type { Socket } from 'node:net';
import type { Locator, Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { bearer, mail, submit } from '../../support/mail/messages.ts';
import { Relay } from '../../support/relays/relay.ts';
import { scriptedRelay } from '../../support/relays/scripted-relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { fields } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

const ANN = 'ann@example.org';

/** After one failed check, or the one that confirms it. */
const REPEATED = /A check has failed and is repeated soon|Down since/;

let console: TestConsole;
let token: string;

test.beforeEach(async () => {
  console = await TestConsole.start({ POSTERN_NO_HEALTH_CHECKS: '0', POSTERN_USER_RELAY_ALLOW: '127.0.0.1' });
  token = await console.server.createAccount(ANN, 'user');
});

test.afterEach(() => console?.stop());

async function api(method: string, path: string, as = console.server.token, body?: unknown) {
  const headers = { ...bearer(as), 'content-type': 'application/json' };
  const response = await console.server.request(path, { method, headers, body: body === undefined ? body : JSON.stringify(body) });
  return { status: response.status, data: JSON.parse(response.text).data };
}

function row(page: Page): Locator {
  return page.getByRole('main').getByRole('listitem').filter({ hasText: 'Main relay' });
}

/** Loads the page until it has the text: it does not update itself. */
async function expectText(page: Page, part: Locator, text: string | RegExp): Promise<void> {
  await expect(async () => {
    await page.goto(page.url());
    await expect(part).toContainText(text, { timeout: 100 });
  }).toPass();
}

test('a relay that goes down is shown with its cause and its history, and checked again by a button', async ({ page }, info) => {
  // Looks at several pages in each width and scheme.
  test.slow();
  const relay = await Relay.start();
  expect((await console.server.save(fields(relay))).status).toBe(200);
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/settings/relays`);
  await expectText(page, row(page), /Healthy since \d{4}-/);
  await expect(row(page).locator('.badge')).toHaveText('Healthy');
  await expect(row(page)).toContainText('100 % healthy');
  await expect(row(page)).toContainText(/Checked (just now|\d+ min ago); next check in \d min/);
  await expectAccessible(page, info, 'relay-healthy');
  expect(relay.mails.all, 'a check sends no mail').toEqual([]);

  const { port } = relay;
  await relay.stop();
  const check = row(page).getByRole('button', { name: 'Check now: Main relay' });
  await check.click();
  await expect(page.getByRole('status')).toContainText('The check is under way.');
  // It is repeated after 20 seconds, and before that by the button.
  await expectText(page, row(page), REPEATED);
  await check.click();
  await expectText(page, row(page), /Down since \d{4}-/);
  await expect(row(page).locator('.badge')).toHaveText('Down');
  await expect(row(page)).toContainText('TCP connection: ');
  await expect(row(page)).toContainText(/\d+\.\d % healthy, down (< 1|\d+) min/);
  await expect(row(page).locator('.health-bars')).toHaveCount(2);
  await expect(row(page).locator('.health-down')).toHaveCount(2);
  await expect(row(page).getByRole('link', { name: 'Diagnose' })).toHaveAttribute('href', '/settings/relays/global');
  await expectAccessible(page, info, 'relay-down');

  const listed = await api('GET', '/api/relays');
  expect(listed.data[0].health).toMatchObject({ state: 'down', failure: { stage: 'tcp', reply: null } });
  const read = await api('GET', '/api/relays/global/health');
  expect(read.data.history.at(-1)).toMatchObject({ state: 'down' });

  await row(page).getByRole('link', { name: 'Main relay' }).click();
  const health = page.getByRole('region', { name: 'Health' });
  await expect(health).toContainText(/Down since \d{4}-/);
  const again = await Relay.start({ port });
  await health.getByRole('button', { name: 'Check now: Main relay' }).click();
  await expect(page).toHaveURL(`${console.url}/settings/relays/global`);
  await expect(page.getByText('The check is under way.')).toBeVisible();
  // Three successes in a row.
  await expect(async () => {
    await api('POST', '/api/relays/global/check');
    expect((await api('GET', '/api/relays/global')).data.health.state).toBe('healthy');
  }).toPass();
  await expectText(page, health, /Healthy since \d{4}-/);
  await expectAccessible(page, info, 'relay-recovered');
  await again.stop();
});

test('a relay is shown with its connections and its mail of the last day', async ({ page }, info) => {
  // Looks at a page in each width and scheme.
  test.slow();
  const held: Socket[] = [];
  const relay = await scriptedRelay({
    sent: (socket) => {
      held.push(socket);
    },
  });
  expect((await console.server.save(fields(relay))).status).toBe(200);
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/settings/relays`);
  await expect(row(page)).toContainText('no connection');
  await expect(row(page)).toContainText('No mail in 24 hours.');
  await submit(console.server, mail());
  await expect.poll(() => held.length).toBe(1);
  await expectText(page, row(page), '1 connection');
  const open = await api('GET', '/api/relays');
  expect(open.data[0]).toMatchObject({ connections: 1, last_day: { delivered: 0, deferred: 0, failed: 0, p50_ms: null } });

  held[0]?.write('250 2.0.0 Taken\r\n');
  await expectText(page, row(page), /In 24 hours: 1 delivered, 0 deferred, 0 failed; half within \d/);
  const day = await api('GET', '/api/relays/global');
  expect(day.data.last_day).toMatchObject({ delivered: 1, p50_ms: expect.any(Number) });
  await expectText(page, row(page), 'no connection');
  await expectAccessible(page, info, 'relay-activity');
  await row(page).getByRole('link', { name: 'Figures of this relay' }).click();
  await expect(page.getByRole('heading', { level: 2 })).toHaveText('Relay Main relay');
  await relay.stop();
});

test('an account sees the health of its own relay', async ({ page }, info) => {
  // Looks at a page in each width and scheme.
  test.slow();
  const own = await Relay.start();
  const settings = { host: '127.0.0.1', port: own.port };
  const created = await console.server.command(['token', 'create', '--account', ANN, '--name', 'setup', '--scope', 'admin']);
  expect((await api('POST', '/api/smtp/settings', created.stdout.trim(), settings)).status).toBe(200);
  await console.signInBrowser(page.context(), ANN);
  await page.goto(`${console.url}/my-relay`);
  const health = page.getByRole('region', { name: 'Health' });
  await expectText(page, health, /Healthy since \d{4}-/);
  await expect(health).toContainText('At present no connection');
  await expect(page.getByText('No mail in 24 hours.')).toBeVisible();
  await expectAccessible(page, info, 'own-relay-healthy');
  await own.stop();
  await health.getByRole('button', { name: 'Check now: Own relay' }).click();
  await expect(page.getByText('The check is under way.')).toBeVisible();
  await expectText(page, health, REPEATED);
  await health.getByRole('button', { name: 'Check now: Own relay' }).click();
  await expectText(page, health, /Down since \d{4}-/);
  const state = page.getByRole('region', { name: 'Relay in use' });
  await expect(state).toContainText('It fails its checks');
  await expectAccessible(page, info, 'own-relay-fails-its-checks');
  const read = await api('GET', '/api/relays/own/health', token);
  expect(read.data.health).toMatchObject({ state: 'down', failure: { stage: 'tcp' } });
  expect(read.data.connections).toBe(0);
  expect((await api('GET', '/api/relays/global/health', token)).status).toBe(403);
  expect((await api('POST', '/api/relays/global/check', token)).status).toBe(403);
});
