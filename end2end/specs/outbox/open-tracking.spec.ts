//! Open tracking: a mail program loads the image, and the sender sees how often and when.

import type { Browser } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { mail, message, postMessage } from '../../support/mail/messages.ts';
import { Relay } from '../../support/relays/relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { fields } from '../../support/api/test-server.ts';
import { type ConsoleErrors, expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

const HTML = '<html><body><h1>Alarm</h1><p>Fire in hall 3.</p></body></html>';

let console: TestConsole;
let relay: Relay;

test.beforeAll(async () => {
  console = await TestConsole.start();
  relay = await Relay.start();
  await console.server.save(fields(relay));
});

test.afterAll(async () => {
  await console?.stop();
  await relay?.stop();
});

/** Shows a mail as a mail program does that knows nothing of Postern. */
async function show(browser: Browser, consoleErrors: ConsoleErrors, html: string): Promise<void> {
  const context = await browser.newContext();
  consoleErrors.watch(context);
  const page = await context.newPage();
  await page.setContent(html);
  const image = page.locator('img');
  await expect.poll(() => image.evaluate((element: HTMLImageElement) => element.naturalWidth)).toBe(1);
  expect(await context.cookies(), 'the image sets no cookie').toEqual([]);
  await context.close();
}

test('a mail that is shown is counted, on its page and over REST', async ({ page, browser, consoleErrors }, info) => {
  // Looks at the page in each width and scheme.
  test.slow();
  const sent = await postMessage(console.server, mail({ html: HTML, track_opens: true }));
  expect(sent.status, sent.text).toBe(202);
  expect(sent.json.open_tracking).toContain(`loads an image from ${console.url}/open/`);
  const id = sent.json.id as string;
  const html = String((await relay.mails.next()).mail.html);
  expect(html).toMatch(new RegExp(`<img src="${console.url}/open/[\\w-]{22}\\.gif" width="1" height="1" alt=""></body>`));
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/outbox/${id}`);
  await expect(page.getByText('Not yet, or by a mail program that blocks images.')).toBeVisible();

  await show(browser, consoleErrors, html);
  await show(browser, consoleErrors, html);
  await expect.poll(async () => (await message(console.server, id)).open_tracking?.opens).toBe(2);
  expect(console.server.postern.output, 'who loads it is not logged').not.toContain('/open/');
  const { first_opened_at, last_opened_at } = (await message(console.server, id)).open_tracking ?? {};
  expect(String(first_opened_at) <= String(last_opened_at)).toBe(true);
  await page.goto(`${console.url}/outbox/${id}`);
  await expect(page.getByText(/^2 times, first \d{4}-.* UTC, last \d{4}-.* UTC$/)).toBeVisible();
  await expectAccessible(page, info, 'message-opened');
});

test('the policy switches it off', async ({ page }) => {
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/settings/policy`);
  const allowed = page.getByLabel('Open tracking may be used');
  await expect(allowed).toBeChecked();
  await allowed.uncheck();
  await page.getByRole('button', { name: 'Save policy' }).click();
  await expect(page.getByText('The policy is saved.')).toBeVisible();
  await expect(allowed).not.toBeChecked();
  await expect
    .poll(async () => (await postMessage(console.server, mail({ html: HTML, track_opens: true }))).json.errors)
    .toEqual({ track_opens: expect.stringContaining('policy') });
  const plain = await postMessage(console.server, mail({ html: HTML }));
  expect([plain.status, plain.json.open_tracking]).toEqual([202, undefined]);
  expect((await relay.mails.next()).mail.html).not.toContain('<img');
});
