//! Console: webhooks of an account, which get the events of the messages that name them.

import type { Locator, Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { bearer, expectState, mail, postMessage, submit } from '../../support/mail/messages.ts';
import { Relay } from '../../support/relays/relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { fields, parseResponse } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';
import { type ReceivedEvent, WebhookReceiver, isSigned } from '../../support/servers/webhook-receiver.ts';

test.describe.configure({ mode: 'default' });

const ANN = 'ann@example.org';
const NOBODY = 'nobody@example.net';

let console: TestConsole;
let receiver: WebhookReceiver;
let relay: Relay;
let token: string;

test.beforeAll(async () => {
  console = await TestConsole.start({ POSTERN_USER_RELAY_ALLOW: '127.0.0.1' });
  receiver = await WebhookReceiver.start(console.authority);
  relay = await Relay.start({ refuse: (address) => (address === NOBODY ? { code: 550, text: '5.1.1 no such user' } : undefined) });
  await console.server.save(fields(relay));
  token = await console.server.createAccount(ANN, 'user');
});

test.afterAll(async () => {
  await console?.stop();
  await receiver?.stop();
  await relay?.stop();
});

/** Opens the page by its link on the account page. */
async function openWebhooks(page: Page): Promise<void> {
  await console.signInBrowser(page.context(), ANN);
  await page.goto(`${console.url}/account`);
  await page.getByRole('link', { name: 'Manage message webhooks' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Message webhooks');
}

/** The row of the receiver. */
function row(page: Page): Locator {
  return page.getByRole('main').getByRole('listitem').filter({ hasText: receiver.url });
}

/** Adds the receiver, and returns its secret. */
async function add(page: Page): Promise<string> {
  await page.getByLabel('URL').fill(receiver.url);
  await page.getByRole('button', { name: 'Add webhook' }).click();
  await expect(page.getByRole('status')).toContainText(`The secret of the webhook at ${receiver.host}. Copy it now`);
  return (await page.getByRole('status').locator('code').innerText()).trim();
}

/** The id that messages name the receiver by. */
async function idOf(page: Page): Promise<string> {
  return (await row(page).locator('code').innerText()).trim();
}

async function remove(page: Page): Promise<void> {
  await page.getByRole('link', { name: `Remove: ${receiver.host}` }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(`Remove the webhook at ${receiver.host}?`);
  await page.getByRole('button', { name: 'Remove webhook' }).click();
  await expect(page.getByRole('status')).toHaveText(`The webhook at ${receiver.host} is removed.`);
  await expect(page.getByText('There is no webhook.')).toBeVisible();
}

function parsed(event: ReceivedEvent): { type: string; data: Record<string, unknown> } {
  return JSON.parse(event.body) as { type: string; data: Record<string, unknown> };
}

test('a message names a webhook, which gets a signed event for each recipient', async ({ page }, info) => {
  // Looks at several pages in each width and scheme.
  test.slow();
  await openWebhooks(page);
  await expect(page.getByText('There is no webhook.')).toBeVisible();
  await page.getByLabel('URL').fill('http://127.0.0.1/');
  await page.getByRole('button', { name: 'Add webhook' }).click();
  await expect(page.getByLabel('URL')).toHaveAccessibleDescription(/begins with https/);
  await expect(page.getByLabel('URL'), 'what was typed is kept').toHaveValue('http://127.0.0.1/');
  await expectAccessible(page, info, 'message-webhooks-with-a-fault');
  const secret = await add(page);
  await expectAccessible(page, info, 'message-webhook-added');
  const webhook = await idOf(page);

  const to = ['desk@example.net', NOBODY];
  const [id = ''] = await submit(console.server, mail({ to, webhook }), bearer(token));
  await expectState(console.server, id, 'delivered', 'failed');
  const events = [await receiver.events.next(), await receiver.events.next()];
  for (const event of events) {
    expect(isSigned(event, secret)).toBe(true);
  }
  const received = events.map(parsed).sort((a, b) => a.type.localeCompare(b.type));
  expect(received).toMatchObject([
    { type: 'message.delivered', data: { id, recipient: to[0], attempts: 1, next_attempt: null } },
    { type: 'message.failed', data: { id, recipient: NOBODY, reply: expect.stringContaining('no such user') as unknown } },
  ]);
  await expect(async () => {
    await page.goto(`${console.url}/account/webhooks`);
    await expect(row(page)).toContainText('HTTP 204', { timeout: 1000 });
    await expect(row(page)).not.toContainText('waits', { timeout: 1000 });
  }).toPass();
  await row(page).getByText('Last deliveries').click();
  await expect(row(page)).toContainText('message.delivered');
  await expect(row(page)).toContainText('message.failed');
  await expectAccessible(page, info, 'message-webhook-delivered');

  const refused = await postMessage(console.server, mail({ webhook }));
  expect(refused.status, 'a webhook of another account').toBe(422);
  expect(refused.json.errors.webhook).toContain('no such webhook');
  await remove(page);
});

test('a webhook is moved, switched off and on, tested and gets a new secret', async ({ page }, info) => {
  test.slow();
  await openWebhooks(page);
  const secret = await add(page);
  await page.getByRole('link', { name: `Change URL: ${receiver.host}` }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(`Change the webhook at ${receiver.host}`);
  await expectAccessible(page, info, 'message-webhook-url');
  await page.getByLabel('URL').fill(`${receiver.url}&moved=1`);
  await page.getByRole('button', { name: 'Save URL' }).click();
  await expect(page.getByRole('status')).toHaveText(`Events are posted to ${receiver.host} from now on.`);
  await page.getByRole('button', { name: `Switch off: ${receiver.host}` }).click();
  await expect(page.getByRole('status')).toContainText(`The webhook at ${receiver.host} is switched off.`);
  await page.getByRole('button', { name: `Switch on: ${receiver.host}` }).click();
  await expect(page.getByRole('status')).toHaveText(`The webhook at ${receiver.host} is switched on.`);
  await page.getByRole('button', { name: `New secret: ${receiver.host}` }).click();
  await expect(page.getByRole('status')).toContainText('it is not shown again');
  const renewed = (await page.getByRole('status').locator('code').innerText()).trim();
  await page.getByRole('button', { name: `Send a test event: ${receiver.host}` }).click();
  await expect(page.getByRole('status')).toContainText(`A test event for ${receiver.host} is on its way.`);
  const event = await receiver.events.next();
  expect(event.path).toBe('/hooks?for=postern&moved=1');
  expect(isSigned(event, renewed)).toBe(true);
  expect(isSigned(event, secret), 'the old secret has ended').toBe(false);
  await page.getByRole('link', { name: `Remove: ${receiver.host}` }).click();
  await expectAccessible(page, info, 'message-webhook-remove');
  await page.getByRole('link', { name: 'Back' }).click();
  await remove(page);
});

test('the webhook of another account is not found', async ({ page, consoleErrors }) => {
  consoleErrors.allow(/status of 404/);
  const created = parseResponse(
    await console.server.request('/api/message-webhooks', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ url: 'https://example.org/of-the-administrator' }),
    }),
  );
  expect(created.status, created.text).toBe(200);
  const id = String(created.json.data.id);
  await openWebhooks(page);
  await expect(page.getByText('There is no webhook.')).toBeVisible();
  for (const path of ['change', 'remove']) {
    const found = await page.goto(`${console.url}/account/webhooks/${path}?id=${id}`);
    expect(found?.status(), path).toBe(404);
    await expect(page.getByText('of-the-administrator')).toHaveCount(0);
  }
});
