//! Page object of the outbox pages, and messages to show on them.

import { type Locator, type Page, expect } from '@playwright/test';
import { ADMIN, type House } from './browser.ts';

/** The body of a submission. */
export type Mail = Record<string, unknown> & { to: string | string[] };

/** Submits a message, by default with the administrator's token, and returns its id. */
export async function handOver(house: House, mail: Mail, token = house.console.token): Promise<string> {
  const [id = ''] = await handOverAll(house, [mail], token);
  return id;
}

export async function handOverAll(house: House, mails: Mail[], token = house.console.token): Promise<string[]> {
  const answer = await house.console.ask('/api/messages/send-email', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(mails.map((mail) => ({ from: 'alerts@example.org', subject: 'Alarm', text: 'Fire.', ...mail }))),
  });
  expect(answer.status, answer.text).toBe(202);
  return (JSON.parse(answer.text) as { ids: string[] }).ids;
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
  static async open(house: House, page: Page, path = '', email = ADMIN): Promise<OutboxPage> {
    await house.admit(page.context(), email);
    const outbox = new OutboxPage(page, `${house.url}/outbox`);
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
      await expect(this.count(state)).toHaveAccessibleName(new RegExp(`^${state} ?${number}\\b`));
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
