//! Playwright's `test`, with a Postern in front of every page and an ear for complaints.

import { type Page, test as base } from '@playwright/test';
import { Postern } from './postern.ts';

export { expect } from '@playwright/test';

interface Fixtures {
  /** A Postern nobody has used yet. */
  postern: Postern;
  /** What the browser complained about; a test that leaves some there fails. */
  complaints: string[];
}

export const test = base.extend<Fixtures>({
  // Playwright wants the braces.
  postern: async ({}, use, info) => {
    const postern = await Postern.start();
    await use(postern);
    await postern.stop();
    if (info.status !== info.expectedStatus) {
      await info.attach('postern', { body: postern.output, contentType: 'text/plain' });
    }
  },

  baseURL: async ({ postern }, use) => use(postern.url),

  complaints: [
    async ({ context }, use) => {
      const complaints: string[] = [];
      context.on('page', (page) => listen(page, complaints));
      await use(complaints);
      if (complaints.length > 0) {
        throw new Error(`the browser complained:\n${complaints.join('\n')}`);
      }
    },
    { auto: true },
  ],
});

/** Refused requests are part of many tests; Chromium notes each in its console. */
const REFUSED = /^Failed to load resource: the server responded with a status of 4\d\d/;

function listen(page: Page, complaints: string[]): void {
  page.on('pageerror', (error) => complaints.push(error.message));
  // Violations of the content security policy are among these.
  page.on('console', (message) => {
    const loud = message.type() === 'error' || message.type() === 'warning';
    if (loud && !REFUSED.test(message.text())) {
      complaints.push(message.text());
    }
  });
}
