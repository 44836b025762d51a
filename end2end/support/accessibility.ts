//! Screenshots and axe checks of a page in each colour scheme and width.

import { AxeBuilder } from '@axe-core/playwright';
import { type Page, type TestInfo, expect } from '@playwright/test';

export const SCHEMES = ['light', 'dark'] as const;
export const WIDTHS = [1280, 360] as const;

/** Takes screenshots in every scheme and width; expects no overflow and no violation. */
export async function expectAccessible(page: Page, info: TestInfo, name: string): Promise<void> {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: width < 600 ? 740 : 800 });
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      await takeScreenshot(page, info.outputPath(`${name}-${colorScheme}-${width}.png`));
    }
    await expectNoOverflow(page, `${name} at ${width}`);
  }
  // The schemes differ in colours only.
  await expectNoViolation(page, `${name}, dark`, ['color-contrast']);
  await page.emulateMedia({ colorScheme: 'light' });
  await expectNoViolation(page, name);
}

async function takeScreenshot(page: Page, path: string): Promise<void> {
  // Elements with a sticky position would appear in the middle of a full-page screenshot.
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.screenshot({ path, fullPage: true, animations: 'disabled' });
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
