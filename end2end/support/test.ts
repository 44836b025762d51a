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

/** A screenshot turns motion off, which ends the transition between two pages that is under way. */
const ENDED_TRANSITION = /^Transition was aborted because of invalid state\. ViewTransition opt-in disabled/;

export class ConsoleErrors {
  readonly messages: string[] = [];
  private expected: RegExp[] = [CLIENT_ERROR, ENDED_TRANSITION];

  /** Watches every page of a context. A test calls it for contexts that it creates. */
  watch(context: BrowserContext): void {
    context.on('page', (page) => this.listen(page));
  }

  /** Allows console messages of this test, such as those about a stopped server. */
  allow(pattern: RegExp): void {
    this.expected.push(pattern);
  }

  private add(message: string): void {
    if (!this.expected.some((pattern) => pattern.test(message))) {
      this.messages.push(message);
    }
  }

  private listen(page: Page): void {
    page.on('pageerror', (error) => this.add(error.message));
    // Includes violations of the Content-Security-Policy.
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') {
        this.add(message.text());
      }
    });
  }
}
