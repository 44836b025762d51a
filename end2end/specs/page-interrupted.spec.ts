//! Console: an expired session or a stopped server; edits on the form are kept.

import { ADMIN, House } from '../support/browser.ts';
import { PASSWORD } from '../support/console.ts';
import { scripted } from '../support/hostile.ts';
import { Postern } from '../support/postern.ts';
import { expect, test } from '../support/test.ts';

/** Console messages of a browser that has lost its server. */
const GONE = /net::ERR_|TypeError: network error/;

const TYPED = {
  'Email Address': 'alerts@example.org',
  'User Name': 'alerts',
  Password: 'typed with care',
  'Host Name': '127.0.0.1',
  Port: '2525',
  'From Name': 'Nothing of this is lost',
};

test('a session that ended while the form was open', async ({ page, context }) => {
  const house = await House.start();
  const settings = await house.settings(page);
  await settings.fill(TYPED);
  await context.clearCookies();
  await settings.submit.click();
  await expect(settings.form).toContainText('You are no longer signed in. Sign in again; what you typed is still here.');
  await settings.test();
  await expect(settings.testing).toContainText('You are no longer signed in.');

  const opened = context.waitForEvent('page');
  await settings.form.getByRole('link', { name: 'Sign in in a new tab' }).click();
  const login = await opened;
  await login.getByLabel('Email address').fill(ADMIN);
  await login.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await login.getByRole('button', { name: 'Sign in' }).click();
  await expect(login).toHaveURL(`${house.url}/settings/email`);
  await login.close();

  for (const [name, value] of Object.entries(TYPED)) {
    await expect(settings.field(name as keyof typeof TYPED)).toHaveValue(value);
  }
  await settings.save();
  expect((await house.console.read()).json).toMatchObject({
    password: 'saved',
    data: { smtp_from_name: 'Nothing of this is lost' },
  });
  await house.stop();
});

test('a Postern that stops during a test, and comes back', async ({ page, complaints }) => {
  complaints.expect(GONE);
  const house = await House.start();
  const relay = await scripted(() => {});
  const settings = await house.settings(page);
  await settings.fill({ ...TYPED, Port: String(relay.port), Password: '', 'User Name': '' });
  await settings.test();
  await relay.connections.next();
  house.console.postern.signal('SIGKILL');
  await expect(settings.testing).toContainText('The connection to Postern was lost before the end. No message was sent.');
  await expect(settings.sendTest).toBeEnabled();

  await settings.submit.click();
  await expect(settings.form).toContainText('Postern does not answer. Check your connection and try again; what you typed is still here.');
  await expect(settings.field('From Name')).toHaveValue(TYPED['From Name']);
  const asked = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/fn/load_settings'));
  await settings.undo.click();
  await asked;
  await expect(settings.form).toContainText('Postern does not answer. Check your connection and try again; what you typed is still here.');
  await expect(settings.field('From Name'), 'undo takes nothing away unless it can give back').toHaveValue(TYPED['From Name']);
  await settings.test();
  await expect(settings.testing).toContainText('The test could not be started.');

  const { data } = house.console.postern;
  const again = await Postern.start({ data, listen: new URL(house.url).host });
  await settings.save();
  expect((await house.console.read()).json.data.smtp_from_name).toBe(TYPED['From Name']);
  await again.stop();
  await relay.stop();
});
