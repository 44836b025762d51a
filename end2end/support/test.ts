//! Playwright's `test`, which fails on errors in the browser's console.

import { type BrowserContext, type Page, test as base } from '@playwright/test';

export { expect } from '@playwright/test';

interface Fixtures {
  /** Errors in the browser console; a test with unexpected ones fails. */
  complaints: Complaints;
}

export const test = base.extend<Fixtures>({
  complaints: [
    async ({ context }, use) => {
      const complaints = new Complaints();
      complaints.of(context);
      await use(complaints);
      if (complaints.heard.length > 0) {
        throw new Error(`the browser complained:\n${complaints.heard.join('\n')}`);
      }
    },
    { auto: true },
  ],
});

/** Chromium logs each 4xx response, which many tests expect. */
const REFUSED = /^Failed to load resource: the server responded with a status of 4\d\d/;

export class Complaints {
  readonly heard: string[] = [];
  private expected: RegExp[] = [REFUSED];

  /** Watches every page of a context. A test calls it for contexts that it creates. */
  of(context: BrowserContext): void {
    context.on('page', (page) => this.listen(page));
  }

  /** Allows console messages of this test, such as those about a stopped server. */
  expect(noted: RegExp): void {
    this.expected.push(noted);
  }

  private listen(page: Page): void {
    page.on('pageerror', (error) => this.heard.push(error.message));
    // Includes violations of the Content-Security-Policy.
    page.on('console', (message) => {
      const loud = message.type() === 'error' || message.type() === 'warning';
      if (loud && !this.expected.some((noted) => noted.test(message.text()))) {
        this.heard.push(message.text());
      }
    });
  }
}
