//! The web console of a test server: signed-in browser contexts and the settings page.

import type { BrowserContext, Page } from '@playwright/test';
import { CertificateAuthority } from '../relays/certificate.ts';
import { EmailPage } from './email-page.ts';
import { signIn } from '../api/forms.ts';
import { PASSWORD, TestServer } from '../api/test-server.ts';
import { ADMIN } from '../program/account.ts';

export { ADMIN };

/** The User-Agent of Chromium. */
const BROWSER = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36';

/** Signs a browser context in to any Postern under test, without the login page. */
export async function signInContext(context: BrowserContext, url: string, email = ADMIN): Promise<void> {
  const pair = await signIn(url, email, PASSWORD, { 'user-agent': BROWSER });
  const [name = '', value = ''] = pair.split('=');
  await context.addCookies([{ name, value, url, httpOnly: true, sameSite: 'Lax' }]);
}

export class TestConsole {
  private accountCount = 0;
  private readonly contexts = new Set<BrowserContext>();

  private constructor(
    readonly server: TestServer,
    /** A CA that this Postern trusts; it issues the certificates of the relays. */
    readonly authority: CertificateAuthority,
  ) {}

  static async start(env: Record<string, string> = {}): Promise<TestConsole> {
    const authority = new CertificateAuthority();
    return new TestConsole(await TestServer.start({ env: { ...env, SSL_CERT_FILE: authority.file } }), authority);
  }

  get url(): string {
    return this.server.postern.url;
  }

  /** Signs a browser context in without the login page. */
  async signInBrowser(context: BrowserContext, email = ADMIN): Promise<void> {
    await signInContext(context, this.url, email);
    this.contexts.add(context);
  }

  /** The settings page of a signed-in browser, hydrated. */
  async settings(page: Page, email = ADMIN): Promise<EmailPage> {
    await this.signInBrowser(page.context(), email);
    await page.goto(`${this.url}/settings/email`);
    const settings = new EmailPage(page);
    await settings.waitForHydration();
    return settings;
  }

  /** Creates another administrator, with rate limits of its own. */
  async createAdmin(): Promise<string> {
    this.accountCount += 1;
    const email = `admin${this.accountCount}@example.org`;
    const created = await this.server.command(['account', 'create', email, '--role', 'admin'], { input: `${PASSWORD}\n` });
    if (created.code !== 0) {
      throw new Error(created.stderr);
    }
    return email;
  }

  async revision(): Promise<unknown> {
    return (await this.server.read()).json.revision;
  }

  /** Closes the pages first: live views would report a lost server. */
  async stop(): Promise<void> {
    const pages = [...this.contexts].flatMap((context) => context.pages());
    await Promise.all(pages.map((page) => page.close()));
    await this.server.stop();
  }
}
