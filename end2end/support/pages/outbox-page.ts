//! Page object of the outbox pages, and messages to show on them.

import { type Locator, type Page, expect } from '@playwright/test';
import { ADMIN, type TestConsole } from './test-console.ts';

/** The body of a submission. */
export type Mail = Record<string, unknown> & { to: string | string[] };

/** Submits a message, by default with the administrator's token, and returns its id. */
export async function submitMail(console: TestConsole, mail: Mail, token = console.server.token): Promise<string> {
  const [id = ''] = await submitMails(console, [mail], token);
  return id;
}

export async function submitMails(console: TestConsole, mails: Mail[], token = console.server.token): Promise<string[]> {
  const response = await console.server.request('/api/messages/send-email', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(mails.map((mail) => ({ from: 'alerts@example.org', subject: 'Alarm', text: 'Fire.', ...mail }))),
  });
  expect(response.status, response.text).toBe(202);
  return (JSON.parse(response.text) as { ids: string[] }).ids;
}

export class OutboxPage {
  /** The delivery status. */
  readonly status: Locator;
  readonly search: Locator;
  readonly mails: Locator;
  /** The rows of the list. */
  readonly rows: Locator;

  constructor(
    readonly page: Page,
    readonly url: string,
  ) {
    this.status = page.getByRole('region', { name: 'Delivery status' });
    this.search = page.getByRole('search');
    this.mails = page.getByRole('region', { name: 'Mail' });
    this.rows = this.mails.locator('tbody').getByRole('row');
  }

  /** Opens the list signed in, and waits until it is live. */
  static async open(console: TestConsole, page: Page, path = '', email = ADMIN): Promise<OutboxPage> {
    await console.signInBrowser(page.context(), email);
    const outbox = new OutboxPage(page, `${console.url}/outbox`);
    await outbox.go(path);
    return outbox;
  }

  async go(path = ''): Promise<void> {
    await this.page.goto(`${this.url}${path}`);
    await this.expectLive();
  }

  async expectLive(): Promise<void> {
    await expect(this.page.getByText('Live', { exact: true })).toBeVisible();
  }

  /** The displayed count of a state. */
  count(state: string): Locator {
    return this.page.getByRole('navigation', { name: 'Mail by state' }).getByRole('link', { name: new RegExp(`^${state}`) });
  }

  async expectCounts(counts: Record<string, number>): Promise<void> {
    for (const [state, number] of Object.entries(counts)) {
      await expect(this.count(state)).toHaveAccessibleName(new RegExp(`^${state} ?${number.toLocaleString('en')}\\b`));
    }
  }

  row(text: string | RegExp): Locator {
    return this.rows.filter({ hasText: text });
  }

  /** Opens the message of a row. */
  async openMessage(text: string | RegExp): Promise<void> {
    await this.row(text).getByRole('link').click();
    await expect(this.page).toHaveURL(/\/outbox\/[0-9A-Z]{26}$/);
    await this.expectLive();
  }

  /** The timeline of a recipient on the message's page. */
  recipient(address: string): Locator {
    return this.page.getByRole('region', { name: address });
  }
}
