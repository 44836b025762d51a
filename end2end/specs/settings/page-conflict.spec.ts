//! Console: the conflict of two administrators who save at the same time.

import type { EmailPage } from '../../support/pages/email-page.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { fields } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

let console: TestConsole;

test.beforeAll(async () => {
  console = await TestConsole.start();
  await console.server.createAccount('mara@example.org', 'admin');
  const password = await console.server.sealed('from the beginning');
  const savedSettings = await console.server.save(
    fields(
      { port: 587 },
      { smtp_username: 'alerts', smtp_host: 'smtp.example.org', smtp_authentication_type: 'Plain', smtp_password: password },
    ),
  );
  expect(savedSettings.status, savedSettings.text).toBe(200);
});

test.afterAll(() => console?.stop());

const readSaved = async () => (await console.server.read()).json.data;

/** The second administrator edits, the first saves, the second submits. */
async function saveInTurn(second: EmailPage, first: EmailPage, otherValue: string): Promise<void> {
  await second.fill({ 'From Name': 'Mine', Password: 'typed by me' });
  await first.save({ 'From Name': otherValue, Port: '2525', Password: `typed by ${otherValue}` });
  await second.submit.click();
  await expect(second.conflict).toBeVisible();
  await expect(second.conflict).toBeFocused();
  await expect(second.conflict).toContainText('Other changes were saved first');
  await expect(second.conflict).toContainText(/mara@example\.org saved at .* UTC\. Your edits are kept/);
  expect((await readSaved()).smtp_from_name, 'the save was refused').toBe(otherValue);
}

/** The conflict table, cell by cell. */
async function conflictRows(settings: EmailPage): Promise<string[][]> {
  const rows = await settings.conflict.getByRole('row').all();
  return Promise.all(rows.map((row) => row.getByRole('cell').or(row.getByRole('columnheader')).or(row.getByRole('rowheader')).allTextContents()));
}

test('keeping the own values', async ({ page, browser, consoleErrors }) => {
  const otherContext = await browser.newContext();
  consoleErrors.watch(otherContext);
  const second = await console.settings(page);
  const first = await console.settings(await otherContext.newPage(), 'mara@example.org');
  await saveInTurn(second, first, 'Theirs');
  expect(await conflictRows(second)).toEqual([
    ['Field', 'Theirs', 'Yours'],
    ['Port', '2525', '587'],
    ['From Name', 'Theirs', 'Mine'],
    ['Password', 'as they left it', 'the one you typed'],
  ]);
  await expect(second.field('From Name')).toHaveValue('Mine');
  await expect(second.field('Password')).toHaveValue('typed by me');

  // The conflict is unresolved: another Submit overwrites nothing.
  await second.submit.click();
  await expect(second.conflict).toBeVisible();
  expect((await readSaved()).smtp_from_name).toBe('Theirs');

  await second.conflict.getByRole('button', { name: 'Keep mine' }).click();
  await expect(second.conflict).toBeHidden();
  await expect(second.submit).toBeFocused();
  await expect(second.form).toContainText('The next Submit replaces what the other administrator saved.');
  await expect(second.field('Password')).toHaveValue('typed by me');
  expect((await readSaved()).smtp_from_name, 'not before Submit').toBe('Theirs');
  await second.save();
  expect(await readSaved()).toMatchObject({ smtp_from_name: 'Mine', smtp_port: '587' });
  await otherContext.close();
});

test("taking the other administrator's values", async ({ page, browser, consoleErrors }) => {
  const otherContext = await browser.newContext();
  consoleErrors.watch(otherContext);
  const second = await console.settings(page);
  const first = await console.settings(await otherContext.newPage(), 'mara@example.org');
  await saveInTurn(second, first, 'Quicker');
  const revision = await console.revision();
  await second.conflict.getByRole('button', { name: 'Take theirs' }).click();
  await expect(second.conflict).toBeHidden();
  await expect(second.form).toContainText('The form shows what the other administrator saved.');
  await expect(second.field('From Name')).toHaveValue('Quicker');
  await expect(second.field('Port')).toHaveValue('2525');
  await expect(second.field('Password')).toHaveValue('');
  await expect(second.verification).not.toContainText('Unsaved changes', { useInnerText: true });
  expect(await console.revision()).toBe(revision);
  await second.save({ 'From Name': 'Mine after all' });
  expect(await readSaved()).toMatchObject({ smtp_from_name: 'Mine after all', smtp_port: '2525' });
  await otherContext.close();
});

test('one administrator in two tabs', async ({ page, context }) => {
  const first = await console.settings(page);
  const second = await console.settings(await context.newPage());
  await first.save({ 'Reply-To': 'desk@example.org' });
  await second.fill({ 'From Name': 'From the other tab' });
  await second.submit.click();
  await expect(second.conflict).toContainText('admin@example.org saved at');
  await second.conflict.getByRole('button', { name: 'Keep mine' }).click();
  await second.fill({ 'Reply-To': 'desk@example.org' });
  await second.save();
  expect(await readSaved()).toMatchObject({ smtp_reply_to: 'desk@example.org', smtp_from_name: 'From the other tab' });
});
