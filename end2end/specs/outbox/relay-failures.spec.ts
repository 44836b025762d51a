//! Delivery to a relay that fails at each command (Postfix's smtp-sink), and after its repair.

import { expect, test } from '@playwright/test';
import { serversUnavailable } from '../../support/program/chroot.ts';
import { actOnAll, counts, expectCounts, mails, message, overview, submit } from '../../support/mail/messages.ts';
import { Relay } from '../../support/relays/relay.ts';
import { SmtpSink } from '../../support/servers/smtp-sink.ts';
import { TestServer, fields } from '../../support/api/test-server.ts';

test.skip(serversUnavailable() !== undefined, serversUnavailable());
test.describe.configure({ mode: 'default' });

const MESSAGE_COUNT = 20;

let postern: TestServer;
let healthy: Relay;

test.beforeAll(async () => {
  [postern, healthy] = await Promise.all([TestServer.start(), Relay.start()]);
});

test.afterAll(async () => {
  await Promise.all([postern?.stop(), healthy?.stop()]);
});

/** Saves the relay and submits the messages. */
async function submitMails(sink: SmtpSink, name: string): Promise<string[]> {
  expect((await postern.save(fields(sink, { smtp_host: sink.host }))).status).toBe(200);
  return submit(postern, mails(name, MESSAGE_COUNT));
}

/** Saves a healthy relay and expects that every message arrives exactly once. */
async function expectAllArrive(name: string, ids: string[], retried: number): Promise<void> {
  const before = healthy.mails.all.length;
  await postern.save(fields(healthy));
  if (retried) {
    await actOnAll(postern, 'retry', { subject: name }, retried);
  }
  await expectCounts(postern, { queued: 0, deferred: 0, failed: 0 });
  const messages = await Promise.all(ids.map((id) => message(postern, id)));
  expect(messages.flatMap(({ recipients }) => recipients.map(({ state }) => state))).toEqual(ids.map(() => 'delivered'));
  const arrived = healthy.mails.all.slice(before).map(({ mail }) => mail.subject);
  expect(arrived.sort()).toEqual(mails(name, MESSAGE_COUNT).map(({ subject }) => subject).sort());
}

for (const [behaviour, flags, state, reply] of [
  ['defers every sender', ['-r', 'MAIL'], 'deferred', '450 4.3.0'],
  ['defers every recipient', ['-r', 'RCPT'], 'deferred', '450 4.3.0'],
  ['defers every message after DATA', ['-r', '.'], 'deferred', '450 4.3.0'],
  ['refuses every recipient', ['-f', 'RCPT'], 'failed', '500 5.3.0'],
  ['refuses every message after DATA', ['-f', '.'], 'failed', '500 5.3.0'],
  ['disconnects after the final dot', ['-q', '.'], 'deferred', ''],
] as const) {
  test(`a relay that ${behaviour}: every message is ${state}, and delivered once after the repair`, async () => {
    const sink = await SmtpSink.start(...flags);
    const ids = await submitMails(sink, behaviour);
    await expectCounts(postern, { queued: 0, [state]: MESSAGE_COUNT });
    for (const { recipients } of await Promise.all(ids.map((id) => message(postern, id)))) {
      expect(recipients).toMatchObject([{ state, attempts: 1, reply: expect.stringContaining(reply) }]);
      expect(recipients[0]?.timeline).toMatchObject([{ kind: state, may_have_arrived: flags.join(' ') === '-q .' }]);
    }
    await expectAllArrive(behaviour, ids, MESSAGE_COUNT);
    await sink.stop();
  });
}

for (const [behaviour, flags] of [
  ['disconnects at once', ['-q', 'CONNECT']],
  ['disconnects at RCPT', ['-q', 'RCPT']],
  ['disconnects at DATA', ['-q', 'DATA']],
  ['replies 421 to MAIL', ['-Q', 'MAIL']],
  ['replies 421 after DATA', ['-Q', '.']],
] as const) {
  test(`a relay that ${behaviour} backs off: every message stays queued, and is delivered once`, async () => {
    const sink = await SmtpSink.start(...flags);
    const ids = await submitMails(sink, behaviour);
    const backoff = async () => ((await overview(postern)).workers as { backoffs?: unknown[] }[])[0]?.backoffs?.[0];
    await expect.poll(backoff).toMatchObject({ relay: `${sink.host}:${sink.port}` });
    expect(await counts(postern)).toMatchObject({ queued: MESSAGE_COUNT, deferred: 0, failed: 0 });
    await expectAllArrive(behaviour, ids, 0);
    await sink.stop();
  });
}
