//! Settings from the environment: the locked form, the origin of each field, and the password.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { CertificateAuthority } from '../../support/relays/certificate.ts';
import { expectCommandFailure } from '../../support/program/command-failure.ts';
import { EmailPage } from '../../support/pages/email-page.ts';
import { expectState, mail, submit } from '../../support/mail/messages.ts';
import { runPostern } from '../../support/program/program.ts';
import { Relay } from '../../support/relays/relay.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { TestConsole, signInContext } from '../../support/pages/test-console.ts';
import { TestServer } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

const SECRET = 'hunter2 of the environment';

test.describe('the page', () => {
  test.describe.configure({ mode: 'default' });

  let console: TestConsole;

  test.beforeAll(async () => {
    console = await TestConsole.start({
      SMTP_HOST: 'smtp.example.org',
      SMTP_PORT: '587',
      SMTP_SECURE: 'true',
      SMTP_USER: 'alerts',
      SMTP_PASS: SECRET,
      MAIL_FROM: 'alerts@example.org',
      EMAIL_ALLOW_INSECURE: 'true',
    });
  });

  test.afterAll(() => console?.stop());

  test('shows each locked field with its variable, and saves the others', async ({ page }, info) => {
    test.slow();
    const settings = await console.settings(page);
    for (const [label, value, variable] of [
      ['Email Address', 'alerts@example.org', 'MAIL_FROM'],
      ['User Name', 'alerts', 'SMTP_USER'],
      ['Host Name', 'smtp.example.org', 'SMTP_HOST'],
      ['Port', '587', 'SMTP_PORT'],
      ['Connection Type', 'TLS', 'SMTP_SECURE'],
      ['Authentication Type', 'Plain', 'SMTP_USER'],
    ] as const) {
      const field = settings.form.getByLabel(label, { exact: true });
      await expect(field).toBeDisabled();
      await expect(field).toHaveValue(value);
      await expect(field).toHaveAccessibleDescription(new RegExp(`Set by ${variable} in the environment of Postern\\.`));
    }
    const password = settings.form.getByLabel('Password', { exact: true });
    await expect(password).toHaveAccessibleDescription(/Set by SMTP_PASS .* Leave this empty/);
    await expect(settings.form.getByRole('button', { name: 'Clear the saved password' })).toBeHidden();

    const environment = page.getByRole('region', { name: 'Environment' });
    await expect(environment.getByRole('listitem').filter({ hasText: 'SMTP_HOST' })).toContainText('smtp.example.org');
    await expect(environment.getByRole('listitem').filter({ hasText: 'SMTP_PASS' })).toContainText('not shown');
    await expect(environment.getByRole('listitem').filter({ hasText: 'EMAIL_ALLOW_INSECURE' })).toContainText(
      'Not followed without --allow-insecure',
    );
    await expectAccessible(page, info, 'settings-environment');

    await settings.moreOptions();
    const name = settings.form.getByLabel('From Name', { exact: true });
    await expect(name).toBeEnabled();
    await name.fill('Alerts');
    await settings.submit.click();
    await expect.poll(async () => (await console.server.read()).json.data.smtp_from_name).toBe('Alerts');
    await expect(settings.form.getByLabel('Host Name', { exact: true })).toHaveValue('smtp.example.org');
    expect(await page.content()).not.toContain('hunter2');
  });

  test('is the same for the first relay in the list', async ({ page }) => {
    await console.signInBrowser(page.context());
    await page.goto(`${console.url}/settings/relays/global`);
    await expect(page.getByRole('region', { name: 'Environment' })).toContainText('SMTP_HOST');
    await expect(page.getByLabel('Host Name', { exact: true })).toBeDisabled();
  });

  test('has the origin of each field over REST, and refuses other values', async () => {
    const { server } = console;
    const read = await server.read();
    expect(read.json.origin).toMatchObject({
      from_address: 'environment',
      smtp_host: 'environment',
      smtp_port: 'environment',
      smtp_password: 'environment',
      smtp_ehlo_name: 'default',
      smtp_connect_timeout: 'default',
      smtp_plaintext_auth: 'environment',
    });
    expect(read.json.password).toBe('environment');
    expect(read.text).not.toContain('hunter2');
    const posted = await server.post(read.json);
    expect(posted.status, 'what was read can be posted back').toBe(200);
    const saved = await server.read();
    expect(saved.json.data).toEqual(read.json.data);
    const refused = await server.save({ ...read.json.data, smtp_host: 'evil.example', smtp_password: await server.sealed('other') });
    expect(refused.status).toBe(422);
    expect(Object.keys(refused.json.errors).sort()).toEqual(['smtp_host', 'smtp_password']);
    expect(refused.json.errors.smtp_host).toContain('SMTP_HOST in the environment of Postern sets this.');
    expect((await server.read()).json).toEqual(saved.json);
  });
});

