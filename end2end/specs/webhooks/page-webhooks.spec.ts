//! Console: webhooks, added, tested, switched and removed; the receiver verifies signatures.

import type { Locator, Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { parseResponse } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';
import { WebhookReceiver, isSigned } from '../../support/servers/webhook-receiver.ts';

test.describe.configure({ mode: 'default' });

let console: TestConsole;
let receiver: WebhookReceiver;

test.beforeAll(async () => {
  console = await TestConsole.start();
  receiver = await WebhookReceiver.start(console.authority);
});

test.afterAll(async () => {
  await console?.stop();
  await receiver?.stop();
});

async function openWebhooks(page: Page): Promise<void> {
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/accounts`);
  await page.getByRole('navigation', { name: 'Console' }).getByRole('link', { name: 'Webhooks' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Webhooks');
}

/** The row of the receiver. */
function row(page: Page): Locator {
  return page.getByRole('main').getByRole('listitem').filter({ hasText: receiver.url });
}

/** Adds the receiver, and returns its secret. */
async function add(page: Page, url = receiver.url): Promise<string> {
  await page.getByLabel('URL').fill(url);
  await page.getByRole('button', { name: 'Add webhook' }).click();
  return shownSecret(page);
}

async function shownSecret(page: Page): Promise<string> {
  await expect(page.getByRole('status')).toContainText(`The secret of the webhook at ${receiver.host}. Copy it now`);
  const secret = (await page.getByRole('status').locator('code').innerText()).trim();
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  return secret;
}

async function sendTest(page: Page): Promise<void> {
  await page.getByRole('button', { name: `Send a test event: ${receiver.host}` }).click();
  await expect(page.getByRole('status')).toContainText(`A test event for ${receiver.host} is on its way.`);
}

/** Loads the page until the row of the receiver has a text. */
async function expectRow(page: Page, text: string | RegExp): Promise<void> {
  await expect(async () => {
    await page.goto(`${console.url}/webhooks`);
    await expect(row(page)).toContainText(text, { timeout: 1000 });
  }).toPass();
}

async function remove(page: Page): Promise<void> {
  await page.getByRole('link', { name: `Remove: ${receiver.host}` }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(`Remove the webhook at ${receiver.host}?`);
  await page.getByRole('button', { name: 'Remove webhook' }).click();
  await expect(page.getByRole('status')).toHaveText(`The webhook at ${receiver.host} is removed.`);
  await expect(page.getByText('There is no webhook.')).toBeVisible();
}

test('a webhook is added, and its receiver verifies a test event', async ({ page }, info) => {
  // Looks at several pages in each width and scheme.
  test.slow();
  await openWebhooks(page);
  await expect(page.getByText('There is no webhook.')).toBeVisible();
  await page.getByLabel('URL').fill('http://example.org/');
  await page.getByRole('button', { name: 'Add webhook' }).click();
  await expect(page.getByLabel('URL')).toHaveAccessibleDescription(/unencrypted only to this machine/);
  await expect(page.getByLabel('URL'), 'what was typed is kept').toHaveValue('http://example.org/');
  await expectAccessible(page, info, 'webhooks-with-a-fault');
  const secret = await add(page);
  await expectAccessible(page, info, 'webhook-added');
  await page.goto(`${console.url}/webhooks`);
  await expect(page.getByText(secret), 'it is shown once').toHaveCount(0);

  await sendTest(page);
  const event = await receiver.events.next();
  expect({ method: event.method, path: event.path }).toEqual({ method: 'POST', path: '/hooks?for=postern' });
  expect(event.headers['content-type']).toBe('application/json');
  expect(isSigned(event, secret)).toBe(true);
  expect(isSigned({ ...event, body: `${event.body} ` }, secret)).toBe(false);
  expect(JSON.parse(event.body)).toMatchObject({ type: 'webhook.test', data: { requested_by: 'admin@example.org' } });
  await expectRow(page, 'HTTP 204');
  await expect(row(page)).toContainText('Delivering');
  await row(page).getByText('Last deliveries').click();
  await expect(row(page)).toContainText(String(event.headers['webhook-id']));
  await expect(row(page)).toContainText('1 attempt');
  await expectAccessible(page, info, 'webhook-delivered');
  await remove(page);
});

test('an event that fails is tried again with the same id', async ({ page }, info) => {
  test.slow();
  await openWebhooks(page);
  const secret = await add(page);
  receiver.statuses.push(500);
  await sendTest(page);
  const first = await receiver.events.next();
  await expectRow(page, 'HTTP 500: answer 500');
  await expectAccessible(page, info, 'webhook-retrying');
  const second = await receiver.events.next();
  expect(second.headers['webhook-id']).toBe(first.headers['webhook-id']);
  expect(second.body).toBe(first.body);
  expect(isSigned(second, secret)).toBe(true);
  await expectRow(page, 'HTTP 204');
  await expect(row(page).getByText('2 attempts')).toHaveCount(1);
  await remove(page);
});

test('a webhook is switched off and on, and gets a new secret', async ({ page }, info) => {
  test.slow();
  await openWebhooks(page);
  const secret = await add(page);
  await page.getByRole('button', { name: `Switch off: ${receiver.host}` }).click();
  await expect(page.getByRole('status')).toContainText(`The webhook at ${receiver.host} is switched off.`);
  await expect(row(page)).toContainText('Off');
  await expect(page.getByRole('button', { name: /^Send a test event/ })).toHaveCount(0);
  await page.getByRole('button', { name: `Switch on: ${receiver.host}` }).click();
  await expect(page.getByRole('status')).toHaveText(`The webhook at ${receiver.host} is switched on.`);

  await page.getByRole('button', { name: `New secret: ${receiver.host}` }).click();
  const renewed = await shownSecret(page);
  expect(renewed).not.toBe(secret);
  await sendTest(page);
  const event = await receiver.events.next();
  expect(isSigned(event, renewed)).toBe(true);
  expect(isSigned(event, secret), 'the old secret has ended').toBe(false);

  receiver.statuses.push(410);
  await sendTest(page);
  await receiver.events.next();
  await expectRow(page, 'Gone');
  await expect(row(page)).toContainText('the receiver answered 410');
  await page.getByRole('link', { name: `Remove: ${receiver.host}` }).click();
  await expectAccessible(page, info, 'webhook-remove');
  await page.getByRole('link', { name: 'Back' }).click();
  await remove(page);
});

test('the URL of a webhook is changed, and its secret stays', async ({ page }, info) => {
  test.slow();
  await openWebhooks(page);
  const secret = await add(page);
  await page.getByRole('link', { name: `Change URL: ${receiver.host}` }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(`Change the webhook at ${receiver.host}`);
  await expect(page.getByLabel('URL')).toHaveValue(receiver.url);
  await page.getByLabel('URL').fill('http://example.org/');
  await page.getByRole('button', { name: 'Save URL' }).click();
  await expect(page.getByLabel('URL')).toHaveAccessibleDescription(/unencrypted only to this machine/);
  await expect(page.getByLabel('URL'), 'what was typed is kept').toHaveValue('http://example.org/');
  await expectAccessible(page, info, 'webhook-url-with-a-fault');
  await page.getByLabel('URL').fill(`${receiver.url}&moved=1`);
  await page.getByRole('button', { name: 'Save URL' }).click();
  await expect(page.getByRole('status')).toHaveText(`Events are posted to ${receiver.host} from now on.`);
  await sendTest(page);
  const event = await receiver.events.next();
  expect(event.path).toBe('/hooks?for=postern&moved=1');
  expect(isSigned(event, secret)).toBe(true);
  await expectRow(page, 'HTTP 204');
  await remove(page);
});

test('webhooks are for administrators', async ({ page, consoleErrors }) => {
  consoleErrors.allow(/status of 403/);
  await console.server.createAccount('mara@example.org', 'user');
  await console.signInBrowser(page.context(), 'mara@example.org');
  const forbidden = await page.goto(`${console.url}/webhooks`);
  expect(forbidden?.status()).toBe(403);
  await expect(page.getByRole('link', { name: 'Webhooks' })).toHaveCount(0);
});

test('a URL whose certificate is not valid is named as the cause', async ({ page }) => {
  await openWebhooks(page);
  const other = receiver.url.replace('127.0.0.1', 'localhost');
  const created = parseResponse(
    await console.server.request('/api/webhooks', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ url: other }),
    }),
  );
  expect(created.status, created.text).toBe(200);
  const path = `/api/webhooks/${created.json.data.id}`;
  expect((await console.server.request(`${path}/test`, { method: 'POST' })).status).toBe(200);
  await expect(async () => {
    await page.goto(`${console.url}/webhooks`);
    const failing = page.getByRole('main').getByRole('listitem').filter({ hasText: other });
    await expect(failing).toContainText(/the certificate is for .*, not for localhost/, { timeout: 1000 });
    await expect(failing).toContainText('Retrying', { timeout: 1000 });
  }).toPass();
  expect(receiver.statuses).toEqual([]);
  expect((await console.server.request(path, { method: 'DELETE' })).status).toBe(200);
});
