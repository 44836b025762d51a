//! The expected result of a command that is refused.

import { expect } from '@playwright/test';
import type { ExitedProcess } from './program.ts';

/**
 * Expects exit code 1 for failures or 2 for usage errors, nothing on standard output, and one
 * line on standard error that names the fault.
 */
export function expectCommandFailure(result: ExitedProcess, code: 1 | 2, ...texts: Array<string | RegExp>): void {
  expect(result, result.stderr).toMatchObject({ code, stdout: '' });
  expect(result.stderr).toMatch(/^error: [^\n]+\n$/);
  texts.forEach((text) => expect(result.stderr).toMatch(text));
}
