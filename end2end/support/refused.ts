//! The expected result of a command that is refused.

import { expect } from '@playwright/test';
import type { Ended } from './program.ts';

/**
 * Expects exit code 1 for failures or 2 for usage errors, nothing on standard output, and one
 * line on standard error that names the fault.
 */
export function expectRefused(ended: Ended, code: 1 | 2, ...words: Array<string | RegExp>): void {
  expect(ended, ended.stderr).toMatchObject({ code, stdout: '' });
  expect(ended.stderr).toMatch(/^error: [^\n]+\n$/);
  words.forEach((word) => expect(ended.stderr).toMatch(word));
}
