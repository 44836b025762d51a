//! Screenshots and axe checks of a page in each colour scheme and width.

import { AxeBuilder } from '@axe-core/playwright';
import { type Page, type TestInfo, expect } from '@playwright/test';

export const SCHEMES = ['light', 'dark'] as const;
export const WIDTHS = [1280, 360] as const;

/** Screenshots are for people to look at, and take a third of the time of all specs. */
const takesScreenshots = process.env.POSTERN_SCREENSHOTS !== undefined;

/** Expects neither overflow nor violation in each width; takes screenshots where they are asked for. */
export async function expectAccessible(page: Page, info: TestInfo, name: string): Promise<void> {
  for (const width of WIDTHS) {
    const view = `${name} at ${width}`;
    await page.setViewportSize({ width, height: width < 600 ? 740 : 800 });
    if (takesScreenshots) {
      await takeScreenshots(page, (scheme) => info.outputPath(`${name}-${scheme}-${width}.png`));
    }
    await expectNoOverflow(page, view);
    // The schemes differ in colours only.
    await page.emulateMedia({ colorScheme: 'dark' });
    await expectNoViolation(page, `${view}, dark`, ['color-contrast']);
    await page.emulateMedia({ colorScheme: 'light' });
    await expectNoViolation(page, view);
  }
}

async function takeScreenshots(page: Page, path: (scheme: string) => string): Promise<void> {
  // Elements with a sticky position would appear in the middle of a full-page screenshot.
  await page.evaluate(() => window.scrollTo(0, 0));
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: path(colorScheme), fullPage: true, animations: 'disabled' });
  }
}

async function expectNoOverflow(page: Page, description: string): Promise<void> {
  const elements = await page.evaluate(() => {
    const edge = window.innerWidth;
    if (document.documentElement.scrollWidth <= edge) {
      return [];
    }
    const all = [...document.querySelectorAll('body *')];
    return all.filter((element) => element.getBoundingClientRect().right > edge).map((element) => element.outerHTML);
  });
  expect(elements, `${description}: nothing is wider than the window`).toEqual([]);
}

async function expectNoViolation(page: Page, description: string, rules?: string[]): Promise<void> {
  // Legacy mode needs no second page; it leaves out frames of other origins, and there are none.
  const axe = new AxeBuilder({ page }).setLegacyMode();
  const { violations } = await (rules ? axe.withRules(rules) : axe).analyze();
  const summaries = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}\n${node.failureSummary}`));
  expect(summaries, description).toEqual([]);
}