test('the password of the environment goes to its relay, and a saved one to no other', async () => {
  const authority = new CertificateAuthority();
  const certificate = authority.issue('127.0.0.1');
  const options = { tls: 'starttls', certificate, auth: ['PLAIN'], users: { alerts: SECRET } } as const;
  const relay = await Relay.start({ ...options, auth: [...options.auth] });
  const other = await Relay.start({ ...options, auth: [...options.auth] });
  const file = join(temporaryFolder('secret'), 'password');
  writeFileSync(file, `${SECRET}\n`, { mode: 0o600 });
  const variables = {
    SSL_CERT_FILE: authority.file,
    SMTP_HOST: '127.0.0.1',
    SMTP_PORT: String(relay.port),
    SMTP_REQUIRE_TLS: 'true',
    SMTP_USER: 'alerts',
    MAIL_FROM: 'Ops <ops@example.org>',
    EMAIL_TIMEOUT: '20000',
  };
  let server = await TestServer.start({ env: { ...variables, SMTP_PASSWORD_FILE: file } });
  const sent = await server.testAs(server.token, 'desk@example.org');
  expect(sent.status, sent.text).toBe(200);
  expect(await relay.attempts.next()).toMatchObject({ user: 'alerts', password: SECRET, encrypted: true });
  expect((await relay.mails.next()).mail.from?.text).toContain('ops@example.org');
  expect((await server.read()).json.data).toMatchObject({ smtp_connect_timeout: '20', smtp_from_name: 'Ops' });

  // Without the variable there is no password. One that is saved goes to this relay only.
  await server.postern.stop({ keepData: true });
  server = await server.restart({ env: variables });
  const before = (await server.read()).json;
  expect(before.password).toBe('none');
  const saved = await server.save({ ...before.data, smtp_password: await server.sealed(SECRET) });
  expect(saved.status, saved.text).toBe(200);
  expect((await server.testAs(server.token, 'desk@example.org')).status).toBe(200);
  expect((await relay.attempts.next()).password).toBe(SECRET);

  await server.postern.stop({ keepData: true });
  server = await server.restart({ env: { ...variables, SMTP_PORT: String(other.port) } });
  expect((await server.read()).json.password).toBe('other-relay');
  const elsewhere = await server.testAs(server.token, 'desk@example.org');
  expect(elsewhere.status).toBe(422);
  expect(elsewhere.text).toContain(`alerts at 127.0.0.1:${relay.port}`);
  expect(other.connections.all.length).toBe(0);

  await server.stop();
  await Promise.all([relay.stop(), other.stop()]);
});

test('variables for SSL without a sign-in and a certificate check are followed, and mail is held', async ({ page }) => {
  const env = { SMTP_TLS: 'true', SMTP_PORT: '465', SMTP_AUTH: 'false', SKIP_EMAIL_SEND: '1', EMAIL_ALLOW_INSECURE: '1' };
  const server = await TestServer.start({ env, arguments: ['--allow-insecure'] });
  try {
    const read = await server.read();
    expect(read.json.data).toMatchObject({
      smtp_port: '465',
      smtp_connection_type: 'SSL',
      smtp_authentication_type: 'None',
      smtp_certificate_check: 'Off',
      smtp_plaintext_auth: '1',
    });
    expect(read.json.origin).toMatchObject({
      smtp_host: 'default',
      smtp_port: 'environment',
      smtp_connection_type: 'environment',
      smtp_authentication_type: 'environment',
      smtp_certificate_check: 'environment',
      smtp_plaintext_auth: 'environment',
      smtp_password: 'default',
    });

    await signInContext(page.context(), server.postern.url);
    await page.goto(`${server.postern.url}/settings/email`);
    const settings = new EmailPage(page);
    await settings.waitForHydration();
    await settings.moreOptions();
    for (const [label, value, variable] of [
      ['Port', '465', 'SMTP_PORT'],
      ['Connection Type', 'SSL', 'SMTP_TLS'],
      ['Authentication Type', 'None', 'SMTP_AUTH'],
      ['Certificate Check', 'Off', 'EMAIL_ALLOW_INSECURE'],
    ] as const) {
      const field = settings.field(label);
      await expect(field).toBeDisabled();
      await expect(field).toHaveValue(value);
      await expect(field).toHaveAccessibleDescription(new RegExp(`Set by ${variable} in the environment of Postern\\.`));
    }
    await expect(settings.field('Password Without Encryption')).toBeDisabled();
    await expect(settings.field('Password Without Encryption')).toBeChecked();
    await expect(settings.field('Host Name')).toBeEnabled();
    const variables = page.getByRole('region', { name: 'Environment' }).getByRole('listitem');
    for (const [variable, meaning] of [
      ['SMTP_TLS', 'from the first byte at port 465 (SSL)'],
      ['SMTP_AUTH', 'Postern does not sign in.'],
      ['EMAIL_ALLOW_INSECURE', 'Certificates are not checked'],
      ['SKIP_EMAIL_SEND', 'Mail is accepted and held; none is sent.'],
    ] as const) {
      await expect(variables.filter({ hasText: variable })).toContainText(meaning);
    }

    const [id = ''] = await submit(server, mail());
    await expectState(server, id, 'held');
  } finally {
    await page.close();
    await server.stop();
  }
});

test('a variable that is not valid stops the start, without its value', async () => {
  const data = temporaryFolder('data');
  for (const [env, text] of [
    [{ SMTP_PORT: 'hunter2' }, /SMTP_PORT: A port/],
    [{ SMTP_HOST: 'a.example', SMTP_TLS: 'true', SMTP_SECURE: 'false' }, /SMTP_TLS: It contradicts SMTP_SECURE/],
    [{ SMTP_PASS_FILE: '/nowhere/hunter2' }, /SMTP_PASS_FILE cannot be read/],
  ] as const) {
    const refused = await runPostern(['serve', '--listen', '127.0.0.1:0', '--data', data], { env });
    expectCommandFailure(refused, refused.code === 2 ? 2 : 1, text);
    expect(refused.stderr).not.toContain('hunter2');
  }
});
