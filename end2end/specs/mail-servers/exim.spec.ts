//! Diagnosis of Debian's Exim: correct settings, one mistake at a time, and refusals of its lists.

import { test } from '@playwright/test';
import { CertificateAuthority, selfSigned } from '../../support/relays/certificate.ts';
import { loopback, serversUnavailable } from '../../support/program/chroot.ts';
import { Exim } from '../../support/servers/exim.ts';
import { expectOneInEach, expectTestMail } from '../../support/mail/arrivals.ts';
import { type Misconfiguration, expectCause, settingsOf } from '../../support/api/misconfiguration.ts';
import { TestServer } from '../../support/api/test-server.ts';

test.skip(serversUnavailable() !== undefined, serversUnavailable());
test.describe.configure({ mode: 'default' });

const SECRET = 'open sesame';
const USER = 'alerts';
const MAILBOX = 'me@example.net';
const MAILBOXES = ['me', 'desk', 'night', 'audit', 'archive', 'phone', 'backup'];

const host = loopback();
const { settings, authenticatedSettings } = settingsOf(host, { user: USER, password: SECRET });
let authority: CertificateAuthority;
let exim: Exim;
let postern: TestServer;

/** Ports of Exim with one misconfiguration or refusal each. */
const PORT = {
  noTls: 2501,
  noSignIn: 2502,
  otherName: 2503,
  selfSigned: 2504,
  small: 2505,
  onlyEncrypted: 2506,
  refusesClient: 2507,
  refusesName: 2508,
  limitsRate: 2509,
  verifiesSender: 2510,
  greylists: 2511,
  callsOut: 2512,
  blocklists: 2513,
  refuses: 2514,
  fails: 2515,
  refusesSpam: 2516,
  findsVirus: 2517,
  limitsLines: 2518,
  refusesData: 2519,
  requiresHeaders: 2520,
};

/** The recipients a message may have in one transaction. */
const RECIPIENTS_MAX = 3;

test.beforeAll(async () => {
  authority = new CertificateAuthority();
  exim = await Exim.start({
    host,
    certificate: authority.issue(host),
    users: { [USER]: SECRET },
    mailboxes: MAILBOXES,
    main: `recipients_max = ${RECIPIENTS_MAX}`,
    further: {
      [PORT.noTls]: { noTls: true },
      [PORT.noSignIn]: { noSignIn: true },
      [PORT.otherName]: { certificate: authority.issue('smtp.example.org') },
      [PORT.selfSigned]: { certificate: selfSigned(host) },
      [PORT.small]: { sizeLimit: 300 },
      [PORT.onlyEncrypted]: { noTls: true, acl: { mail: 'deny !encrypted = *\n message = TLS encryption required' } },
      [PORT.refusesClient]: { acl: { connect: 'deny' } },
      [PORT.refusesName]: { acl: { helo: 'deny message = Invalid HELO: $sender_helo_name' } },
      [PORT.limitsRate]: {
        acl: {
          mail: `defer ratelimit = 0 / 1h / strict
                 message = Sender rate $sender_rate exceeds $sender_rate_limit messages per $sender_rate_period`,
        },
      },
      [PORT.verifiesSender]: { acl: { rcpt: 'require verify = sender' } },
      [PORT.greylists]: { acl: { rcpt: 'defer message = Greylisted, please try again in 300 seconds' } },
      [PORT.callsOut]: { acl: { rcpt: 'require verify = recipient/callout=1s' } },
      [PORT.blocklists]: {
        acl: { rcpt: 'deny message = rejected because $sender_host_address is in a black list at zen.spamhaus.org' },
      },
      [PORT.refuses]: { acl: { rcpt: 'deny' } },
      [PORT.fails]: { acl: { rcpt: 'require condition = ${lookup{x}lsearch{/no/such/file}}' } },
      [PORT.refusesSpam]: { acl: { data: 'deny message = This message scored 12.3 spam points.' } },
      [PORT.findsVirus]: { acl: { data: 'deny message = This message contains a virus (Eicar-Test-Signature).' } },
      [PORT.limitsLines]: {
        acl: {
          data: `deny condition = \${if > {$max_received_linelength}{10}}
                 message = maximum allowed line length is 10 octets, got $max_received_linelength`,
        },
      },
      [PORT.refusesData]: { acl: { data: 'deny' } },
      [PORT.requiresHeaders]: { acl: { data: 'require message = Missing header: X-Ticket\n condition = ${if def:h_X-Ticket:}' } },
    },
  });
  postern = await TestServer.start({ env: { SSL_CERT_FILE: authority.file } });
});

test.afterAll(async () => {
  await Promise.all([exim?.stop(), postern?.stop()]);
});

