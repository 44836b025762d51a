//! Console: the report of a failed test email, and cancelling one that hangs.

import { selfSigned } from '../../support/relays/certificate.ts';
import { type EmailPage, type FieldValues } from '../../support/pages/email-page.ts';
import { Queue } from '../../support/queue.ts';
import { Relay } from '../../support/relays/relay.ts';
import { closedPort, tcpRelay, unreachablePort } from '../../support/relays/tcp-relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { expect, test } from '../../support/test.ts';

test.describe.configure({ mode: 'default' });

let console: TestConsole;

test.beforeAll(async () => {
  console = await TestConsole.start();
});

test.afterAll(() => console?.stop());

/** Form values for a relay without authentication. */
function settingsFor(relay: { port: number }, more: FieldValues = {}): FieldValues {
  return { 'Email Address': 'alerts@example.org', 'Host Name': '127.0.0.1', Port: String(relay.port), ...more };
}

async function expectFailure(settings: EmailPage, stage: string, ...text: Array<string | RegExp>): Promise<void> {
  await expect(settings.testSection).toContainText(new RegExp(`Failed after [\\d.]+ m?s at “${stage}”\\.`));
  for (const word of [...text, 'What to do', 'The form was tested, not the saved settings.']) {
    await expect(settings.testSection).toContainText(word);
  }
  await expect(settings.sendTest, 'the button is enabled again').toBeEnabled();
  await expect(settings.cancel).toBeHidden();
  await settings.expectVerification(/^Not set up yet/);
}

test('a wrong password', async ({ page }) => {
  const certificate = console.authority.issue('127.0.0.1');
  const relay = await Relay.start({ tls: 'starttls', certificate, auth: ['PLAIN'], users: { me: 'right' } });
  const settings = await console.settings(page, await console.createAdmin());
  await settings.fill(settingsFor(relay, { 'User Name': 'me', Password: 'wrong', 'Connection Type': 'TLS', 'Authentication Type': 'Plain' }));
  await settings.test();
  await expectFailure(
    settings,
    'AUTH sign-in',
    'The relay replied',
    '535 5.7.8 Those are not the credentials',
    'Check User Name',
  );
  await settings.fill({ Password: 'right' });
  await settings.test();
  await expect(settings.testSection).toContainText('Sent in');
  expect(relay.attempts.all.map(({ accepted }) => accepted)).toEqual([false, true]);
  await relay.stop();
});

test('a refused recipient', async ({ page }) => {
  const relay = await Relay.start({ refuse: () => ({ code: 550, text: '5.1.1 Nobody of that name here' }) });
  const settings = await console.settings(page, await console.createAdmin());
  await settings.fill(settingsFor(relay));
  await settings.test('nobody@example.net');
  await expectFailure(settings, 'RCPT TO names the recipient', '550 5.1.1 Nobody of that name here', 'The recipient is unknown', 'Check the spelling');
  await relay.stop();
});

test('a closed port', async ({ page }) => {
  const settings = await console.settings(page, await console.createAdmin());
  await settings.fill(settingsFor({ port: await closedPort() }));
  await settings.test();
  await expectFailure(settings, 'TCP connection', 'refused the connection', 'no mail service runs at this port');
  await expect(settings.testSection).not.toContainText('The relay replied');
});

test('a port that never answers', async ({ page }) => {
  const nowhere = await unreachablePort();
  const settings = await console.settings(page, await console.createAdmin());
  await settings.fill(settingsFor(nowhere, { 'Connect Time-out': '1' }));
  await settings.test();
  await expectFailure(settings, 'TCP connection', /no answer from .* within 1 s/, 'The port is filtered');
  await nowhere.stop();
});

test('a self-signed certificate', async ({ page }) => {
  const relay = await Relay.start({ tls: 'implicit', certificate: selfSigned('127.0.0.1') });
  const settings = await console.settings(page, await console.createAdmin());
  await settings.fill(settingsFor(relay, { 'Connection Type': 'SSL' }));
  await settings.test();
  await expectFailure(settings, 'TLS handshake', 'certificate', 'press Trust this certificate');
  expect(relay.mails.all).toEqual([]);

  await settings.fill({ 'Certificate Check': 'Off' });
  await expect(settings.form).toContainText('Anybody on the network path can impersonate the relay');
  await settings.test();
  await expect(settings.testSection).toContainText('Sent in');
  await relay.stop();
});

