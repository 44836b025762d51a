//! Reports of success (RFC 3461, RFC 3464), by whether the relay offers DSN.

import { expect, test } from '@playwright/test';
import { expectCounts, expectState } from '../../support/mail/messages.ts';
import { Relay } from '../../support/relays/relay.ts';
import { greeted, idOf } from '../../support/mail/submission-listener.ts';
import { TestServer, fields } from '../../support/api/test-server.ts';

const SENDER = 'app@example.org';
const DESK = 'desk@example.net';

/** A Postern with an SMTP listener, and a relay that may offer DSN. */
async function start(dsn: boolean): Promise<{ server: TestServer; relay: Relay; stop: () => Promise<void> }> {
  const [server, relay] = await Promise.all([TestServer.start({ arguments: ['--submission', '127.0.0.1:0'] }), Relay.start({ dsn })]);
  expect((await server.save(fields(relay))).status).toBe(200);
  const stop = async () => {
    await Promise.all([server.stop(), relay.stop()]);
  };
  return { server, relay, stop };
}

/** Submits a mail whose recipient has this NOTIFY parameter, and returns its id. */
async function submit(server: TestServer, notify: string): Promise<string> {
  const { client } = await greeted(server);
  expect(await client.ask(`MAIL FROM:<${SENDER}> RET=HDRS ENVID=job-7`)).toMatch(/^250 /);
  expect(await client.ask(`RCPT TO:<${DESK}> NOTIFY=${notify} ORCPT=rfc822;Desk@example.net`)).toMatch(/^250 /);
  expect(await client.ask('DATA')).toMatch(/^354 /);
  const reply = await client.ask(`From: ${SENDER}\r\nSubject: Fire\r\n\r\nLeave the building.\r\n.`);
  client.close();
  return idOf(reply);
}

test('a relay without DSN: the sender gets a report that the mail was passed on', async () => {
  const { server, relay, stop } = await start(false);
  await expectState(server, await submit(server, 'SUCCESS,FAILURE'), 'delivered');
  const mail = await relay.mails.next();
  expect(mail).toMatchObject({ from: SENDER, to: [DESK], dsn: { ret: undefined, envid: undefined } });
  expect(mail.dsn.recipients).toEqual([{ notify: undefined, orcpt: undefined }]);

  const report = await relay.mails.next();
  expect(report).toMatchObject({ from: '', to: [SENDER] });
  expect(report.mail).toMatchObject({ subject: 'Your mail was passed on', from: { value: [{ address: 'alerts@example.org' }] } });
  const text = report.raw.toString();
  expect(text).toMatch(/^Content-Type: multipart\/report;\s+report-type=delivery-status;/m);
  for (const line of [
    'Original-Envelope-Id: job-7',
    'Original-Recipient: rfc822; Desk@example.net',
    `Final-Recipient: rfc822; ${DESK}`,
    'Action: relayed',
    'Status: 2.0.0',
    'Subject: Fire',
  ]) {
    expect(text.split('\r\n')).toContain(line);
  }
  expect(text).toMatch(/^Diagnostic-Code: smtp; 250 .*Taken\r$/m);
  expect(text).not.toContain('Leave the building.');
  // A report is never reported on itself.
  await expectCounts(server, { delivered: 2, queued: 0, deferred: 0, failed: 0 });
  expect(relay.mails.all).toHaveLength(2);
  await stop();
});

test('a mail whose sender asks for no report of success gets none', async () => {
  const { server, relay, stop } = await start(false);
  for (const [number, notify] of ['FAILURE,DELAY', 'NEVER'].entries()) {
    await expectState(server, await submit(server, notify), 'delivered');
    // A report is accepted in the commit that records the result.
    await expectCounts(server, { delivered: number + 1, queued: 0 });
  }
  expect(relay.mails.all.map(({ to }) => to)).toEqual([[DESK], [DESK]]);
  await stop();
});

test('a relay with DSN gets the parameters, and sends the report itself', async () => {
  const { server, relay, stop } = await start(true);
  await expectState(server, await submit(server, 'SUCCESS'), 'delivered');
  expect((await relay.mails.next()).dsn).toEqual({
    ret: 'HDRS',
    envid: 'job-7',
    recipients: [{ notify: ['SUCCESS'], orcpt: 'rfc822;Desk@example.net' }],
  });
  await expectCounts(server, { delivered: 1, queued: 0 });
  await stop();
});
