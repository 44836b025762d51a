//! The expected result of a command that is refused.

import { expect } from '@playwright/test';
import type { Ended } from './program.ts';

/**
 * Exit code 1 for what is amiss, 2 for what was asked wrongly; nothing on standard output, and one
 * line on standard error that says what.
 */
export function expectRefused(ended: Ended, code: 1 | 2, ...words: Array<string | RegExp>): void {
  expect(ended, ended.stderr).toMatchObject({ code, stdout: '' });
  expect(ended.stderr).toMatch(/^error: [^\n]+\n$/);
  words.forEach((word) => expect(ended.stderr).toMatch(word));
}
