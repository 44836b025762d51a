//! Playwright's `test`, which fails on errors in the browser's console.

import { type BrowserContext, type Page, test as base } from '@playwright/test';

export { expect } from '@playwright/test';

interface Fixtures {
  /** What the browsers complained about; a test that leaves some there fails. */
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

/** Refused requests are part of many tests; Chromium notes each in its console. */
const REFUSED = /^Failed to load resource: the server responded with a status of 4\d\d/;

export class Complaints {
  readonly heard: string[] = [];
  private expected: RegExp[] = [REFUSED];

  /** Listens to every page of a context. A test says so for those it makes itself. */
  of(context: BrowserContext): void {
    context.on('page', (page) => this.listen(page));
  }

  /** What the browser has to note in this test, such as a server that is gone. */
  expect(noted: RegExp): void {
    this.expected.push(noted);
  }

  private listen(page: Page): void {
    page.on('pageerror', (error) => this.heard.push(error.message));
    // Violations of the content security policy are among these.
    page.on('console', (message) => {
      const loud = message.type() === 'error' || message.type() === 'warning';
      if (loud && !this.expected.some((noted) => noted.test(message.text()))) {
        this.heard.push(message.text());
      }
    });
  }
}
