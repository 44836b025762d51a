//! A Maildir that a mail server delivers to.

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@playwright/test';

export class Maildir {
  constructor(private readonly folder: string) {}

  /** The messages so far. A file in `new` is complete. */
  messages(): string[] {
    const folder = join(this.folder, 'new');
    return existsSync(folder) ? readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8')) : [];
  }

  /** Waits until a message with this text is there, and returns it. */
  async message(text: string): Promise<string> {
    const find = () => this.messages().find((message) => message.includes(text));
    await expect.poll(find, text).toBeDefined();
    return find() ?? '';
  }

  /** The number of messages by subject. */
  subjects(): Record<string, number> {
    const numbers: Record<string, number> = {};
    for (const message of this.messages()) {
      const subject = /^Subject: (.*?)\r?$/m.exec(message)?.[1] ?? '';
      numbers[subject] = (numbers[subject] ?? 0) + 1;
    }
    return numbers;
  }
}
