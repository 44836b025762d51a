//! Outbox delivery to Debian's mail servers: of 300 messages each arrives exactly once.

import { expect, test } from '@playwright/test';
import { CertificateAuthority } from '../../support/relays/certificate.ts';
import { loopback, serversUnavailable } from '../../support/program/chroot.ts';
import { Dovecot } from '../../support/servers/dovecot.ts';
import { Exim } from '../../support/servers/exim.ts';
import type { Maildir } from '../../support/mail/maildir.ts';
import { counts, expectCounts, mails, requestOk, submit } from '../../support/mail/messages.ts';
import { OpenSmtpd } from '../../support/servers/opensmtpd.ts';
import { Postfix } from '../../support/servers/postfix.ts';
import { Sendmail } from '../../support/servers/sendmail.ts';
import { type Fields, TestServer, fields } from '../../support/api/test-server.ts';

test.skip(serversUnavailable() !== undefined, serversUnavailable());

const NUMBER = 300;
const USERS = { alerts: 'open sesame' };

/** A relay that accepts mail for me@example.net. */
interface RunningRelay {
  host: string;
  mailbox: Maildir;
  /** Settings other than those for port 587 with the sign-in of `alerts`. */
  settings?: Fields;
  /** How many messages may arrive twice until the relay is known. */
  twice?: number;
  stop(): Promise<void>;
}

const RELAYS: Record<string, (authority: CertificateAuthority) => Promise<RunningRelay>> = {
  'Postfix': async (authority) => {
    const { postfix, stop } = await startPostfixWithDovecot(authority);
    return { host: postfix.host, mailbox: postfix.mailbox, stop };
  },
  "Dovecot's submission service": async (authority) => {
    const { host, postfix, stop } = await startPostfixWithDovecot(authority);
    // Version 2.3 ends in a panic on a pipelined next transaction, after it has taken the message.
    return { host, mailbox: postfix.mailbox, twice: 1, stop };
  },
  'Exim': async (authority) => {
    const host = loopback();
    const exim = await Exim.start({ host, certificate: authority.issue(host), users: USERS, mailboxes: ['me'] });
    return { host, mailbox: exim.mailbox('me'), stop: () => exim.stop() };
  },
  'Sendmail': async (authority) => {
    const host = loopback();
    const options = { host, certificate: authority.issue(host), users: USERS, mailboxes: ['me'], access: { 'From:example.org': 'OK' } };
    const sendmail = await Sendmail.start(options);
    return { host, mailbox: sendmail.mailbox('me'), stop: () => sendmail.stop() };
  },
  'OpenSMTPD': async (authority) => {
    const host = loopback();
    const opensmtpd = await OpenSmtpd.start({ host, certificate: authority.issue(host), users: USERS, mailboxes: ['me'] });
    const withoutTls = { smtp_port: '25', smtp_connection_type: 'None', smtp_authentication_type: 'None', smtp_username: '' };
    // Its backlog of connections is short (5): some get no greeting.
    const settings = { smtp_command_timeout: '5', ...(opensmtpd.hasTls ? {} : withoutTls) };
    return { host, mailbox: opensmtpd.mailbox('me'), settings, stop: () => opensmtpd.stop() };
  },
};

async function startPostfixWithDovecot(authority: CertificateAuthority) {
  const [relay, host] = [loopback(), loopback()];
  const dovecot = await Dovecot.start({ host, certificate: authority.issue(host), users: USERS, relay });
  const postfix = await Postfix.start({ host: relay, certificate: authority.issue(relay), auth: dovecot.auth });
  const stop = async () => {
    await Promise.all([postfix.stop(), dovecot.stop()]);
  };
  return { host, postfix, stop };
}

for (const [name, start] of Object.entries(RELAYS)) {
  test(`of ${NUMBER} messages each arrives once through ${name}`, async () => {
    const authority = new CertificateAuthority();
    const env = { SSL_CERT_FILE: authority.file };
    const [relay, server] = await Promise.all([start(authority), TestServer.start({ env })]);
    const [user = '', password = ''] = Object.entries(USERS)[0] ?? [];
    const signIn = { smtp_username: user, smtp_password: await server.sealed(password), smtp_authentication_type: 'Plain' };
    const settings = { smtp_host: relay.host, smtp_connection_type: 'TLS', ...signIn, ...relay.settings };
    const saved = await server.save(fields({ port: 587 }, settings));
    expect(saved.status, saved.text).toBe(200);
    await expectOnce(server, relay.mailbox, mails('Alarm', NUMBER, { to: 'me@example.net' }), relay.twice);
    if (!relay.twice) {
      await Promise.all([relay.stop(), server.stop()]);
      return;
    }
    await server.postern.stop({ keepData: true });
    const restarted = await server.restart({ env });
    await expectOnce(restarted, relay.mailbox, mails('Later', 50, { to: 'me@example.net' }));
    await Promise.all([relay.stop(), restarted.stop()]);
  });
}

/** Submits messages and expects that each arrives, at most `twice` of them twice. */
async function expectOnce(server: TestServer, mailbox: Maildir, messages: Record<string, unknown>[], twice = 0): Promise<void> {
  await submit(server, messages);
  await expect.poll(() => counts(server), { timeout: 40_000 }).toMatchObject({ queued: 0, failed: 0 });
  // A message that may have arrived is tried again after a minute.
  const deferred = JSON.parse((await server.request('/api/messages?state=deferred')).text).data as { id: string }[];
  expect(deferred.length, 'deferred messages').toBeLessThanOrEqual(twice);
  await Promise.all(deferred.map(({ id }) => requestOk(server, `/api/messages/${id}/retry`)));
  await expectCounts(server, { queued: 0, deferred: 0, failed: 0 });
  const subjects = messages.map(({ subject }) => String(subject));
  const numbers = () => {
    const arrived = mailbox.subjects();
    return subjects.map((subject) => arrived[subject] ?? 0);
  };
  await expect.poll(() => numbers().filter((number) => number === 0).length, 'missing messages').toBe(0);
  const extra = numbers().reduce((sum, number) => sum + number - 1, 0);
  expect(extra, 'messages that arrived twice').toBeLessThanOrEqual(twice);
}
