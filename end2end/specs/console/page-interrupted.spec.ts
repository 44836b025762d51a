//! Console: an expired session or a stopped server; edits on the form are kept.

import { Postern } from '../../support/program/postern.ts';
import { tcpRelay } from '../../support/relays/tcp-relay.ts';
import { ADMIN, TestConsole } from '../../support/pages/test-console.ts';
import { PASSWORD } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

/** Console messages of a browser that has lost its server. */
const NETWORK_ERROR = /net::ERR_|TypeError: network error/;

const EDITS = {
  'Email Address': 'alerts@example.org',
  'User Name': 'alerts',
  Password: 'typed with care',
  'Host Name': '127.0.0.1',
  Port: '2525',
  'Authentication Type': 'Plain',
  'From Name': 'Nothing of this is lost',
};

test('a session that ends while the form is open keeps the edits', async ({ page, context }) => {
  const console = await TestConsole.start();
  const settings = await console.settings(page);
  await settings.fill(EDITS);
  await context.clearCookies();
  await settings.submit.click();
  await expect(settings.form).toContainText('You are no longer signed in. Sign in again; what you typed is still here.');
  await settings.test();
  await expect(settings.testSection).toContainText('You are no longer signed in.');

  const opened = context.waitForEvent('page');
  await settings.form.getByRole('link', { name: 'Sign in in a new tab' }).click();
  const login = await opened;
  await login.getByLabel('Email address').fill(ADMIN);
  await login.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await login.getByRole('button', { name: 'Sign in' }).click();
  await expect(login).toHaveURL(`${console.url}/settings/email`);
  await login.close();

  for (const [name, value] of Object.entries(EDITS)) {
    await expect(settings.field(name as keyof typeof EDITS)).toHaveValue(value);
  }
  await settings.save();
  expect((await console.server.read()).json).toMatchObject({
    password: 'saved',
    data: { smtp_from_name: 'Nothing of this is lost' },
  });
  await console.stop();
});

test('a server that restarts during a test', async ({ page, consoleErrors }) => {
  consoleErrors.allow(NETWORK_ERROR);
  const console = await TestConsole.start();
  const relay = await tcpRelay(() => {});
  const settings = await console.settings(page);
  await settings.fill({ ...EDITS, Port: String(relay.port), Password: '', 'User Name': '', 'Authentication Type': 'None' });
  await settings.test();
  await relay.connections.next();
  console.server.postern.signal('SIGKILL');
  await expect(settings.testSection).toContainText('The connection to Postern was lost before the end. No message was sent.');
  await expect(settings.sendTest).toBeEnabled();

  await settings.submit.click();
  await expect(settings.form).toContainText('Postern does not answer. Check your connection and try again; what you typed is still here.');
  await expect(settings.field('From Name')).toHaveValue(EDITS['From Name']);
  const asked = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/fn/load_settings'));
  await settings.undo.click();
  await asked;
  await expect(settings.form).toContainText('Postern does not answer. Check your connection and try again; what you typed is still here.');
  await expect(settings.field('From Name'), 'the edits are kept when the saved settings cannot be loaded').toHaveValue(EDITS['From Name']);
  await settings.test();
  await expect(settings.testSection).toContainText('The test could not be started.');

  const { data } = console.server.postern;
  const restarted = await Postern.start({ data, listen: new URL(console.url).host });
  await settings.save();
  expect((await console.server.read()).json.data.smtp_from_name).toBe(EDITS['From Name']);
  await restarted.stop();
  await relay.stop();
});