test('a certificate for another host', async ({ page }) => {
  const relay = await Relay.start({ tls: 'starttls', certificate: console.authority.issue('mail.example.org') });
  const settings = await console.settings(page, await console.createAdmin());
  await settings.fill(settingsFor(relay, { 'Connection Type': 'TLS' }));
  await settings.test();
  await expectFailure(settings, 'TLS handshake', 'mail.example.org', "Enter one of the certificate's names");
  await relay.stop();
});

/** A silent relay, and the queue of its closed connections. */
async function silentTlsRelay() {
  const closed = new Queue<void>();
  const relay = await tcpRelay((socket) => socket.on('close', () => closed.push()));
  return { relay, closed };
}

test('a running test is shown and cancelled', async ({ page }) => {
  const { relay, closed } = await silentTlsRelay();
  const settings = await console.settings(page, await console.createAdmin());
  await settings.fill(settingsFor(relay, { 'Command Time-out': '60' }));
  await settings.test();
  await relay.connections.next();
  await expect(settings.testSection.getByRole('listitem')).toHaveText([
    /^TCP connection passed/,
    /^Greeting of the relay in progress/,
    ...['EHLO introduces Postern', 'STARTTLS asks for encryption', 'TLS handshake', 'EHLO introduces Postern'],
    ...['MAIL FROM names the sender', 'RCPT TO names the recipient', 'DATA sends the message', 'QUIT ends the session'],
  ]);
  const clock = settings.testSection.getByText(/^\d+\.0 s$/);
  const elapsed = (await clock.textContent()) ?? '';
  await expect(clock.filter({ hasNotText: elapsed }), 'the elapsed time advances').toBeVisible();

  await expect(settings.sendTest).toBeDisabled();
  await settings.sendTest.click({ force: true });
  await settings.recipient.press('Enter');

  expect(closed.all).toEqual([]);
  await settings.cancel.click();
  await closed.next();
  await expect(settings.testSection).toContainText('Cancelled. No message was sent.');
  await expect(settings.sendTest).toBeEnabled();
  await expect(settings.sendTest, 'the focus moves to the next button').toBeFocused();
  expect(relay.connections.all, 'one test at a time').toHaveLength(1);
  await relay.stop();
});

test('closing the page ends its test', async ({ page }) => {
  const { relay, closed } = await silentTlsRelay();
  const settings = await console.settings(page, await console.createAdmin());
  await settings.fill(settingsFor(relay, { 'Command Time-out': '60' }));
  await settings.test();
  await relay.connections.next();
  await page.close();
  await closed.next();
  await relay.stop();
});

test('a test requires a valid recipient and a valid form', async ({ page }) => {
  const relay = await Relay.start();
  const admin = await console.createAdmin();
  const settings = await console.settings(page, admin);
  await expect(settings.recipient, 'the address of the account').toHaveValue(admin);
  await settings.recipient.fill('');
  await expect(settings.sendTest, 'empty').toBeDisabled();
  for (const recipient of ['me', 'me@', 'me@example.org, you@example.org', ' ']) {
    await settings.recipient.fill(recipient);
    await expect(settings.sendTest, recipient).toBeDisabled();
  }
  await settings.recipient.fill('me@');
  await settings.recipient.blur();
  await expect(settings.recipient).toHaveAttribute('aria-invalid', 'true');
  await expect(settings.recipient).toHaveAccessibleDescription(/The domain after the @ is missing/);

  await settings.recipient.fill(' me@example.net ');
  await expect(settings.recipient).toHaveAttribute('aria-invalid', 'false');
  await settings.fill(settingsFor(relay, { 'Host Name': 'https://smtp.example.org' }));
  await settings.sendTest.click();
  await expect(settings.field('Host Name')).toBeFocused();
  await expect(settings.field('Host Name')).toHaveAccessibleDescription(/without https/);

  await settings.fill({ 'Host Name': '127.0.0.1' });
  await settings.sendTest.click();
  expect((await relay.mails.next()).to).toEqual(['me@example.net']);
  await relay.stop();
});

test('more than six tests a minute are refused with a time to wait', async ({ page }) => {
  const port = await closedPort();
  const settings = await console.settings(page, await console.createAdmin());
  await settings.fill(settingsFor({ port }));
  const failed = settings.testSection.getByText(/^Failed after/).last();
  for (let test = 1; test <= 6; test += 1) {
    await settings.test();
    await expect(failed).toBeVisible();
    await expect(settings.sendTest).toBeEnabled();
  }
  await settings.test();
  await expect(settings.testSection).toContainText('The test could not be started.');
  await expect(settings.testSection).toContainText('At most six tests a minute are allowed.');
});
