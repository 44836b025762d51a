//! Mail through Postern that arrives in the mailboxes of a mail server.

import { expect } from '@playwright/test';
import { diagnose } from '../api/misconfiguration.ts';
import type { DiagnosisReport, Fields, TestServer } from '../api/test-server.ts';
import type { Maildir } from './maildir.ts';
import { expectState, mail, message, submit } from './messages.ts';

/** A mail server that delivers mail for `NAME@example.net` to the mailbox `NAME`. */
export interface MailboxServer {
  mailbox(name: string): Maildir;
}

/** Diagnoses settings, and sends a test mail with them that arrives at `me@example.net`. */
export async function expectTestMail(
  postern: TestServer,
  server: MailboxServer,
  data: Fields,
  expected: Partial<DiagnosisReport> = {},
): Promise<void> {
  const to = 'me@example.net';
  expect(await diagnose(postern, { data, to })).toMatchObject({ outcome: 'passed', not_reached: [] });
  const report = await diagnose(postern, { data, to, send: true });
  expect(report, JSON.stringify(report)).toMatchObject({ outcome: 'sent', not_reached: [], ...expected });
  expect(await server.mailbox('me').message(String(report.message_id))).toContain(`To: ${to}`);
}

/** Submits a message to all these mailboxes, which arrives in each once and without another attempt. */
export async function expectOneInEach(postern: TestServer, server: MailboxServer, mailboxes: string[]): Promise<void> {
  const to = mailboxes.map((name) => `${name}@example.net`);
  const [id = ''] = await submit(postern, mail({ to, subject: 'For many' }));
  await expectState(postern, id, ...mailboxes.map(() => 'delivered'));
  for (const name of mailboxes) {
    await server.mailbox(name).message('Subject: For many');
    expect(server.mailbox(name).subjects(), name).toMatchObject({ 'For many': 1 });
  }
  const { recipients } = await message(postern, id);
  expect(recipients.map(({ attempts }) => attempts), 'the rest came at once').toEqual(mailboxes.map(() => 1));
}
