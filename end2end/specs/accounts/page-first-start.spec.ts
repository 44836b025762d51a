//! Console: first start to first received mail for each connection type, with the password sealed.

import type { Page } from '@playwright/test';
import { CertificateAuthority } from '../../support/relays/certificate.ts';
import { EmailPage, LABELS } from '../../support/pages/email-page.ts';
import { Postern } from '../../support/program/postern.ts';
import { Relay, type RelayOptions } from '../../support/relays/relay.ts';
import { expect, test } from '../../support/test.ts';

const SECRET = 'Zugbrücke & 42 Laternen';

const TYPES: Array<{ type: string; shown: RegExp; tls: RelayOptions['tls'] }> = [
  { type: 'None', shown: /^None \(StartTLS\)/, tls: 'starttls' },
  { type: 'SSL', shown: /^SSL/, tls: 'implicit' },
  { type: 'TLS', shown: /^TLS/, tls: 'starttls' },
];

for (const { type, shown, tls } of TYPES) {
  test(`first start to mail received, ${type}`, async ({ page }) => {
    const authority = new CertificateAuthority();
    const relay = await Relay.start({
      tls,
      certificate: authority.issue('127.0.0.1'),
      auth: ['PLAIN'],
      users: { alerts: SECRET },
    });
    const postern = await Postern.start({ env: { SSL_CERT_FILE: authority.file } });
    const requests = recordRequests(page);

    await page.goto(postern.link);
    await page.getByLabel('Your email address').fill('mara@example.org');
    await page.getByLabel('Password', { exact: true }).fill('a gate within the gate');
    await page.getByRole('button', { name: 'Create administrator' }).click();

    const settings = new EmailPage(page);
    await expect(page.getByRole('heading', { name: 'SMTP settings' })).toBeVisible();
    await settings.waitForHydration();
    await settings.expectVerification('Not set up yet');
    expect(await visibleLabels(settings)).toEqual(['Provider', ...LABELS]);

    await settings.fill({
      'Email Address': 'alerts@example.org',
      'User Name': 'alerts',
      Password: SECRET,
      'Host Name': relay.host,
      Port: String(relay.port),
    });
    await settings.field('Connection Type').selectOption({ label: await option(settings, shown) });
    await settings.field('Authentication Type').selectOption('Plain');
    await settings.expectVerification(/Unsaved changes/);
    await settings.save();
    await settings.expectVerification(/^Never tested\s+saved .* UTC by mara@example\.org$/);
    await expect(settings.field('Password')).toHaveValue('');

    await settings.test('jonas@example.net');
    const { mail, ...received } = await relay.mails.next();
    expect(received).toMatchObject({ from: 'alerts@example.org', to: ['jonas@example.net'], user: 'alerts' });
    expect(mail.headers.get('to')).toMatchObject({ text: 'jonas@example.net' });
    for (const line of [
      `Sent by: ${postern.url}`,
      `Relay: 127.0.0.1:${relay.port}`,
      'Encryption: TLS 1.3',
      `Connection type: ${type}`,
    ]) {
      expect(mail.text?.split('\n')).toContain(line);
    }
    expect(relay.attempts.all).toMatchObject([{ password: SECRET, encrypted: true }]);

    await expect(settings.testSection).toContainText(/Sent in [\d.]+ m?s\./);
    await expect(settings.testSection).toContainText('The relay replied');
    await expect(settings.testSection).toContainText('250 2.0.0 Taken');
    await expect(settings.testSection).toContainText('Encrypted with TLS 1.3. The saved settings were tested.');
    await settings.expectVerification(/^Verified\s+.* UTC by mara@example\.org$/);

    const reloaded = await page.reload();
    await settings.waitForHydration();
    await settings.expectVerification(/^Verified/);
    await expect(settings.field('Connection Type')).toHaveValue(type);
    await expect(settings.form).toContainText('A password is saved.');
    expectNoSecret(SECRET, [...requests, (await reloaded?.text()) ?? '', await page.content()]);

    await relay.stop();
    await postern.stop();
  });
}

test('the link can be used once', async ({ page }) => {
  const postern = await Postern.start();
  const create = async (email: string, password: string) => {
    await page.goto(postern.link);
    await page.getByLabel('Your email address').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Create administrator' }).click();
  };
  await create('mara@example.org', 'too short');
  await expect(page.getByText('A password has 12 to 128 characters.')).toBeVisible();
  await expect(page.getByLabel('Your email address')).toHaveValue('mara@example.org');

  await create('mara@example.org', 'a gate within the gate');
  await expect(page).toHaveURL(`${postern.url}/settings/email`);
  await page.goto(postern.link);
  await expect(page.getByRole('heading', { name: 'This link no longer works' })).toBeVisible();
  await expect(page.getByLabel('Your email address')).toBeHidden();
  await postern.stop();
});

/** Records every request of the page: URL, headers and body. */
function recordRequests(page: Page): string[] {
  const requests: string[] = [];
  page.on('request', (request) => {
    const body = request.postDataBuffer()?.toString('utf8') ?? '';
    requests.push(`${request.method()} ${request.url()}\n${JSON.stringify(request.headers())}\n${body}`);
  });
  return requests;
}

function expectNoSecret(secret: string, texts: string[]): void {
  expect(texts.join('\n'), 'the request has a sealed password').toContain('{"sealed":"eyJ');
  const encodings = [
    secret,
    encodeURIComponent(secret),
    new URLSearchParams({ secret }).toString().slice('secret='.length),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString('base64'),
    Buffer.from(`\0alerts\0${secret}`).toString('base64'),
    Buffer.from(secret).toString('base64url'),
    Buffer.from(secret).toString('hex'),
  ];
  for (const text of texts) {
    encodings.forEach((encoding) => expect(text).not.toContain(encoding));
  }
}

/** The labels of the visible controls, from top to bottom. */
function visibleLabels(settings: EmailPage): Promise<string[]> {
  return settings.form
    .locator('input:visible, select:visible')
    .evaluateAll((controls) =>
      controls.map((control) => (control as HTMLInputElement).labels?.[0]?.innerText ?? '(none)'),
    );
}

async function option(settings: EmailPage, shown: RegExp): Promise<string> {
  const [text = ''] = await settings.field('Connection Type').getByRole('option').filter({ hasText: shown }).allTextContents();
  return text;
}
