//! Console: the audit log with its filters, pages and files, and its verification.

import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { requestOk } from '../../support/mail/messages.ts';
import { runShell } from '../../support/program/program.ts';
import { ADMIN, TestConsole } from '../../support/pages/test-console.ts';
import { parseResponse } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

const ANN = 'ann@example.org';

/** A name that a spreadsheet would take for a formula. */
const FORMULA = '=HYPERLINK("https://example.org")';

let console: TestConsole;

test.beforeAll(async () => {
  console = await TestConsole.start();
  await console.server.createAccount(ANN, 'user');
  await requestOk(console.server, '/api/tokens', { name: FORMULA, account: ADMIN, scopes: ['read'] });
});

test.afterAll(async () => {
  await console?.stop();
});

/** Opens the page by its link. */
async function openAudit(page: Page): Promise<void> {
  await console.signInBrowser(page.context());
  await page.goto(`${console.url}/home`);
  await page.getByRole('navigation', { name: 'Console' }).getByRole('link', { name: 'Audit log' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Audit log');
}

function rows(page: Page) {
  return page.getByRole('region', { name: 'Rows' }).getByRole('listitem');
}

async function search(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Search' }).click();
}

/** Downloads the file that the page of the export offers. */
async function exported(page: Page, format: string): Promise<{ name: string; text: string }> {
  await page.getByLabel('Format').selectOption(format);
  const downloading = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export' }).click();
  const download = await downloading;
  return { name: download.suggestedFilename(), text: await readFile(await download.path(), 'utf8') };
}

/** Runs a statement on the database of the server, as another program would. */
async function tamper(statement: string): Promise<void> {
  const file = `${console.server.postern.data}/postern.db`;
  const program = 'import sqlite3, sys; base = sqlite3.connect(sys.argv[1], timeout=10); base.execute(sys.argv[2]); base.commit()';
  const done = await runShell(`python3 -c '${program}' '${file}' "${statement}"`);
  expect(done, done.stderr).toMatchObject({ code: 0 });
}

test('rows are filtered by who, what, kind of object and time', async ({ page, consoleErrors }, info) => {
  // The time that is none.
  consoleErrors.allow(/status of 422/);
  // Looks at several pages in each width and scheme.
  test.slow();
  await openAudit(page);
  await expect(rows(page).filter({ hasText: 'create account' }).first()).toContainText(/Row \d+ of \S+/);
  await expectAccessible(page, info, 'audit');

  await page.getByLabel('What').selectOption('create token');
  await page.getByLabel('Who contains').fill(ADMIN);
  await search(page);
  await expect(rows(page)).toHaveCount(1);
  await expect(rows(page)).toContainText(`${FORMULA} for ${ADMIN}`);
  await expect(rows(page)).toContainText(/create token\s*done/);
  await expect(page.getByLabel('What'), 'the filter is kept').toHaveValue('create token');
  await page.getByRole('link', { name: 'Clear' }).click();

  await page.getByLabel('Kind of object').selectOption('Sessions');
  await search(page);
  await expect(rows(page).first()).toContainText(new RegExp(`${ADMIN} from \\S+, \\d{4}-`));
  await expect(rows(page).filter({ hasNotText: /log(in|out)|session/ })).toHaveCount(0);
  await page.getByText('By time, origin, outcome or detail').click();
  await page.getByLabel('Before (UTC)').fill('2001-01-01T00:00');
  await search(page);
  await expect(page.getByText('No row matches.')).toBeVisible();
  await expectAccessible(page, info, 'audit-nothing');
  await page.goto(`${console.url}/audit?since=soon`);
  await expect(page.getByRole('alert')).toContainText('Enter a date');
});

test('there are pages of rows, and files in which no text is a formula', async ({ page }, info) => {
  // Makes 60 rows, and looks at a page in each width and scheme.
  test.slow();
  for (let number = 0; number < 30; number += 1) {
    await requestOk(console.server, '/api/outbox/pause', { on: true });
    await requestOk(console.server, '/api/outbox/pause', { on: false });
  }
  await openAudit(page);
  await page.getByLabel('What').selectOption('pause delivery');
  await search(page);
  await expect(rows(page)).toHaveCount(50);
  await page.getByRole('link', { name: 'Older' }).click();
  await expect(rows(page)).toHaveCount(10);
  await expect(page.getByRole('link', { name: 'Older' })).toHaveCount(0);
  await page.getByRole('link', { name: 'Newest' }).click();
  await expect(rows(page)).toHaveCount(50);
  const newest = parseResponse(await console.server.request('/api/audit?action=pause+delivery')).json;
  const { data, next } = newest as unknown as { data: Array<{ id: string }>; next: string };
  const rest = parseResponse(await console.server.request(`/api/audit?action=pause+delivery&before=${next}`)).json;
  const older = (rest as unknown as { data: Array<{ id: string }>; next: null }).data;
  expect(new Set([...data, ...older].map(({ id }) => id)).size, 'each once').toBe(60);

  await page.getByLabel('What').selectOption('create token');
  await search(page);
  await page.getByRole('link', { name: 'Export all rows that match' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Export the audit log');
  await expect(page.getByText('The rows with action “create token”.')).toBeVisible();
  await expectAccessible(page, info, 'audit-export');
  const csv = await exported(page, 'CSV');
  expect(csv.name).toBe('audit.csv');
  const lines = csv.text.trimEnd().split('\r\n');
  expect(lines[0]).toBe('id,at,at_milliseconds,actor,origin,action,outcome,detail,node,number,hash');
  expect(lines.filter((line) => line.includes(`"'=HYPERLINK(""https://example.org"") for ${ADMIN}"`))).toHaveLength(1);
  const json = await exported(page, 'JSON lines');
  expect(json.name).toBe('audit.jsonl');
  const written = json.text.trimEnd().split('\n').map((line) => JSON.parse(line) as { action: string; detail: string });
  expect(new Set(written.map(({ action }) => action)), 'the filter holds').toEqual(new Set(['create token']));
  expect(written.map(({ detail }) => detail)).toContain(`${FORMULA} for ${ADMIN}`);
  await page.goto(`${console.url}/audit?action=export+audit`);
  await expect(rows(page)).toHaveCount(2);
});

test('a user is refused, and the refusal has a row', async ({ page, browser, consoleErrors }) => {
  consoleErrors.allow(/status of 403/);
  const other = await (await browser.newContext()).newPage();
  await console.signInBrowser(other.context(), ANN);
  expect((await other.goto(`${console.url}/audit`))?.status()).toBe(403);
  await expect(other.getByRole('heading', { level: 1 })).toHaveText('This page is for administrators');
  await openAudit(page);
  await page.getByLabel('Who contains').fill(ANN);
  await page.getByLabel('What').selectOption('read audit');
  await search(page);
  await expect(rows(page)).toHaveCount(1);
  await expect(rows(page)).toContainText('refused (403)');
  await other.context().close();
});

test('each row has a copy in the log', async () => {
  const { data } = parseResponse(await console.server.request('/api/audit?action=create+token')).json;
  const [row] = data as unknown as Array<{ id: string; hash: string; node: string; number: number }>;
  expect(row).toBeDefined();
  const line = console.server.postern.output.split('\n').find((text) => text.includes(row?.id ?? ''));
  expect(line).toContain(`hash="${row?.hash}"`);
  expect(line).toContain('action="create token"');
  expect(line).toContain(`number=${row?.number}`);
});

test('the command lists, exports and verifies the audit log', async () => {
  const listed = await console.server.command(['audit', 'list', '--action', 'create token', '--limit', '1']);
  expect(listed).toMatchObject({ code: 0, stderr: '' });
  expect(listed.stdout).toMatch(/^\d{4}-\S+Z {2}\S.* {2}create token {2}done {2}\S.*\n$/);
  const asked = ['--object', 'account', '--actor', 'uid'];
  const json = await console.server.command(['audit', 'list', '--json', ...asked]);
  expect(JSON.parse(json.stdout.split('\n')[0] ?? '')).toMatchObject({ action: 'create account', outcome: 'done', hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
  const csv = await console.server.command(['audit', 'export', '--format', 'csv', ...asked]);
  expect(csv.stdout.split('\r\n')[0]).toContain('id,at,');
  const wrong = await console.server.command(['audit', 'list', '--object', 'thing']);
  expect(wrong).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--object: Choose account') });

  const verified = await console.server.command(['audit', 'verify']);
  expect(verified, verified.stdout).toMatchObject({ code: 0, stderr: '' });
  expect(verified.stdout).toMatch(/^\S+: \d+ rows are intact, the last hash is [0-9a-f]{64}\n$/);
  await tamper("UPDATE audit SET actor = 'nobody' WHERE number = 2");
  const changed = await console.server.command(['audit', 'verify']);
  expect(changed, changed.stdout).toMatchObject({ code: 1, stderr: '' });
  expect(changed.stdout).toMatch(/^\S+: row 2 \([0-9A-Z]{26}, \S+Z\) was changed; 1 row is intact before it\n$/);
  await tamper('DELETE FROM audit WHERE number = 1');
  const removed = await console.server.command(['audit', 'verify']);
  expect(removed).toMatchObject({ code: 1, stdout: expect.stringContaining('row 1 was taken away; 0 rows are intact before it') });

  // As of a node of an earlier version, in a rolling upgrade.
  await tamper("INSERT INTO audit (id, at, actor, origin, action, outcome, detail) VALUES ('01JD0000000000000000000000', 0, 'ann', '', 'login', 'done', '')");
  const inserted = await console.server.command(['audit', 'verify']);
  expect(inserted.stdout).toContain('1 row is in no chain and was not there when the chains began');
  const accepted = await console.server.command(['audit', 'accept-rows']);
  expect(accepted).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('1 row is accepted') });
  expect((await console.server.command(['audit', 'verify'])).stdout).not.toContain('when the chains began');

  // A database that fails is no row that was changed.
  await tamper('ALTER TABLE audit_chain RENAME TO audit_chain_away');
  const failed = await console.server.command(['audit', 'verify']);
  await tamper('ALTER TABLE audit_chain_away RENAME TO audit_chain');
  expect(failed).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('the audit log was not verified') });
});
