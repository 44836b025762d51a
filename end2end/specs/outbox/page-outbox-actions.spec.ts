//! Console: actions of administrators on messages, and what other accounts cannot see.

import type { Page } from '@playwright/test';
import { postForm, signIn } from '../../support/api/forms.ts';
import { requestOk } from '../../support/mail/messages.ts';
import { OutboxPage, submitMail, submitMails } from '../../support/pages/outbox-page.ts';
import { Relay } from '../../support/relays/relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { fields } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

/** A relay that refuses every recipient until `takes` is called. */
async function relayWithReply(code: number, text: string): Promise<{ relay: Relay; takes: () => void }> {
  let takes = false;
  const relay = await Relay.start({ refuse: () => (takes ? undefined : { code, text }) });
  return { relay, takes: () => (takes = true) };
}

test('a message page shows its delivery events and content', async ({ page }) => {
  const console = await TestConsole.start();
  const { relay, takes } = await relayWithReply(450, '4.2.0 Greylisted, come back');
  await console.server.save(fields(relay));
  const id = await submitMail(console, {
    to: ['desk@example.org', 'mara@example.org'],
    subject: 'Alarm 1432',
    text: 'Fire in <hall> 3 & 4.',
    priority: 'high',
    attachments: [{ filename: 'hall-3.txt', content_type: 'text/plain', content: 'aGFsbA==' }],
  });
  const outbox = await OutboxPage.open(console, page);
  await outbox.openMessage('desk@example.org');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Alarm 1432');
  const envelope = page.getByRole('region', { name: 'Envelope' });
  await expect(envelope).toContainText(/From\s*alerts@example\.org\s*Accepted\s*By admin@example\.org/);
  await expect(envelope).toContainText(/Priority\s*High/);
  await expect(envelope).toContainText(id);
  const desk = outbox.recipient('desk@example.org');
  const steps = desk.getByRole('listitem');
  await expect(steps).toHaveText([/Accepted/, /Attempt failed through 127\.0\.0\.1:\d+ in .*450 4\.2\.0 Greylisted/, /Next attempt (in|within) 1 min\./]);

  const content = page.getByRole('region', { name: 'Content' });
  await expect(content).toContainText('Fire in <hall> 3 & 4.');
  await expect(content).toContainText(/Subject\s*Alarm 1432/);
  await expect(content).toContainText('hall-3.txttext/plain, 4 bytes');
  const downloading = page.waitForEvent('download');
  await content.getByRole('link', { name: 'Download the source' }).click();
  expect((await downloading).suggestedFilename()).toBe(`${id}.eml`);
  const cookie = await signIn(console.url, 'admin@example.org', 'correct horse battery');
  const source = await console.server.request(`/outbox/${id}/source`, { headers: { cookie } });
  expect(source.text).toContain('Subject: Alarm 1432\r\n');
  expect(source.headers).toMatchObject({
    'content-type': 'message/rfc822',
    'content-disposition': `attachment; filename="${id}.eml"`,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });

  takes();
  await desk.getByRole('button', { name: 'Retry the mail to desk@example.org' }).click();
  await expect(page.getByText('The mail to 1 recipient is tried again.')).toBeVisible();
  await expect(steps).toHaveText([/Accepted/, /Attempt failed/, /Retried by admin@example\.org/, /Delivered through 127\.0\.0\.1:\d+ in .*250/]);
  await expect(desk.getByRole('button')).toHaveCount(0);

  const mara = outbox.recipient('mara@example.org');
  await mara.getByRole('button', { name: 'Hold the mail to mara@example.org' }).click();
  await expect(mara).toContainText('Held until it is released.');
  await mara.getByRole('link', { name: 'Cancel the mail to mara@example.org' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Cancel for 1 recipient?');
  await expect(page.getByText('The mail is never sent. This cannot be undone.')).toBeVisible();
  await page.getByRole('link', { name: 'Back' }).click();
  await expect(mara).toContainText('Held until it is released.');
  await mara.getByRole('link', { name: 'Cancel the mail to mara@example.org' }).click();
  await page.getByRole('button', { name: 'Cancel for 1 recipient' }).click();
  await expect(page.getByText('The mail to 1 recipient is cancelled.')).toBeVisible();
  await expect(mara.getByRole('listitem')).toHaveText([/Accepted/, /Attempt failed/, /Held by admin/, /Cancelled by admin/]);
  expect(relay.mails.all.map((mail) => mail.to)).toEqual([['desk@example.org']]);
  await relay.stop();
  await console.stop();
});

test('a bulk action asks for confirmation, again when more match', async ({ page }) => {
  const console = await TestConsole.start();
  const { relay, takes } = await relayWithReply(554, '5.6.0 Not today');
  const held = await submitMail(console, { to: 'desk0@example.org' });
  await requestOk(console.server, `/api/messages/${held}/hold`);
  await console.server.save(fields(relay));
  const outbox = await OutboxPage.open(console, page, '?state=failed');
  await submitMails(console, [1, 2, 3].map((desk) => ({ to: `desk${desk}@example.org` })));
  await submitMail(console, { to: 'mara@example.org' });
  await expect(outbox.rows).toHaveCount(4);
  await outbox.go('?state=failed&address=desk');
  const acts = outbox.mails.getByRole('link', { name: 'all that match' });
  await expect(acts).toHaveText(['Retry…', 'Cancel…']);
  await acts.first().click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Retry for 3 recipients?');
  await expect(page.getByText('All that match: failed, to desk….')).toBeVisible();

  await submitMail(console, { to: 'desk4@example.org' });
  await requestOk(console.server, `/api/messages/${held}/release`);
  for (const desk of ['desk0@example.org', 'desk4@example.org']) {
    await expect(async () => {
      const listed = await console.server.request(`/api/messages?state=failed&address=${desk}`);
      expect(listed.text).toContain(desk);
    }).toPass();
  }
  takes();
  await page.getByRole('button', { name: 'Retry for 3 recipients' }).click();
  await expect(page.getByRole('alert')).toHaveText('The number of recipients was 3 before and is 5 now.');
  await page.getByRole('button', { name: 'Retry for 5 recipients' }).click();
  await expect(page.getByText('The mail to 5 recipients is tried again.')).toBeVisible();
  await expect(outbox.rows).toHaveCount(0);
  await outbox.expectCounts({ Delivered: 5, Failed: 1 });
  await page.goBack();
  await page.reload();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('There is nothing to retry');
  await page.getByRole('link', { name: 'Back' }).click();
  await expect(page).toHaveURL(`${outbox.url}?address=desk&state=failed`);
  await outbox.go('?state=delivered');
  await expect(outbox.rows).toHaveCount(5);
  await expect(acts, 'a delivered message has no actions').toHaveCount(0);
  await relay.stop();
  await console.stop();
});

test('an action on many recipients is shown with its result', async ({ page }) => {
  const console = await TestConsole.start();
  const to = Array.from({ length: 100 }, (_, desk) => `desk${desk}@example.org`);
  await submitMails(console, Array.from({ length: 30 }, () => ({ to })));
  const outbox = await OutboxPage.open(console, page);
  await outbox.mails.getByRole('link', { name: 'Hold all mail' }).click();
  await page.getByRole('button', { name: 'Hold for 3,000 recipients' }).click();
  const act = page.getByRole('region', { name: 'Action on many messages' });
  await expect(act).toContainText(/The mail to 3,000 recipients is held\.\s*Ended .* UTC by admin@example\.org\./);
  await expect(act.getByRole('button', { name: 'Stop' })).toHaveCount(0);
  await outbox.expectCounts({ Held: 3_000, Queued: 0 });
  const cookie = await signIn(console.url, 'admin@example.org', 'correct horse battery');
  const stopped = await postForm(console.url, '/outbox/act/stop', {}, { cookie });
  expect([stopped.status, stopped.headers.location], 'it has ended').toEqual([303, '/outbox']);
  await console.stop();
});

test('pausing, releasing and resuming', async ({ page }) => {
  const console = await TestConsole.start();
  const relay = await Relay.start();
  await console.server.save(fields(relay));
  const outbox = await OutboxPage.open(console, page);
  const hold = outbox.status.getByRole('button', { name: 'Pause delivery' });
  await expect(hold).toHaveAccessibleDescription('Messages are accepted and held until they are released; none is sent.');
  await hold.click();
  await expect(page.getByText('Delivery is paused.'), 'one in the notice and one in the status').toHaveCount(2);
  await expect(outbox.status).toContainText(/Delivery is paused\.\s*Since .* UTC by admin@example\.org\./);
  await submitMails(console, [{ to: 'desk@example.org' }, { to: 'mara@example.org' }]);
  await outbox.expectCounts({ Held: 2 });
  await outbox.status.getByRole('button', { name: 'Resume delivery' }).click();
  await expect(outbox.status).toContainText('Delivery is running.');
  await submitMail(console, { to: 'new@example.org' });
  expect((await relay.mails.next()).to).toEqual(['new@example.org']);
  await outbox.status.getByRole('link', { name: 'Release for 2 recipients' }).click();
  await page.getByRole('button', { name: 'Release for 2 recipients' }).click();
  await expect(page.getByText('The mail to 2 recipients is released.')).toBeVisible();
  await outbox.go();
  await outbox.expectCounts({ Held: 0, Delivered: 3 });
  await relay.stop();
  await console.stop();
});

test('a notice is shown once, and by no link', async ({ page }) => {
  const console = await TestConsole.start();
  const relay = await Relay.start();
  await console.server.save(fields(relay));
  const outbox = await OutboxPage.open(console, page);
  await outbox.status.getByRole('button', { name: 'Pause delivery' }).click();
  const notices = page.getByRole('main').locator('.notice-good');
  await expect(notices).toHaveText('Delivery is paused.');
  await page.reload();
  await expect(outbox.status).toContainText('Delivery is paused.');
  await expect(notices).toHaveCount(0);
  for (const path of ['/outbox?done=cancel&number=7', '/suppressions?removed=a@example.org', '/account?done=password']) {
    await page.goto(new URL(path, console.url).href);
    await expect(page.getByRole('main')).toBeVisible();
    await expect(notices, path).toHaveCount(0);
  }
  await relay.stop();
  await console.stop();
});

test('a mistyped form or search matches nothing', async ({ page }) => {
  const console = await TestConsole.start();
  const relay = await Relay.start();
  await console.server.save(fields(relay));
  const outbox = await OutboxPage.open(console, page);
  await outbox.status.getByRole('button', { name: 'Pause delivery' }).click();
  await submitMail(console, { to: 'desk@example.org' });
  const up_to = '7ZZZZZZZZZZZZZZZZZZZZZZZZZ';
  const cookie = await signIn(console.url, 'admin@example.org', 'correct horse battery');
  for (const [path, sent] of [
    ['/outbox/act', { act: 'cancel', number: '1', up_to, adress: 'x' }],
    ['/outbox/act', { act: 'cancel', number: '1' }],
    ['/outbox/act', { act: 'cancel', number: '1', up_to: '8ZZZZZZZZZZZZZZZZZZZZZZZZZ' }],
    ['/outbox/act', { act: 'cancel', number: '1', up_to, since: '2026-02-30' }],
    ['/suppressions/remove', { number: '1', adress: 'x' }],
    ['/outbox/pause', { pause: 'false' }],
  ] as const) {
    expect((await postForm(console.url, path, { ...sent }, { cookie })).status, JSON.stringify(sent)).toBe(422);
  }
  for (const path of ['/outbox?adress=x', '/outbox/confirm?act=cancel&adress=x', '/suppressions?adress=x', '/outbox?address=a&address=b']) {
    expect((await console.server.request(path, { headers: { cookie } })).status, path).toBe(422);
  }
  await outbox.go();
  await outbox.expectCounts({ Held: 1 });
  await relay.stop();
  await console.stop();
});

test('a suppressed address is skipped until it is removed from the list', async ({ page }) => {
  const console = await TestConsole.start();
  const { relay, takes } = await relayWithReply(550, '5.1.1 No such user here');
  await console.server.save(fields(relay));
  await submitMail(console, { to: 'Gone@example.org' });
  const outbox = await OutboxPage.open(console, page);
  await expect(outbox.row('Gone@example.org')).toContainText('Failed');
  takes();
  await submitMail(console, { to: 'gone@example.org' });
  await expect(outbox.rows).toHaveCount(2);
  await outbox.expectCounts({ Failed: 2 });
  expect(relay.mails.all).toHaveLength(0);

  await page.getByRole('link', { name: 'Suppression list' }).click();
  const listed = page.getByRole('main').getByRole('listitem');
  await expect(listed).toHaveText(
    /gone@example\.org.*550 5\.1\.1 No such user here.*Since .* UTC by 127\.0\.0\.1:\d+, reply to this message\. Expires .* UTC\./,
  );
  await page.getByLabel('Address begins with').fill('else');
  await page.getByRole('button', { name: 'Search' }).click();
  await expect(page.getByText('No listed address matches.')).toBeVisible();
  await page.getByLabel('Address begins with').fill('GONE');
  await page.getByRole('button', { name: 'Search' }).click();
  await page.getByRole('button', { name: 'Remove gone@example.org' }).click();
  await expect(page.getByText('gone@example.org is no longer suppressed.')).toBeVisible();
  await expect(listed).toHaveCount(0);
  await submitMail(console, { to: 'gone@example.org' });
  expect((await relay.mails.next()).to).toEqual(['gone@example.org']);
  await relay.stop();
  await console.stop();
});

test('all suppressions that match are removed at once', async ({ page }) => {
  const console = await TestConsole.start();
  const { relay, takes } = await relayWithReply(550, '5.1.2 No such domain');
  await console.server.save(fields(relay));
  const to = Array.from({ length: 25 }, (_, desk) => `desk${desk}@example.org`);
  await submitMail(console, { to });
  const outbox = await OutboxPage.open(console, page);
  await outbox.expectCounts({ Failed: 25 });
  await expect(page.getByText('No more addresses are suppressed. The relay reported 20 addresses as unknown within 24 hours')).toBeVisible();
  takes();

  await page.getByRole('link', { name: 'Suppression list', exact: true }).click();
  const listed = page.getByRole('main').getByRole('listitem');
  await expect(listed).toHaveCount(20);
  await page.getByLabel('Reply contains').fill('5.1.2');
  await page.getByRole('button', { name: 'Search' }).click();
  await requestOk(console.server, '/api/suppressions/desk0@example.org', undefined, 'DELETE');
  await page.getByRole('button', { name: 'Remove all that match: 20 addresses' }).click();
  await expect(page.getByText('19 addresses are no longer suppressed. Retry the failed messages to send them.')).toBeVisible();
  await expect(page.getByText('No listed address matches.')).toBeVisible();
  await expect(page.getByLabel('Reply contains'), 'the search is kept').toHaveValue('5.1.2');
  await relay.stop();
  await console.stop();
});

test('accounts without administrator role see their own mail and no actions', async ({ page }) => {
  const console = await TestConsole.start();
  const { relay } = await relayWithReply(450, '4.2.0 Later');
  await console.server.save(fields(relay));
  const token = await console.server.createAccount('plant@example.org', 'user');
  const otherId = await submitMail(console, { to: 'secret@example.org', subject: 'Of nobody else' });
  const own = await submitMail(console, { to: 'desk@example.org', subject: 'Mine', text: 'Fire in hall 3.' }, token);
  const outbox = await OutboxPage.open(console, page, '', 'plant@example.org');
  await expect(page.getByRole('navigation', { name: 'Console' }).getByRole('link')).toHaveText(['Home', 'Outbox', 'Figures', 'My relay', 'Account']);
  await expect(outbox.rows).toHaveCount(1);
  await outbox.expectCounts({ Deferred: 1 });
  await expect(page.getByRole('main').locator('form[method=post]')).toHaveCount(0);
  await expect(page.getByRole('link', { name: /Retry|Suppression/ })).toHaveCount(0);
  expect(await page.content()).not.toMatch(/secret@example|Of nobody else/);

  await outbox.openMessage('desk@example.org');
  await expect(outbox.recipient('desk@example.org')).toContainText(/Attempt failed.*450 4\.2\.0 Later/);
  await expect(page.getByRole('region', { name: 'Content' })).toHaveCount(0);
  await expect(page.getByRole('main').locator('form')).toHaveCount(0);
  expect(await page.content(), 'neither content nor relay are shown').not.toMatch(/hall 3|127\.0\.0\.1:/);

  const cookie = await signIn(console.url, 'plant@example.org', 'correct horse battery');
  const statusOf = async (path: string) => (await console.server.request(path, { headers: { cookie } })).status;
  expect(await statusOf(`/outbox/${otherId}`)).toBe(404);
  expect(await statusOf(`/outbox/${own}/source`)).toBe(403);
  expect(await statusOf('/suppressions')).toBe(403);
  expect(await statusOf('/outbox/confirm?act=cancel')).toBe(403);
  for (const [path, sent] of [
    ['/outbox/act', { act: 'cancel', message: own }],
    ['/outbox/pause', { pause: '1' }],
    ['/outbox/act/stop', {}],
    ['/suppressions/remove', { remove: 'a@example.org' }],
    ['/suppressions/remove', { number: '1' }],
  ] as const) {
    expect((await postForm(console.url, path, { ...sent }, { cookie })).status, path).toBe(403);
    expect((await postForm(console.url, path, { ...sent }, { cookie, 'sec-fetch-site': 'cross-site' })).status, path).toBe(403);
    expect((await postForm(console.url, path, { ...sent })).status, path).toBe(401);
  }
  expect(await liveUpdates(page, `/outbox/${otherId}`)).toBe(404);
  await relay.stop();
  await console.stop();
});

/** The status of a request to watch the message of another account. */
async function liveUpdates(page: Page, address: string): Promise<number> {
  return page.evaluate(async (id) => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch('/fn/watch', { method: 'POST', headers, body: JSON.stringify({ watched: { outbox: { url: id } } }) });
    return response.status;
  }, address);
}

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('messages and suppressions can be operated', async ({ page }) => {
    const console = await TestConsole.start();
    const { relay, takes } = await relayWithReply(554, '5.7.1 Not today');
    await console.server.save(fields(relay));
    await submitMail(console, { to: 'desk@example.org' });
    await expect(async () => {
      expect((await console.server.request('/api/messages?state=failed')).text).toContain('desk@example.org');
    }).toPass();
    await console.signInBrowser(page.context());
    await page.goto(`${console.url}/outbox`);
    await expect(page.getByText('Live', { exact: true })).toBeHidden();
    await expect(page.getByText('Not live')).toBeHidden();
    await page.getByLabel('State', { exact: true }).selectOption('Failed');
    await page.getByRole('button', { name: 'Search' }).click();
    takes();
    await page.getByRole('link', { name: 'Retry all that match' }).click();
    await page.getByRole('button', { name: 'Retry for 1 recipient' }).click();
    await expect(page.getByText('The mail to 1 recipient is tried again.')).toBeVisible();
    await relay.mails.next();
    await relay.stop();
    await console.stop();
  });
});
