//! Console: the place of the report of a test or diagnosis, and its notice about later edits.

import type { Locator, Page } from '@playwright/test';
import type { EmailPage, FieldValues } from '../../support/pages/email-page.ts';
import { Relay } from '../../support/relays/relay.ts';
import { closedPort } from '../../support/relays/tcp-relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

const EDITED = 'The form was edited since; this result is for the earlier settings.';

let console: TestConsole;

test.beforeAll(async () => {
  console = await TestConsole.start();
});

test.afterAll(() => console?.stop());

function settingsFor(port: number): FieldValues {
  return { 'Email Address': 'alerts@example.org', 'Host Name': '127.0.0.1', Port: String(port) };
}

/** The first paragraph of a result. */
function outcome(settings: EmailPage): Locator {
  return settings.testSection.getByRole('paragraph').filter({ hasText: /^(Sent in|Failed after|Every stage passed in) .+\. / });
}

const RUNS: Array<{ name: string; start: (settings: EmailPage) => Promise<void>; title: RegExp }> = [
  { name: 'a test', start: (settings) => settings.test(), title: /^Sent in / },
  { name: 'a diagnosis', start: (settings) => settings.diagnose.click(), title: /^Every stage passed in / },
];

for (const { name, start, title } of RUNS) {
  test(`the result of ${name} says that the form was edited since`, async ({ page }) => {
    const relay = await Relay.start();
    const settings = await console.settings(page, await console.createAdmin());
    await settings.fill(settingsFor(relay.port));
    await start(settings);
    await expect(outcome(settings)).toHaveText(title);
    const edited = settings.testSection.getByText(EDITED);
    await expect(edited).toBeHidden();

    await settings.fill({ 'Email Address': 'others@example.org' });
    await expect(edited).toBeVisible();
    await expect(outcome(settings), 'the result stays').toBeVisible();
    await settings.fill({ 'Email Address': 'alerts@example.org' });
    await expect(edited, 'the form is as it was tested').toBeHidden();
    await settings.fill({ Password: 'another' });
    await expect(edited, 'the password is of the settings').toBeVisible();
    await settings.fill({ Password: '' });
    await expect(edited).toBeHidden();
    await settings.recipient.fill('you@example.net');
    await expect(edited, 'the recipient is not of the settings').toBeHidden();

    await settings.fill({ 'From Name': 'Alerts' });
    await expect(edited).toBeVisible();
    await start(settings);
    await expect(outcome(settings)).toHaveText(title);
    await expect(edited, 'a result of the form as it is').toBeHidden();
    await relay.stop();
  });
}

test('the form and the test are side by side from a width of 1200 px', async ({ page }) => {
  const settings = await console.settings(page);
  const boxes = async () => {
    const [form, section] = [await settings.form.boundingBox(), await settings.testSection.boundingBox()];
    if (!form || !section) {
      throw new Error('the form or the test is not visible');
    }
    return { form, section };
  };
  for (const width of [1200, 1920]) {
    await page.setViewportSize({ width, height: 800 });
    const { form, section } = await boxes();
    expect(section.x, `beside the form at ${width}`).toBeGreaterThanOrEqual(form.x + form.width);
    expect(section.y, `as high as the form at ${width}`).toBeCloseTo(form.y, 0);
  }
  for (const width of [1199, 360]) {
    await page.setViewportSize({ width, height: 800 });
    const { form, section } = await boxes();
    expect(section.y, `below the form at ${width}`).toBeGreaterThanOrEqual(form.y + form.height);
    expect(section.x, `in the column of the form at ${width}`).toBeCloseTo(form.x, 0);
  }
});

/** Expects all of an element in the window, not covered by another element. */
async function expectInView(page: Page, element: Locator, description: string): Promise<void> {
  await expect(element, description).toBeInViewport({ ratio: 1 });
  // The page scrolls once after the last snapshot.
  const isOnTop = () =>
    element.evaluate((shown) => {
      const { x, y, width, height } = shown.getBoundingClientRect();
      return [y + 2, y + height - 2].every((at) => shown.contains(document.elementFromPoint(x + width / 2, at)));
    });
  await expect.poll(isOnTop, `${description}: not covered`).toBe(true);
}

for (const [device, viewport] of [
  ['1280 × 800', { width: 1280, height: 800 }],
  ['a phone', { width: 360, height: 740 }],
] as const) {
  test(`what a run found is in view without scrolling: ${device}`, async ({ page }) => {
    await page.setViewportSize(viewport);
    const relay = await Relay.start();
    const settings = await console.settings(page, await console.createAdmin());
    const reach = async (port: number, start: () => Promise<void>, title: RegExp) => {
      await settings.fill(settingsFor(port));
      await start();
      await expect(settings.sendTest).toBeEnabled();
      await expect(settings.cancel).toBeHidden();
      await expect(outcome(settings)).toHaveText(title);
      await expectInView(page, outcome(settings), `${device}: ${title.source}`);
    };
    await reach(relay.port, () => settings.test(), /^Sent in /);
    await reach(await closedPort(), () => settings.test(), /^Failed after /);
    await reach(relay.port, () => settings.diagnose.click(), /^Every stage passed in /);
    await reach(await closedPort(), () => settings.diagnose.click(), /^Failed after /);
    await relay.stop();
  });
}
