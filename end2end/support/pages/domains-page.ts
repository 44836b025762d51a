//! Page object of a domain: its records and its DKIM keys.

import { type Locator, type Page, expect } from '@playwright/test';

/** What the page says of a record. */
export interface Finding {
  state: string;
  why: string;
  /** The records as they are. */
  found: string[];
  /** The record as it should be, if the page has one. */
  expected: string[];
}

/** The row of a record. */
export function record(page: Page, kind: string): Locator {
  return page.getByRole('region', { name: 'Records' }).getByRole('listitem').filter({ hasText: new RegExp(`^${kind}`) });
}

/** What a row of `record` says. */
export async function readFinding(row: Locator): Promise<Finding> {
  const records = (term: string) => row.locator(`dt${term} + dd code`).allTextContents();
  return {
    state: (await row.locator('.badge').textContent()) ?? '',
    why: (await row.locator('.suppression-info > span').textContent()) ?? '',
    found: await records(':first-child'),
    expected: await records(':text-is("As it should be")'),
  };
}

/** The keys of the domain. */
export function keys(page: Page): Locator {
  return page.getByRole('region', { name: 'DKIM keys of Postern' }).getByRole('listitem');
}

/** Makes a key, and returns its selector. */
export async function makeKey(page: Page, algorithm: string): Promise<string> {
  await page.getByRole('button', { name: new RegExp(`^Make an ${algorithm} key`) }).click();
  const made = page.getByRole('status');
  await expect(made).toHaveText(/^The key postern-\d{8}-[0-9a-z]{6} is made\./);
  return (await made.innerText()).split(' ')[2] ?? '';
}
