//! Diagnosis of Debian's OpenSMTPD: correct settings, and one mistake or refusal at a time.

import { expect, test } from '@playwright/test';
import { CertificateAuthority } from '../../support/relays/certificate.ts';
import { loopback, serversUnavailable } from '../../support/program/chroot.ts';
import { expectOneInEach, expectTestMail } from '../../support/mail/arrivals.ts';
import { type Misconfiguration, diagnose, expectCause, settingsOf } from '../../support/api/misconfiguration.ts';
import { OpenSmtpd, refuseData } from '../../support/servers/opensmtpd.ts';
import { TestServer } from '../../support/api/test-server.ts';

test.skip(serversUnavailable() !== undefined, serversUnavailable());
test.describe.configure({ mode: 'default' });

const SECRET = 'open sesame';
const USER = 'alerts';
const MAILBOX = 'me@example.net';
const MAILBOXES = ['me', 'desk', 'night', 'audit', 'archive'];

const host = loopback();
const { settings, authenticatedSettings } = settingsOf(host, { user: USER, password: SECRET });
let opensmtpd: OpenSmtpd;
let postern: TestServer;

/** Ports of OpenSMTPD with one refusal each. */
const PORT = {
  requiresRdns: 2501,
  refusesName: 2502,
  rejects: 2503,
  greylists: 2504,
  defers: 2505,
};

/** The recipients a message may have in one transaction. */
const RECIPIENTS_MAX = 3;

test.beforeAll(async () => {
  const authority = new CertificateAuthority();
  opensmtpd = await OpenSmtpd.start({
    host,
    certificate: authority.issue(host),
    users: { [USER]: SECRET },
    mailboxes: MAILBOXES,
    global: `smtp limit max-rcpt ${RECIPIENTS_MAX}`,
    further: {
      [PORT.requiresRdns]: { name: 'rdns', filter: 'phase connect match !rdns disconnect "550 no rDNS available"' },
      [PORT.refusesName]: { name: 'name', filter: 'phase ehlo match helo { "example.org" } reject "550 rejected"' },
      // The replies of filter-rspamd.
      [PORT.rejects]: refuseData('reject', '550 message rejected'),
      [PORT.greylists]: refuseData('greylist', '421 greylisted'),
      [PORT.defers]: refuseData('soft-reject', '451 try again later'),
    },
  });
  postern = await TestServer.start({ env: { SSL_CERT_FILE: authority.file } });
});

test.afterAll(async () => {
  await Promise.all([opensmtpd?.stop(), postern?.stop()]);
});

test('a test mail arrives through OpenSMTPD without encryption', async () => {
  await expectTestMail(postern, opensmtpd, settings(25));
});

for (const [type, port] of [['Plain', 465], ['Login', 587]] as const) {
  test(`a sign-in with TLS at ${port} passes, or OpenSMTPD fails without a private key`, async () => {
    const data = authenticatedSettings(port, { smtp_authentication_type: type });
    if (opensmtpd.hasTls) {
      expect(await diagnose(postern, { data, to: MAILBOX })).toMatchObject({ outcome: 'passed', not_reached: [] });
    } else {
      await expectCause(postern, {
        data: () => data,
        stage: 'tls',
        fault: 'tls_internal_error',
        pattern: /internal error/,
        cause: "The relay's TLS fails",
        class: 'tls',
      });
    }
  });
}

const DATA = { to: MAILBOX, send: true };

const MISCONFIGURATIONS: Record<string, Misconfiguration> = {
  'a sign-in without TLS': {
    data: () => authenticatedSettings(25, { smtp_plaintext_auth: '1' }),
    stage: 'auth',
    fault: { mechanism_not_offered: [] },
    pattern: /offers no authentication/,
    cause: 'The relay offers no sign-in',
    class: 'sign_in',
    alternative: 'Signing in requires encryption',
  },
  'TLS at a port without it': {
    data: () => settings(25, { smtp_connection_type: 'TLS' }),
    stage: 'starttls',
    fault: 'start_tls_not_offered',
    pattern: /does not offer StartTLS/,
    cause: 'StartTLS is not offered',
    class: 'tls',
  },
  'SSL at a port without it': {
    data: () => settings(25, { smtp_connection_type: 'SSL' }),
    stage: 'tls',
    fault: 'not_tls',
    pattern: /the answer was not TLS/,
    cause: 'SSL is used on a StartTLS port',
    class: 'tls',
  },
  'TLS at 465': {
    data: () => settings(465, { smtp_connection_type: 'TLS', smtp_command_timeout: '1' }),
    stage: 'greeting',
    fault: 'timed_out',
    pattern: /within 1 s/,
    cause: 'No greeting: the port may expect SSL',
    class: 'tls',
  },
  'a client without a name in DNS': {
    data: () => settings(PORT.requiresRdns),
    stage: 'greeting',
    pattern: /^550 no rDNS available$/,
    cause: "This machine's address has no name in DNS",
    class: 'identity',
  },
  'an EHLO name that is refused': {
    data: () => settings(PORT.refusesName),
    stage: 'ehlo',
    pattern: /^550 rejected$/,
    cause: 'The relay refuses the EHLO name',
    class: 'identity',
  },
  'a recipient elsewhere without sign-in': {
    data: () => settings(25),
    request: { to: 'you@example.com' },
    stage: 'rcpt',
    pattern: /^550 Invalid recipient: <you@example\.com>$/,
    cause: 'The relay denies relaying',
    class: 'relaying',
    alternative: 'The recipient is unknown',
  },
  'an unknown recipient': {
    data: () => settings(25),
    request: { to: 'you@example.net' },
    stage: 'rcpt',
    pattern: /^550 Invalid recipient: <you@example\.net>$/,
    // The reply is that to a recipient elsewhere.
    cause: 'The relay denies relaying',
    class: 'relaying',
    alternative: 'The recipient is unknown',
  },
  'a mail that rspamd rejects': {
    data: () => settings(PORT.rejects),
    request: DATA,
    stage: 'data',
    pattern: /^550 message rejected$/,
    cause: 'The relay classifies the mail as spam',
    class: 'content',
  },
  'a mail that rspamd greylists': {
    data: () => settings(PORT.greylists),
    request: DATA,
    stage: 'data',
    pattern: /^421 greylisted$/,
    cause: 'The relay asks to try again later',
    class: 'greylisting',
  },
  'a mail that rspamd defers': {
    data: () => settings(PORT.defers),
    request: DATA,
    stage: 'data',
    pattern: /^451 try again later$/,
    cause: 'The relay has a fault of its own',
    class: 'relay_fault',
  },
};

for (const [title, misconfiguration] of Object.entries(MISCONFIGURATIONS)) {
  test(title, () => expectCause(postern, misconfiguration));
}

test('a message with more recipients than a transaction may have arrives for each once', async () => {
  await postern.save(settings(25));
  await expectOneInEach(postern, opensmtpd, MAILBOXES);
});