for (const [type, port] of [['Plain', 25], ['Login', 465], ['Cram_MD5', 587]] as const) {
  test(`a test mail arrives through Exim at ${port} with ${type}`, async () => {
    const data = authenticatedSettings(port, { smtp_authentication_type: type });
    await expectTestMail(postern, exim, data, { encryption: 'TLS 1.3' });
  });
}

const RCPT = { to: MAILBOX };
const DATA = { to: MAILBOX, send: true };

const MISCONFIGURATIONS: Record<string, Misconfiguration> = {
  'a wrong password': {
    data: () => authenticatedSettings(587, { smtp_password: `${SECRET}!` }),
    stage: 'auth',
    pattern: /^535 Incorrect authentication data$/,
    cause: 'The relay rejects user name and password',
    class: 'sign_in',
  },
  'a wrong password, with CRAM-MD5': {
    data: () => authenticatedSettings(465, { smtp_password: `${SECRET}!`, smtp_authentication_type: 'Cram_MD5' }),
    stage: 'auth',
    pattern: /^535 Incorrect authentication data$/,
    cause: 'The relay rejects user name and password',
    class: 'sign_in',
  },
  'no sign-in where one is required': {
    data: () => settings(587),
    stage: 'mail',
    pattern: /^550 authentication required$/,
    cause: 'The relay requires a sign-in',
    class: 'relaying',
  },
  'a sign-in that Exim requires TLS for': {
    data: () => authenticatedSettings(PORT.noSignIn, { smtp_plaintext_auth: '1' }),
    stage: 'auth',
    fault: { mechanism_not_offered: [] },
    pattern: /offers no authentication/,
    cause: 'The relay offers no sign-in',
    class: 'sign_in',
    alternative: 'Signing in requires encryption',
  },
  'a password without encryption': {
    data: () => authenticatedSettings(PORT.noTls),
    stage: 'auth',
    fault: 'encryption_required',
    pattern: /the password was not sent/,
    cause: 'The password would be sent unencrypted',
    class: 'tls',
  },
  'mail without encryption': {
    data: () => settings(PORT.onlyEncrypted),
    stage: 'mail',
    pattern: /^550 TLS encryption required$/,
    cause: 'The relay requires StartTLS',
    class: 'tls',
  },
  'TLS at a port without it': {
    data: () => settings(PORT.noTls, { smtp_connection_type: 'TLS' }),
    stage: 'starttls',
    fault: 'start_tls_not_offered',
    pattern: /does not offer StartTLS/,
    cause: 'StartTLS is not offered',
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
  'SSL at 587': {
    data: () => settings(587, { smtp_connection_type: 'SSL' }),
    stage: 'tls',
    fault: 'not_tls',
    pattern: /the answer was not TLS/,
    cause: 'SSL is used on a StartTLS port',
    class: 'tls',
  },
  'a certificate for another name': {
    data: () => authenticatedSettings(PORT.otherName),
    stage: 'tls',
    fault: { certificate: 'other_name' },
    pattern: /for smtp\.example\.org, not for 127\./,
    cause: 'The certificate is for another name',
    class: 'tls',
  },
  'a self-signed certificate': {
    data: () => authenticatedSettings(PORT.selfSigned),
    stage: 'tls',
    fault: { certificate: 'self_signed' },
    pattern: /issued by itself, not by an authority/,
    cause: 'The certificate is self-signed',
    class: 'tls',
  },
  'a client that is refused': {
    data: () => settings(PORT.refusesClient),
    stage: 'greeting',
    pattern: /^550 Administrative prohibition$/,
    cause: 'A policy of the relay refuses the mail',
    class: 'policy',
  },
  'an EHLO name with an underscore': {
    data: () => settings(25, { smtp_ehlo_name: 'my_host.example.org' }),
    stage: 'ehlo',
    pattern: /^501 Syntactically invalid EHLO argument\(s\)$/,
    cause: 'The relay refuses the EHLO name',
    class: 'identity',
  },
  'an EHLO name that is refused': {
    data: () => settings(PORT.refusesName),
    stage: 'ehlo',
    pattern: /^550 Invalid HELO: example\.org$/,
    cause: 'The relay refuses the EHLO name',
    class: 'identity',
  },
  'a sending rate above the limit': {
    data: () => settings(PORT.limitsRate),
    stage: 'mail',
    pattern: /^451 Sender rate 1\.0 exceeds 0 messages per 1h$/,
    cause: "The relay's sending limit is reached",
    class: 'rate',
  },
  'a mail that is too big': {
    data: () => settings(PORT.small),
    request: DATA,
    stage: 'mail',
    fault: { too_big: 300 },
    pattern: /the relay accepts 300/,
    cause: 'The mail is too big for the relay',
    class: 'size',
  },
  'a recipient elsewhere without sign-in': {
    data: () => settings(25),
    request: { to: 'you@example.com' },
    stage: 'rcpt',
    pattern: /^550 relay not permitted$/,
    cause: 'The relay denies relaying',
    class: 'relaying',
  },
  'an unknown recipient': {
    data: () => settings(25),
    request: { to: 'you@example.net' },
    stage: 'rcpt',
    pattern: /^550 Unrouteable address$/,
    cause: 'The recipient is unknown',
    class: 'recipient',
  },
  'a sender of an unknown domain': {
    data: () => settings(PORT.verifiesSender, { from_address: 'alerts@unknown.example' }),
    request: RCPT,
    stage: 'rcpt',
    pattern: /^550 Verification failed for <alerts@unknown\.example>\nUnrouteable address\nSender verify failed$/,
    cause: "The sender's address cannot be verified",
    class: 'sender',
  },
  'an unknown sender of the local domain': {
    data: () => settings(PORT.verifiesSender, { from_address: 'nobody@example.net' }),
    request: RCPT,
    stage: 'rcpt',
    pattern: /^550 Verification failed for <nobody@example\.net>\nUnrouteable address\nSender verify failed$/,
    cause: "The sender's address cannot be verified",
    class: 'sender',
  },
  'a sender whose domain cannot be looked up now': {
    data: () => settings(PORT.verifiesSender, { from_address: 'alerts@unresolved.example' }),
    request: RCPT,
    stage: 'rcpt',
    pattern: /^451 Temporary local problem - please try later$/,
    cause: 'The relay has a fault of its own',
    class: 'relay_fault',
  },
  'a recipient that is greylisted': {
    data: () => settings(PORT.greylists),
    request: RCPT,
    stage: 'rcpt',
    pattern: /^451 Greylisted, please try again in 300 seconds$/,
    cause: 'The relay asks to try again later',
    class: 'greylisting',
  },
  "a recipient's server that does not answer": {
    data: () => authenticatedSettings(PORT.callsOut),
    request: { to: 'you@example.com' },
    stage: 'rcpt',
    pattern: /^451 Could not complete recipient verify callout$/,
    cause: 'The relay has a fault of its own',
    class: 'relay_fault',
  },
  'a client on a blocklist': {
    data: () => settings(PORT.blocklists),
    request: RCPT,
    stage: 'rcpt',
    pattern: /^550 rejected because 127\..* is in a black list at zen\.spamhaus\.org$/,
    cause: "This machine's address is on a blocklist",
    class: 'reputation',
  },
  'a refusal without a reason': {
    data: () => settings(PORT.refuses),
    request: RCPT,
    stage: 'rcpt',
    pattern: /^550 Administrative prohibition$/,
    cause: 'A policy of the relay refuses the mail',
    class: 'policy',
  },
  'a list that fails': {
    data: () => settings(PORT.fails),
    request: RCPT,
    stage: 'rcpt',
    pattern: /^451 Temporary local problem - please try later$/,
    cause: 'The relay has a fault of its own',
    class: 'relay_fault',
  },
  'a mail that is taken for spam': {
    data: () => settings(PORT.refusesSpam),
    request: DATA,
    stage: 'data',
    pattern: /^550 This message scored 12\.3 spam points\.$/,
    cause: 'The relay classifies the mail as spam',
    class: 'content',
  },
  'a mail with a virus': {
    data: () => settings(PORT.findsVirus),
    request: DATA,
    stage: 'data',
    pattern: /^550 This message contains a virus \(Eicar-Test-Signature\)\.$/,
    cause: 'The relay finds a virus in the mail',
    class: 'content',
  },
  'a mail with a line that is too long': {
    data: () => settings(PORT.limitsLines),
    request: DATA,
    stage: 'data',
    pattern: /^550 maximum allowed line length is 10 octets, got \d+$/,
    cause: 'The relay objects to the form of the mail',
    class: 'content',
  },
  'a mail without a header': {
    data: () => settings(PORT.requiresHeaders),
    request: DATA,
    stage: 'data',
    pattern: /^550 Missing header: X-Ticket$/,
    cause: 'The relay objects to the form of the mail',
    class: 'content',
  },
  'a mail that is refused without a reason': {
    data: () => settings(PORT.refusesData),
    request: DATA,
    stage: 'data',
    pattern: /^550 Administrative prohibition$/,
    cause: 'A policy of the relay refuses the mail',
    class: 'policy',
  },
};

for (const [title, misconfiguration] of Object.entries(MISCONFIGURATIONS)) {
  test(title, () => expectCause(postern, misconfiguration));
}

test('a message with more recipients than a transaction may have arrives for each once', async () => {
  await postern.save({ ...authenticatedSettings(587), smtp_password: await postern.sealed(SECRET) });
  await expectOneInEach(postern, exim, MAILBOXES);
});
