//! Console: after a backup was restored, Home and the outbox say so, and delivery is resumed there.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expectAccessible } from '../../support/pages/accessibility.ts';
import { expectState, mail, submit } from '../../support/mail/messages.ts';
import { runPostern } from '../../support/program/program.ts';
import { Relay } from '../../support/relays/relay.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { signInContext } from '../../support/pages/test-console.ts';
import { TestServer, fields } from '../../support/api/test-server.ts';
import { expect, test } from '../../support/test.ts';

/** A server on the backup of one that had a mail queued, and the id of that mail. */
async function restoredServer(relay: Relay): Promise<{ server: TestServer; queued: string }> {
  const first = await TestServer.start({ arguments: ['--no-delivery'] });
  await first.save(fields(relay));
  const [queued = ''] = await submit(first, mail());
  const file = join(temporaryFolder('backup'), 'backup');
  const keys = `${file}.keys`;
  expect(await first.command(['backup', file, '--keys', keys])).toMatchObject({ code: 0 });
  await first.postern.stop({ keepData: true });
  const { data } = first.postern;
  rmSync(data, { recursive: true });
  const restored = await runPostern(['restore', file, '--keys', keys, '--data', data]);
  expect(restored, restored.stderr).toMatchObject({ code: 0 });
  return { server: await first.restart(), queued };
}

test('an administrator looks at the queue and resumes delivery', async ({ page }, info) => {
  // Looks at two pages in each width and scheme.
  test.slow();
  const relay = await Relay.start();
  const { server, queued } = await restoredServer(relay);
  const { url } = server.postern;
  await signInContext(page.context(), url);

  await page.goto(`${url}/home`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('No mail leaves: delivery is paused.');
  const firstThing = page.getByRole('region', { name: 'First thing to do' });
  await expect(firstThing).toContainText('A backup was restored: cancel queued mail first');
  await expectAccessible(page, info, 'home-restored');
  await firstThing.getByRole('link', { name: 'Look at the queue' }).click();
  await expect(page).toHaveURL(`${url}/outbox`);
  const status = page.getByRole('region', { name: 'Delivery status' });
  await expect(status).toContainText(/Since .* UTC, when a backup was restored\./);
  await expect(status).toContainText(/sent after the backup was made, \d{4}-.* UTC, are queued again\. Cancel those first/);
  await expectAccessible(page, info, 'outbox-restored');
  await expectState(server, queued, 'queued');
  expect(relay.mails.all).toEqual([]);

  await status.getByRole('button', { name: 'Resume delivery' }).click();
  await expect(status).not.toContainText('a backup was restored');
  await expectState(server, queued, 'delivered');
  await page.close();
  await Promise.all([relay.stop(), server.stop()]);
});
