//! Page object of the SMTP settings page.

import { type Locator, type Page, expect } from '@playwright/test';

/** Values by the label of the field. */
export type FieldValues = Partial<Record<FieldName, string>>;

/** The labels of the form, in order. */
export const LABELS = [
  'Email Address',
  'User Name',
  'Password',
  'Host Name',
  'Port',
  'Connection Type',
  'Authentication Type',
] as const;

export const OPTIONS = [
  'From Name',
  'Reply-To',
  'EHLO Name',
  'Connect Time-out',
  'Command Time-out',
  'Certificate Check',
  'Password Without Encryption',
] as const;

export type FieldName = (typeof LABELS)[number] | (typeof OPTIONS)[number];

const SELECTS: readonly FieldName[] = ['Connection Type', 'Authentication Type', 'Certificate Check'];

export class EmailPage {
  readonly form: Locator;
  readonly submit: Locator;
  readonly undo: Locator;
  readonly recipient: Locator;
  readonly sendTest: Locator;
  readonly diagnose: Locator;
  readonly cancel: Locator;
  /** The section of the test, with its report. */
  readonly testSection: Locator;
  /** The verification of the saved settings, beside the heading. */
  readonly verification: Locator;
  readonly conflict: Locator;

  constructor(readonly page: Page) {
    this.form = page.getByRole('form', { name: 'SMTP settings' });
    this.submit = page.getByRole('button', { name: 'Submit' });
    this.undo = page.getByRole('button', { name: 'Undo Changes' });
    this.testSection = page.getByRole('region', { name: 'Test and diagnosis' });
    this.recipient = this.testSection.getByLabel('Recipient');
    this.sendTest = this.testSection.getByRole('button', { name: 'Send test email' });
    this.diagnose = this.testSection.getByRole('button', { name: 'Diagnose' });
    this.cancel = this.testSection.getByRole('button', { name: 'Cancel' });
    this.verification = page.getByRole('main').locator('header').first().getByRole('status');
    this.conflict = this.form.getByRole('alert');
  }

  /** Resolves when the form is hydrated. */
  async waitForHydration(): Promise<void> {
    await expect(this.submit).toBeEnabled();
  }

  /** Expects the visible text of the verification. */
  async expectVerification(expected: string | RegExp): Promise<void> {
    await expect(this.verification).toHaveText(expected, { useInnerText: true });
  }

  field(name: FieldName): Locator {
    return this.form.getByLabel(name, { exact: true });
  }

  async moreOptions(): Promise<void> {
    const details = this.form.locator('details', { hasText: 'More options' });
    if ((await details.getAttribute('open')) === null) {
      await this.form.getByText('More options').click();
    }
  }

  async fill(values: FieldValues): Promise<void> {
    for (const [name, value] of Object.entries(values) as Array<[FieldName, string]>) {
      if ((OPTIONS as readonly FieldName[]).includes(name)) {
        await this.moreOptions();
      }
      const field = this.field(name);
      if (SELECTS.includes(name)) {
        await field.selectOption(value);
      } else if (name === 'Password Without Encryption') {
        await field.setChecked(value === '1');
      } else {
        await field.fill(value);
      }
    }
  }

  /** The text of a field's fault, found by `aria-describedby`. */
  async fault(name: FieldName): Promise<string> {
    const described = (await this.field(name).getAttribute('aria-describedby')) ?? '';
    const fault = described.split(' ').find((id) => id.endsWith('-fault'));
    return (await this.page.locator(`[id="${fault}"]`).textContent()) ?? '';
  }

  async save(values: FieldValues = {}): Promise<void> {
    await this.fill(values);
    await this.submit.click();
    await expect(this.form.getByText(/^Saved\./)).toBeVisible();
  }

  /** Starts a test and does not wait for its end. */
  async test(recipient = 'me@example.net'): Promise<void> {
    await this.recipient.fill(recipient);
    await this.sendTest.click();
  }
}
