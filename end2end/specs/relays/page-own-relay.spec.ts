//! The own relay of an account: set up, used, failed over from and removed, on page and over REST.

import type { Page } from '@playwright/test';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { EmailPage } from '../../support/pages/email-page.ts';
import { Relay } from '../../support/relays/relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { TestServer, fields, parseResponse } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

const ANN = 'ann@example.org';

/** An address of this spec: the machine may have a relay at 127.0.0.1. */
const HOST = '127.0.76.1';

let console: TestConsole;
/** Sends and reads as Ann. */
let token: string;

test.beforeEach(async () => {
  console = await TestConsole.start({ POSTERN_USER_RELAY_ALLOW: `127.0.0.1,${HOST}` });
  token = await console.server.createAccount(ANN, 'user');
});

test.afterEach(() => console?.stop());

/** Opens the page as Ann. */
async function openMyRelay(page: Page): Promise<EmailPage> {
  await console.signInBrowser(page.context(), ANN);
  await page.goto(console.url);
  await page.getByRole('navigation', { name: 'Console' }).getByRole('link', { name: 'My relay' }).click();
  return new EmailPage(page);
}

async function send(subject: string, bearer = token): Promise<{ id: string; queue: string }> {
  const headers = { 'authorization': `Bearer ${bearer}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ to: 'desk@example.net', subject, text: 'Hello.' });
  const response = await console.server.request('/api/messages/send-email', { method: 'POST', headers, body });
  expect(response.status).toBe(202);
  return JSON.parse(response.text);
}

test('an account sets up its own relay, which the organisation takes over from', async ({ page }, info) => {
  // Looks at several pages in each width and scheme.
  test.slow();
  const organisation = await Relay.start();
  const own = await Relay.start({ auth: ['PLAIN'], users: { ann: 'correct horse' } });
  expect((await console.server.save(fields(organisation))).status).toBe(200);
  const settings = await openMyRelay(page);
  const state = page.getByRole('region', { name: 'Relay in use' });
  await expect(state).toContainText("You are using the organisation's relay");
  await expect(state).toContainText(`127.0.0.1:${organisation.port}`);
  await expect(state).toContainText('It is healthy.');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('My relay');
  await settings.waitForHydration();
  await expect(settings.field('Email Address')).toHaveValue(ANN);
  await expectAccessible(page, info, 'without-own-relay');

  await settings.save({
    'User Name': 'ann',
    Password: 'correct horse',
    'Host Name': '127.0.0.1',
    Port: String(own.port),
    'Authentication Type': 'Plain',
    'Password Without Encryption': '1',
  });
  await settings.test('desk@example.net');
  await settings.expectVerification(/^Verified/);
  expect((await own.mails.next()).user).toBe('ann');
  await page.reload();
  await expect(state).toContainText('You are using your own relay');
  await expect(state).toContainText(`127.0.0.1:${own.port}`);
  await settings.waitForHydration();
  await expectAccessible(page, info, 'with-own-relay');

  const sent = await send('Through the own relay');
  expect(sent.queue).toBe('own_relay');
  expect((await own.mails.next()).from).toBe(ANN);
  await page.goto(`${console.url}/outbox/${sent.id}`);
  await expect(page.getByText('Own relay was chosen: own relay.')).toBeVisible();

  await own.stop();
  const failedOver = await send('Own relay down');
  expect((await organisation.mails.next()).to).toEqual(['desk@example.net']);
  await page.goto(`${console.url}/outbox/${failedOver.id}`);
  await expect(page.getByText(/^The organisation's relay was chosen: failover: Own relay backs off since/)).toBeVisible();
  await expectAccessible(page, info, 'failover');

  // The page does not update itself, and delivery reports the backoff within seconds.
  await expect(async () => {
    await page.goto(`${console.url}/my-relay`);
    await expect(state).toContainText("the organisation's relay has taken over", { timeout: 100 });
  }).toPass();
  await expect(state).toContainText('Nothing listens on the port.');
  await settings.waitForHydration();
  await expectAccessible(page, info, 'own-relay-down');
  await state.getByRole('link', { name: "Use the organisation's relay" }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText("Use the organisation's relay?");
  await expectAccessible(page, info, 'removal');
  await page.getByRole('button', { name: "Use the organisation's relay" }).click();
  await expect(page).toHaveURL(`${console.url}/my-relay`);
  await expect(page.getByText("Your mail leaves through the organisation's relay again.")).toBeVisible();
  await expect(state).toContainText("You are using the organisation's relay");
  await settings.waitForHydration();
  await settings.expectVerification('Not set up yet');
  const removed = await send('Removed');
  expect(removed.queue).toBe('organisation');
  await page.goto(`${console.url}/outbox/${removed.id}`);
  await expect(page.getByText("The organisation's relay was chosen: no own relay.")).toBeVisible();
  await organisation.stop();
});

test('an invited person sets up an own relay, sends through it and sees the failover', async ({ page, browser }) => {
  const [email, password] = ['eve@example.org', 'a gate within the gate'];
  const context = await browser.newContext();
  const admin = await context.newPage();
  await console.signInBrowser(context);
  await admin.goto(`${console.url}/accounts`);
  const form = admin.getByRole('region', { name: 'Add an account' });
  await form.getByLabel('Email address').fill(email);
  await form.getByRole('button', { name: 'Invite' }).click();
  // Without a relay no invitation can be mailed.
  const link = (await admin.getByRole('status').locator('code').innerText()).trim();
  await context.close();

  const [organisation, own] = [await Relay.start(), await Relay.start()];
  expect((await console.server.save(fields(organisation))).status).toBe(200);
  await page.goto(link);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Set password' }).click();
  await expect(page.getByRole('status')).toHaveText('Your password is set. Sign in with it.');
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page).toHaveURL(`${console.url}/home`);
  await page.getByRole('navigation', { name: 'Console' }).getByRole('link', { name: 'My relay' }).click();
  const settings = new EmailPage(page);
  await settings.waitForHydration();
  await expect(settings.field('Email Address')).toHaveValue(email);
  await settings.save({ 'Host Name': '127.0.0.1', Port: String(own.port) });

  await page.goto(`${console.url}/account/tokens`);
  await page.getByLabel('Name of the token').fill('app');
  await page.getByRole('button', { name: 'Create token' }).click();
  const bearer = (await page.getByRole('status').locator('code').innerText()).trim();
  const sent = await send('Through the own relay', bearer);
  expect(sent.queue).toBe('own_relay');
  expect((await own.mails.next()).from).toBe(email);
  await page.goto(`${console.url}/outbox/${sent.id}`);
  await expect(page.getByText('Own relay was chosen: own relay.')).toBeVisible();

  await own.stop();
  const failedOver = await send('Own relay down', bearer);
  expect((await organisation.mails.next()).to).toEqual(['desk@example.net']);
  await page.goto(`${console.url}/outbox/${failedOver.id}`);
  await expect(page.getByText(/^The organisation's relay was chosen: failover: Own relay backs off since/)).toBeVisible();
  // This page is no live view, which would report that the server ends.
  await page.goto(`${console.url}/account`);
  await organisation.stop();
});

test('settings of an own relay are found, and diagnosed', async ({ page }) => {
  const certificate = console.authority.issue(HOST);
  const own = await Relay.start({ host: HOST, tls: 'implicit', certificate, auth: ['LOGIN'], users: { [ANN]: 'right' } });
  const settings = await openMyRelay(page);
  await settings.waitForHydration();
  await settings.fill({ 'Host Name': HOST, Port: String(own.port) });
  await settings.form.getByRole('button', { name: 'Find settings' }).click();
  await expect(settings.form).toContainText('Settings were found.');
  await settings.form.getByRole('button', { name: 'Use these settings' }).click();
  await expect(settings.field('Connection Type')).toHaveValue('SSL');
  await expect(settings.field('User Name')).toHaveValue(ANN);
  await settings.fill({ Password: 'right' });
  await settings.diagnose.click();
  await expect(settings.testSection).toContainText('Every stage passed in');

  // An address of the network of Postern is reached by neither.
  await settings.fill({ 'Host Name': '127.0.76.2' });
  await settings.form.getByRole('button', { name: 'Find settings' }).click();
  await expect(settings.form).toContainText('POSTERN_USER_RELAY_ALLOW');
  await settings.fill({ Password: 'right' });
  await settings.diagnose.click();
  await expect(settings.testSection).toContainText('POSTERN_USER_RELAY_ALLOW');
  await own.stop();
});

test('an administrator forbids own relays', async ({ page, browser }, info) => {
  const context = await browser.newContext();
  const admin = await context.newPage();
  await console.signInBrowser(context);
  await admin.goto(`${console.url}/settings/relays`);
  await admin.getByRole('link', { name: 'policy' }).click();
  await expect(admin).toHaveURL(`${console.url}/settings/policy`);
  await expectAccessible(admin, info, 'policy');
  const allowed = admin.getByLabel('Accounts may have a relay of their own');
  await expect(allowed).toBeChecked();
  await allowed.uncheck();
  await admin.getByRole('button', { name: 'Save policy' }).click();
  await expect(admin.getByText('The policy is saved.')).toBeVisible();
  await expect(allowed).not.toBeChecked();
  await expect(admin.getByLabel("The organisation's relays take over")).toBeChecked();

  const settings = await openMyRelay(page);
  await expect(page.getByText("Your organisation does not allow relays of one's own.")).toBeVisible();
  await expect(settings.submit).toHaveCount(0);
  await expectAccessible(page, info, 'forbidden');
  await page.goto(`${console.url}/settings/policy`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('This page is for administrators');
  await context.close();
});

test('the calls of the per-user SMTP service work as its clients make them', async () => {
  const own = await Relay.start({ auth: ['PLAIN'], users: { ann: 'correct horse' } });
  const created = await console.server.command(['token', 'create', '--account', ANN, '--name', 'client', '--scope', 'send,read,admin']);
  const client = created.stdout.trim();
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${console.url}${path}`, {
      method,
      headers: { 'Authorization': `Bearer ${client}`, 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { ok: response.ok, status: response.status, json: await response.json() };
  };
  const none = await call('GET', '/api/smtp/settings');
  expect([none.ok, none.json.isGlobal, none.json.host]).toEqual([true, true, '']);

  const typed = { host: '127.0.0.1', port: own.port, user: 'ann', pass: 'correct horse' };
  const bare = await call('POST', '/api/smtp/test', typed);
  expect([bare.ok, bare.status, bare.json.success], 'not without encryption').toEqual([false, 502, false]);
  expect(bare.json.error).toContain('encrypt');
  const anonymous = await call('POST', '/api/smtp/test', { host: '127.0.0.1', port: own.port });
  expect([anonymous.ok, anonymous.json.success], anonymous.json.error).toEqual([true, true]);
  const closed = await call('POST', '/api/smtp/test', { host: '127.0.0.1', port: 1 });
  expect([closed.ok, closed.status, closed.json.success]).toEqual([false, 502, false]);
  const inward = await call('POST', '/api/smtp/test', { host: '127.0.0.2', port: own.port });
  expect([inward.ok, inward.json.error.includes('POSTERN_USER_RELAY_ALLOW')]).toEqual([false, true]);

  const saved = await call('POST', '/api/smtp/settings', { ...typed, secure: false });
  expect([saved.ok, saved.json.settings.updatedBy], saved.json.error).toEqual([true, ANN]);
  const read = await call('GET', '/api/smtp/settings');
  expect(read.json).toMatchObject({ host: '127.0.0.1', port: own.port, secure: false, user: 'ann', hasPassword: true, isGlobal: false });
  const sealed = await console.server.sealed('correct horse');
  const again = await call('POST', '/api/smtp/settings', { host: '127.0.0.1', port: own.port, user: 'ann', sealedPass: sealed });
  expect(again.ok, again.json.error).toBe(true);
  const sent = await call('POST', '/api/messages/send-email', { to: 'desk@example.net', subject: 'Hello', text: 'Hello.' });
  expect([sent.ok, sent.json.queue]).toEqual([true, 'own_relay']);
  const removed = await call('DELETE', '/api/smtp/settings');
  expect([removed.ok, typeof removed.json.message]).toEqual([true, 'string']);
  expect((await call('GET', '/api/smtp/settings')).json.isGlobal).toBe(true);
  const odd = await call('PUT', '/api/smtp/test', typed);
  expect([odd.status, odd.json.success, typeof odd.json.error, typeof odd.json.errors.request]).toEqual([405, false, 'string', 'string']);
  const unknown = await call('GET', '/api/smtp/none');
  expect([unknown.status, typeof unknown.json.error]).toEqual([404, 'string']);
  await own.stop();
});

test('a password over an open line is refused', async () => {
  const server = await TestServer.start({ env: { POSTERN_TRUSTED_PROXIES: '127.0.0.1' } });
  const headers = {
    'authorization': `Bearer ${server.token}`,
    'content-type': 'application/json',
    'x-forwarded-for': '192.0.2.7',
  };
  const body = JSON.stringify({ host: 'smtp.example.org', port: 465, user: 'ann', pass: 'hunter2' });
  const refused = parseResponse(await server.request('/api/smtp/settings', { method: 'POST', headers, body }));
  expect(refused.status).toBe(422);
  expect(refused.json.errors.pass).toContain('sealedPass');
  expect(refused.text).not.toContain('hunter2');
  await server.stop();
});
