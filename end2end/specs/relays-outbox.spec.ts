//! Outbox delivery to Debian's mail servers: of 300 messages each arrives exactly once.

import { expect, test } from '@playwright/test';
import { CertificateAuthority } from '../support/certificate.ts';
import { loopback, serversUnavailable } from '../support/chroot.ts';
import { Exim } from '../support/exim.ts';
import type { Maildir } from '../support/maildir.ts';
import { expectCounts, mails, submit } from '../support/messages.ts';
import { TestServer, fields } from '../support/test-server.ts';

test.skip(serversUnavailable() !== undefined, serversUnavailable());

const SECRET = 'open sesame';
const USER = 'alerts';
const NUMBER = 300;

/** A relay that accepts mail of `alerts` for me@example.net at port 587. */
interface RunningRelay {
  host: string;
  mailbox: Maildir;
  stop(): Promise<void>;
}

const RELAYS: Record<string, (authority: CertificateAuthority) => Promise<RunningRelay>> = {
  Exim: async (authority) => {
    const host = loopback();
    const exim = await Exim.start({ host, certificate: authority.issue(host), users: { [USER]: SECRET }, mailboxes: ['me'] });
    return { host, mailbox: exim.mailbox('me'), stop: () => exim.stop() };
  },
};

for (const [name, start] of Object.entries(RELAYS)) {
  test(`of ${NUMBER} messages each arrives once through ${name}`, async () => {
    const authority = new CertificateAuthority();
    const [relay, postern] = await Promise.all([start(authority), TestServer.start({ env: { SSL_CERT_FILE: authority.file } })]);
    const settings = fields({ port: 587 }, { smtp_host: relay.host, smtp_connection_type: 'TLS' });
    const credentials = { smtp_username: USER, smtp_authentication_type: 'Plain', smtp_password: await postern.sealed(SECRET) };
    await postern.save({ ...settings, ...credentials });
    const messages = mails('Alarm', NUMBER, { to: 'me@example.net' });
    await submit(postern, messages);
    await expectCounts(postern, { queued: 0, deferred: 0, failed: 0, delivered: NUMBER });
    const once = Object.fromEntries(messages.map(({ subject }) => [subject, 1]));
    await expect.poll(() => relay.mailbox.subjects()).toEqual(once);
    await Promise.all([relay.stop(), postern.stop()]);
  });
}
