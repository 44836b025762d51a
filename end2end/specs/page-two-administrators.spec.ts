//! Console: the conflict of two administrators who save at the same time.

import { House } from '../support/browser.ts';
import { fields } from '../support/console.ts';
import type { EmailPage } from '../support/email-page.ts';
import { expect, test } from '../support/test.ts';

test.describe.configure({ mode: 'default' });

let house: House;

test.beforeAll(async () => {
  house = await House.start();
  await house.console.account('mara@example.org', 'admin');
  const password = await house.console.sealed('from the beginning');
  const saved = await house.console.save(
    fields({ port: 587 }, { smtp_username: 'alerts', smtp_host: 'smtp.example.org', smtp_password: password }),
  );
  expect(saved.status, saved.text).toBe(200);
});

test.afterAll(() => house?.stop());

const saved = async () => (await house.console.read()).json.data;

/** The second administrator edits, the first saves, the second submits. */
async function race(second: EmailPage, first: EmailPage, theirs: string): Promise<void> {
  await second.fill({ 'From Name': 'Mine', Password: 'typed by me' });
  await first.save({ 'From Name': theirs, Port: '2525', Password: `typed by ${theirs}` });
  await second.submit.click();
  await expect(second.conflict).toBeVisible();
  await expect(second.conflict).toBeFocused();
  await expect(second.conflict).toContainText('Somebody else saved first');
  await expect(second.conflict).toContainText(/mara@example\.org saved at .* UTC\. Nothing you typed is lost/);
  expect((await saved()).smtp_from_name, 'nothing of mine is stored').toBe(theirs);
}

/** The conflict table, cell by cell. */
async function table(settings: EmailPage): Promise<string[][]> {
  const rows = await settings.conflict.getByRole('row').all();
  return Promise.all(rows.map((row) => row.getByRole('cell').or(row.getByRole('columnheader')).or(row.getByRole('rowheader')).allTextContents()));
}

test('keep mine', async ({ page, browser, complaints }) => {
  const others = await browser.newContext();
  complaints.of(others);
  const second = await house.settings(page);
  const first = await house.settings(await others.newPage(), 'mara@example.org');
  await race(second, first, 'Theirs');
  expect(await table(second)).toEqual([
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
  expect((await saved()).smtp_from_name).toBe('Theirs');

  await second.conflict.getByRole('button', { name: 'Keep mine' }).click();
  await expect(second.conflict).toBeHidden();
  await expect(second.submit).toBeFocused();
  await expect(second.form).toContainText('The next Submit replaces what the other administrator saved.');
  await expect(second.field('Password')).toHaveValue('typed by me');
  expect((await saved()).smtp_from_name, 'not before Submit').toBe('Theirs');
  await second.save();
  expect(await saved()).toMatchObject({ smtp_from_name: 'Mine', smtp_port: '587' });
  await others.close();
});

test('take theirs', async ({ page, browser, complaints }) => {
  const others = await browser.newContext();
  complaints.of(others);
  const second = await house.settings(page);
  const first = await house.settings(await others.newPage(), 'mara@example.org');
  await race(second, first, 'Quicker');
  const revision = await house.revision();
  await second.conflict.getByRole('button', { name: 'Take theirs' }).click();
  await expect(second.conflict).toBeHidden();
  await expect(second.form).toContainText('The form shows what the other administrator saved.');
  await expect(second.field('From Name')).toHaveValue('Quicker');
  await expect(second.field('Port')).toHaveValue('2525');
  await expect(second.field('Password')).toHaveValue('');
  await expect(second.state).not.toContainText('Unsaved changes', { useInnerText: true });
  expect(await house.revision()).toBe(revision);
  await second.save({ 'From Name': 'Mine after all' });
  expect(await saved()).toMatchObject({ smtp_from_name: 'Mine after all', smtp_port: '2525' });
  await others.close();
});

test('the same one in two tabs', async ({ page, context }) => {
  const first = await house.settings(page);
  const second = await house.settings(await context.newPage());
  await first.save({ 'Reply-To': 'desk@example.org' });
  await second.fill({ 'From Name': 'From the other tab' });
  await second.submit.click();
  await expect(second.conflict).toContainText('admin@example.org saved at');
  await second.conflict.getByRole('button', { name: 'Keep mine' }).click();
  await second.fill({ 'Reply-To': 'desk@example.org' });
  await second.save();
  expect(await saved()).toMatchObject({ smtp_reply_to: 'desk@example.org', smtp_from_name: 'From the other tab' });
});
