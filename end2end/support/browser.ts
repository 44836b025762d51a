//! A Postern for browser tests: signed-in contexts and the settings page.

import type { BrowserContext, Page } from '@playwright/test';
import { Authority } from './certificate.ts';
import { Console, PASSWORD } from './console.ts';
import { EmailPage } from './email-page.ts';
import { signIn } from './forms.ts';

/** The administrator of every Postern under test. */
export const ADMIN = 'admin@example.org';

/** The User-Agent of Chromium. */
const BROWSER = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36';

export class House {
  private newcomers = 0;
  private readonly guests = new Set<BrowserContext>();

  private constructor(
    readonly console: Console,
    /** A CA that this Postern trusts; it issues the certificates of the relays. */
    readonly authority: Authority,
  ) {}

  static async start(): Promise<House> {
    const authority = new Authority();
    return new House(await Console.start({ env: { SSL_CERT_FILE: authority.file } }), authority);
  }

  get url(): string {
    return this.console.postern.url;
  }

  /** Signs a browser context in without the login page. */
  async admit(context: BrowserContext, email = ADMIN): Promise<void> {
    const pair = await signIn(this.url, email, PASSWORD, { 'user-agent': BROWSER });
    const [name = '', value = ''] = pair.split('=');
    await context.addCookies([{ name, value, url: this.url, httpOnly: true, sameSite: 'Lax' }]);
    this.guests.add(context);
  }

  /** The settings page of a signed-in browser, hydrated. */
  async settings(page: Page, email = ADMIN): Promise<EmailPage> {
    await this.admit(page.context(), email);
    await page.goto(`${this.url}/settings/email`);
    const settings = new EmailPage(page);
    await settings.awake();
    return settings;
  }

  /** Creates another administrator, with rate limits of its own. */
  async another(): Promise<string> {
    this.newcomers += 1;
    const email = `admin${this.newcomers}@example.org`;
    const made = await this.console.command(['account', 'create', email, '--role', 'admin'], { input: `${PASSWORD}\n` });
    if (made.code !== 0) {
      throw new Error(made.stderr);
    }
    return email;
  }

  async revision(): Promise<unknown> {
    return (await this.console.read()).json.revision;
  }

  /** Closes the pages first: live views would report a lost server. */
  async stop(): Promise<void> {
    const pages = [...this.guests].flatMap((context) => context.pages());
    await Promise.all(pages.map((page) => page.close()));
    await this.console.stop();
  }
}
