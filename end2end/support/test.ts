//! Playwright's `test`, which fails on errors in the browser's console.

import { type BrowserContext, type Page, test as base } from '@playwright/test';

export { expect } from '@playwright/test';

interface Fixtures {
  /** Errors in the browser console; a test with unexpected ones fails. */
  consoleErrors: ConsoleErrors;
}

export const test = base.extend<Fixtures>({
  consoleErrors: [
    async ({ context }, use) => {
      const consoleErrors = new ConsoleErrors();
      consoleErrors.watch(context);
      await use(consoleErrors);
      if (consoleErrors.messages.length > 0) {
        throw new Error(`errors in the browser console:\n${consoleErrors.messages.join('\n')}`);
      }
    },
    { auto: true },
  ],
});

/** Chromium logs each 4xx response, which many tests expect. */
const CLIENT_ERROR = /^Failed to load resource: the server responded with a status of 4\d\d/;

/** On a busy machine a page takes seconds to use what it preloads; page-assets checks that it does. */
const SLOW_PRELOAD = /was preloaded using link preload but not used within a few seconds/;

export class ConsoleErrors {
  readonly messages: string[] = [];
  private expected: RegExp[] = [CLIENT_ERROR, SLOW_PRELOAD];

  /** Watches every page of a context. A test calls it for contexts that it creates. */
  watch(context: BrowserContext): void {
    context.on('page', (page) => this.listen(page));
  }

  /** Allows console messages of this test, such as those about a stopped server. */
  allow(pattern: RegExp): void {
    this.expected.push(pattern);
  }

  private listen(page: Page): void {
    page.on('pageerror', (error) => this.messages.push(error.message));
    // Includes violations of the Content-Security-Policy.
    page.on('console', (message) => {
      const loud = message.type() === 'error' || message.type() === 'warning';
      if (loud && !this.expected.some((pattern) => pattern.test(message.text()))) {
        this.messages.push(message.text());
      }
    });
  }
}
