//! Diagnosis of Debian's Sendmail: correct settings, and one mistake or refusal at a time.

import { test } from '@playwright/test';
import { CertificateAuthority } from '../../support/relays/certificate.ts';
import { loopback, serversUnavailable } from '../../support/program/chroot.ts';
import { expectOneInEach, expectTestMail } from '../../support/mail/arrivals.ts';
import { type Misconfiguration, expectCause, settingsOf } from '../../support/api/misconfiguration.ts';
import { Sendmail, WITHOUT_TLS } from '../../support/servers/sendmail.ts';
import { TestServer } from '../../support/api/test-server.ts';

test.skip(serversUnavailable() !== undefined, serversUnavailable());
test.describe.configure({ mode: 'default' });

const SECRET = 'open sesame';
const USER = 'alerts';
const MAILBOXES = ['me', 'desk', 'night', 'audit', 'archive'];

const host = loopback();
const { settings, authenticatedSettings } = settingsOf(host, { user: USER, password: SECRET });
let sendmail: Sendmail;
let postern: TestServer;

/** The recipients a message may have in one transaction. */
const RECIPIENTS_MAX = 3;

test.beforeAll(async () => {
  const authority = new CertificateAuthority();
  sendmail = await Sendmail.start({
    host,
    certificate: authority.issue(host),
    users: { [USER]: SECRET },
    mailboxes: MAILBOXES,
    access: {
      // Domains that DNS would be asked for.
      'From:example.org': 'OK',
      'From:refused@example.com': 'REJECT',
      'To:closed@example.net': 'REJECT',
      'To:grey@example.net': 'ERROR:4.7.1:451 Greylisting in action, please come back later',
    },
    macros: [`define(\`confMAX_RCPTS_PER_MESSAGE', \`${RECIPIENTS_MAX}')`],
  });
  postern = await TestServer.start({ env: { SSL_CERT_FILE: authority.file } });
});

test.afterAll(async () => {
  await Promise.all([sendmail?.stop(), postern?.stop()]);
});

for (const [type, port] of [['Plain', 25], ['Login', 465], ['Cram_MD5', 587]] as const) {
  test(`a test mail arrives through Sendmail at ${port} with ${type}`, async () => {
    const data = authenticatedSettings(port, { smtp_authentication_type: type });
    await expectTestMail(postern, sendmail, data, { encryption: 'TLS 1.3' });
  });
}

const MISCONFIGURATIONS: Record<string, Misconfiguration> = {
  'a wrong password': {
    data: () => authenticatedSettings(587, { smtp_password: `${SECRET}!` }),
    stage: 'auth',
    pattern: /^535 5\.7\.0 authentication failed$/,
    cause: 'The relay rejects user name and password',
    class: 'sign_in',
  },
  'a wrong password, with CRAM-MD5': {
    data: () => authenticatedSettings(465, { smtp_password: `${SECRET}!`, smtp_authentication_type: 'Cram_MD5' }),
    stage: 'auth',
    pattern: /^535 5\.7\.0 authentication failed$/,
    cause: 'The relay rejects user name and password',
    class: 'sign_in',
  },
  'no sign-in where one is required': {
    data: () => settings(587),
    stage: 'mail',
    pattern: /^530 5\.7\.0 Authentication required$/,
    cause: 'The relay requires a sign-in',
    class: 'relaying',
  },
  'a sign-in with a password at a port without TLS': {
    data: () => authenticatedSettings(WITHOUT_TLS, { smtp_plaintext_auth: '1' }),
    stage: 'auth',
    fault: { mechanism_not_offered: ['CRAM-MD5'] },
    pattern: /offers CRAM-MD5, not PLAIN/,
    cause: 'The authentication type is not offered',
    class: 'sign_in',
  },
  'TLS at a port without it': {
    data: () => settings(WITHOUT_TLS, { smtp_connection_type: 'TLS' }),
    stage: 'starttls',
    fault: 'start_tls_not_offered',
    pattern: /does not offer StartTLS/,
    cause: 'StartTLS is not offered',
    class: 'tls',
  },
  'a sender of an unknown domain': {
    data: () => settings(25, { from_address: 'alerts@unknown.example' }),
    stage: 'mail',
    pattern: /^553 5\.1\.8 <alerts@unknown\.example>\.\.\. Domain of sender address alerts@unknown\.example does not exist$/,
    cause: 'The From domain is unknown to DNS',
    class: 'sender',
  },
  'a sender that the access map rejects': {
    data: () => settings(25, { from_address: 'refused@example.com' }),
    stage: 'mail',
    pattern: /^550 5\.7\.1 <refused@example\.com>\.\.\. Access denied$/,
    cause: 'The relay does not accept this From address',
    class: 'sender',
  },
  'a recipient elsewhere without sign-in': {
    data: () => settings(25),
    request: { to: 'you@example.com' },
    stage: 'rcpt',
    pattern: /^450 4\.4\.0 <you@example\.com>\.\.\. Relaying temporarily denied\. Cannot resolve PTR record for 127\.0\.0\.1$/,
    cause: 'The relay denies relaying',
    class: 'relaying',
  },
  'an unknown recipient': {
    data: () => settings(25),
    request: { to: 'you@example.net' },
    stage: 'rcpt',
    pattern: /^550 5\.1\.1 <you@example\.net>\.\.\. User unknown$/,
    cause: 'The recipient is unknown',
    class: 'recipient',
  },
  'a recipient that the access map rejects': {
    data: () => settings(25),
    request: { to: 'closed@example.net' },
    stage: 'rcpt',
    pattern: /^550 5\.2\.1 <closed@example\.net>\.\.\. Mailbox disabled for this recipient$/,
    cause: "The recipient's mailbox is disabled",
    class: 'mailbox',
  },
  'a recipient that is greylisted': {
    data: () => settings(25),
    request: { to: 'grey@example.net' },
    stage: 'rcpt',
    pattern: /^451 4\.7\.1 Greylisting in action/,
    cause: 'The relay asks to try again later',
    class: 'greylisting',
  },
};

for (const [title, misconfiguration] of Object.entries(MISCONFIGURATIONS)) {
  test(title, () => expectCause(postern, misconfiguration));
}

test('a message with more recipients than a transaction may have arrives for each once', async () => {
  await postern.save(settings(25));
  await expectOneInEach(postern, sendmail, MAILBOXES);
});
