//! Screenshots and axe checks of a page in each colour scheme and width.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Page, type TestInfo, expect } from '@playwright/test';
import type axe from 'axe-core';

export const SCHEMES = ['light', 'dark'] as const;
export const WIDTHS = [1280, 360] as const;

/** The smallest font size of visible text, in CSS pixels. */
const SMALLEST_FONT_PX = 12;

/** The minified script of axe: every document parses it anew. */
const AXE_SCRIPT = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Screenshots are for people to look at, and take a third of the time of all specs. */
const takesScreenshots = process.env.POSTERN_SCREENSHOTS !== undefined;

/** Expects neither overflow, small text nor violation in each width; takes screenshots where they are asked for. */
export async function expectAccessible(page: Page, info: TestInfo, name: string): Promise<void> {
  await loadAxe(page);
  for (const width of WIDTHS) {
    const view = `${name} at ${width}`;
    await page.setViewportSize({ width, height: width < 600 ? 740 : 800 });
    if (takesScreenshots) {
      await takeScreenshots(page, (scheme) => info.outputPath(`${name}-${scheme}-${width}.png`));
    }
    await expectNoOverflow(page, view);
    await expectNoSmallText(page, view);
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

/** Text for screen readers only and text of closed details is not visible. */
async function expectNoSmallText(page: Page, description: string): Promise<void> {
  const found = await page.evaluate((smallest) => {
    const isVisible = (element: Element) => {
      const { width, height } = element.getBoundingClientRect();
      return width > 1 && height > 1 && element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    };
    /** CSS pixels per unit: the text of a chart is scaled with the chart. */
    const scale = (element: Element) => {
      const matrix = element instanceof SVGGraphicsElement ? element.getScreenCTM() : null;
      return matrix ? Math.sqrt(Math.abs(matrix.a * matrix.d - matrix.b * matrix.c)) : 1;
    };
    const elements = new Set<Element>(document.querySelectorAll('body :is(input, select, textarea)'));
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
      if (text.parentElement && text.textContent?.trim()) {
        elements.add(text.parentElement);
      }
    }
    return [...elements].flatMap((element) => {
      const size = parseFloat(getComputedStyle(element).fontSize) * scale(element);
      // Scales are not exact.
      return size < smallest - 0.01 && isVisible(element) ? [`${size.toFixed(2)} px: ${element.outerHTML}`] : [];
    });
  }, SMALLEST_FONT_PX);
  expect(found, `${description}: no text is smaller than ${SMALLEST_FONT_PX} px`).toEqual([]);
}

/** The window of a document with axe. */
interface AxeWindow {
  axe: typeof axe;
}

/** Loads axe into the document, once. It checks the page only, which has no frames. */
async function loadAxe(page: Page): Promise<void> {
  if (!(await page.evaluate(() => 'axe' in window))) {
    await page.evaluate(AXE_SCRIPT);
  }
}

async function expectNoViolation(page: Page, description: string, rules?: string[]): Promise<void> {
  const summaries = await page.evaluate(async (rules) => {
    const { axe } = window as unknown as AxeWindow;
    const { violations } = await axe.run(document, {
      runOnly: rules && { type: 'rule', values: rules },
      // Of what passes, which is most of a page, axe describes one element a rule.
      resultTypes: ['violations'],
      selectors: false,
    });
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}\n${node.failureSummary}`));
  }, rules);
  expect(summaries, description).toEqual([]);
}
