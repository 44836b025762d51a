//! Accessibility of the outbox pages in light and dark, wide and narrow.

import { expectAccessible } from '../../support/pages/accessibility.ts';
import { OutboxPage, submitMail, submitMails } from '../../support/pages/outbox-page.ts';
import { Relay } from '../../support/relays/relay.ts';
import { TestConsole } from '../../support/pages/test-console.ts';
import { fields } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

test('the outbox, empty and filled', async ({ page }, info) => {
  test.slow();
  const console = await TestConsole.start();
  const outbox = await OutboxPage.open(console, page);
  await expectAccessible(page, info, 'outbox-empty');
  const relay = await Relay.start({
    refuse: (recipient) => {
      const long = `<${recipient}>: ${'a-word-without-end'.repeat(12)} مرحبا \u202eedispu\u202c <b>&amp;`;
      if (recipient.startsWith('gone')) {
        return { code: 550, text: `5.1.1 ${long}` };
      }
      return recipient.startsWith('later') ? { code: 450, text: `4.2.0 ${long}` } : undefined;
    },
  });
  await console.server.save(fields(relay));
  const long = `${'m'.repeat(64)}@${'department.'.repeat(8)}example.org`;
  await submitMails(console, [
    ...Array.from({ length: 4 }, (_, desk) => ({ to: `desk${desk}@example.org`, subject: `Alarm ${desk}: fire in hall 3` })),
    { to: 'gone@example.org', subject: 'ش🚪'.repeat(40) },
    { to: long, subject: 'W'.repeat(300) },
  ]);
  const id = await submitMail(console, { to: ['later@example.org', long, 'gone2@example.org'], text: `${'w'.repeat(300)}\n`.repeat(60) });
  await expect(outbox.status).toContainText('Delivery is running.');
  await outbox.expectCounts({ Deferred: 1, Failed: 2, Delivered: 6 });
  await expectAccessible(page, info, 'outbox');
  await outbox.go('?state=failed&address=gone');
  await expectAccessible(page, info, 'outbox-failed');
  await outbox.go(`/${id}`);
  await expectAccessible(page, info, 'outbox-message');
  await page.goto(new URL('/suppressions', outbox.url).href);
  await expectAccessible(page, info, 'suppressions');
  await page.goto(`${outbox.url}/confirm?act=cancel&state=failed&number=1&up_to=${id}`);
  await expectAccessible(page, info, 'outbox-confirm');

  await relay.stop();
  await submitMail(console, { to: 'mara@example.org' });
  await outbox.go();
  await expect(outbox.status).toContainText('is backing off');
  await expectAccessible(page, info, 'outbox-backoff');
  await outbox.status.getByRole('button', { name: 'Pause delivery' }).click();
  await expect(outbox.status).toContainText('Delivery is paused.');
  await outbox.expectLive();
  await expectAccessible(page, info, 'outbox-held');
  await console.stop();
});
