//! Causes derived from error replies: the relay's text, its codes and the stage.

import { expect, test } from '@playwright/test';
import { type ReplyScript, scriptedRelay } from '../../support/relays/scripted-relay.ts';
import { type Fields, TestServer, fields } from '../../support/api/test-server.ts';

type Stage = 'greeting' | 'ehlo' | 'starttls' | 'auth' | 'mail' | 'rcpt' | 'data';

/** The entry of the script for each stage. */
const SCRIPT_STAGE = {
  greeting: 'connected',
  ehlo: 'EHLO',
  starttls: 'STARTTLS',
  auth: 'AUTH',
  mail: 'MAIL',
  rcpt: 'RCPT',
  data: 'sent',
} as const;

/** Title of the cause, stage, the relay's reply, settings that differ, and what it is found by. */
const REPLIES: [title: string, stage: Stage, reply: string, settings?: Fields, by?: 'words' | 'code'][] = [
  ['The port does not speak SMTP', 'greeting', '+OK POP3 ready'],
  ['The port does not speak SMTP', 'greeting', 'SSH-2.0-OpenSSH_9.2p1 Debian-2'],
  ['The port does not speak SMTP', 'greeting', '* OK [CAPABILITY IMAP4rev1] ready'],
  ['The port does not speak SMTP', 'greeting', 'HTTP/1.1 400 Bad Request\n\n'],
  ['The port does not speak SMTP', 'ehlo', '500 Unknown command'],
  ['The relay refuses the EHLO name', 'ehlo', '501 5.5.4 Invalid domain name'],
  ['The relay refuses the EHLO name', 'ehlo', '504 5.5.2 <example.org>: Helo command rejected: need fully-qualified hostname'],
  ['The relay refuses the EHLO name', 'ehlo', '550 Access denied - Invalid HELO name (See RFC2821 4.1.1.1)'],
  ['The relay refuses the EHLO name', 'rcpt', '504 5.5.2 <gate>: Helo command rejected: need fully-qualified hostname'],
  ["This machine's address has no name in DNS", 'rcpt', '450 4.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.1]'],
  ["This machine's address has no name in DNS", 'data', '550-5.7.25 [192.0.2.1] The IP address sending this message does not have a\n550 5.7.25 PTR record setup'],
  ["This machine's address is on a blocklist", 'greeting', '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org'],
  ["This machine's address is on a blocklist", 'rcpt', '554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using bl.example.org'],
  ["This machine's address is on a blocklist", 'mail', '550 5.7.1 Part of their network is on our block list (S3140).'],
  ['The relay rejects this machine', 'greeting', '554 No SMTP service here'],
  ['The relay rejects this machine', 'rcpt', '554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied'],
  ['The relay is temporarily unavailable', 'greeting', '421 4.3.2 Service shutting down and closing channel'],
  ['The relay does not reach the next server', 'rcpt', '421 4.4.2 Bad connection'],
  ['Too many connections at once', 'greeting', '421 4.7.0 relay.example.org Error: too many connections from 192.0.2.1'],
  ['Too many connections at once', 'data', '432 4.3.2 STOREDRV.ClientSubmit; Concurrent connections limit exceeded'],

  ['StartTLS is temporarily unavailable', 'starttls', '454 4.7.0 TLS not available due to local problem'],
  ['The relay refuses StartTLS', 'starttls', '502 5.5.1 Command not implemented'],

  ['Gmail requires an app password', 'auth', '534-5.7.9 Application-specific password required. For more information, go to\n534 5.7.9  https://support.google.com/mail/?p=InvalidSecondFactor a1b2 - gsmtp'],
  ['Gmail requires an app password', 'auth', '535-5.7.8 Username and Password not accepted. For more information, go to\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials a1b2 - gsmtp'],
  ['Google requires a login in the browser', 'auth', '534-5.7.14 <https://accounts.google.com/signin/continue> Please log in via\n534-5.7.14 your web browser and then try again.\n534 5.7.14  https://support.google.com/mail/?p=WebLoginRequired a1b2 - gsmtp'],
  ["Google's relay does not know this machine", 'mail', "550-5.7.1 Invalid credentials for relay [192.0.2.1]. The IP address you've\n550 5.7.1 registered does not match the domain. a1b2 - gsmtp"],
  ['The provider requires an app password', 'auth', '535 5.7.8 Please use an app-specific password'],
  ['Microsoft 365 has SMTP AUTH switched off', 'auth', '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.'],
  ['Microsoft no longer accepts passwords here', 'auth', '535 5.7.139 Authentication unsuccessful, basic authentication is disabled.'],
  ['Microsoft no longer accepts passwords here', 'mail', '550 5.7.30 Basic authentication is not supported for Client Submission.'],
  ['A Microsoft 365 policy blocks the sign-in', 'auth', "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. Contact your administrator."],
  ["SendGrid's user name is the word apikey", 'auth', '535 Authentication failed: Bad username / password'],
  ["SendGrid's user name is the word apikey", 'auth', '535 Authentication failed: The provided authorization grant is invalid, expired, or revoked'],
  ['SendGrid does not know this API key', 'auth', '535 Authentication failed: The provided authorization grant is invalid, expired, or revoked', { smtp_username: 'apikey' }],
  ['Amazon SES requires its own SMTP credentials', 'auth', '535 Authentication Credentials Invalid'],
  ['An address is not verified at Amazon SES', 'data', '554 Message rejected: Email address is not verified. The following identities failed the check in region EU-WEST-1: alerts@example.org'],
  ['This Amazon SES user may not send', 'data', "554 Access denied: User `arn:aws:iam::1:user/ses' is not authorized to perform `ses:SendRawEmail' on resource `arn:aws:ses:eu-west-1:1:identity/x'"],
  ['Mailgun does not know these credentials', 'auth', '535 5.7.0 Mailgun is not loving your login or password'],
  ["Mailgun's sandbox sends to authorised recipients only", 'data', '421 Domain sandbox1.mailgun.org is not allowed to send: Sandbox subdomains are for test purposes only.'],
  ["The provider does not allow this machine's address", 'auth', '525 5.7.1 Unauthorized IP address'],

  ['The relay rejects user name and password', 'auth', '535 5.7.8 Error: authentication failed:'],
  ['The relay rejects user name and password', 'auth', '535 5.7.3 Authentication unsuccessful'],
  ['The relay rejects user name and password', 'auth', '535 Incorrect authentication data'],
  ['The account is disabled', 'auth', '525 5.7.13 User account disabled'],
  ['The authentication type is too weak', 'auth', '534 5.7.9 Authentication mechanism is too weak'],
  ['The relay does not take this authentication type', 'auth', '504 5.7.4 Unrecognized authentication type'],
  ['The relay temporarily cannot check passwords', 'auth', '454 4.7.0 Temporary authentication failure'],
  ['Too many failed sign-ins', 'auth', '454-4.7.0 Too many login attempts, please try again later. For more\n454 4.7.0 information, go to a1b2 - gsmtp'],
  ['Signing in requires encryption', 'auth', '538 5.7.11 Encryption required for requested authentication mechanism'],
  ['The relay requires StartTLS', 'auth', '530 5.7.0 Must issue a STARTTLS command first'],
  ['The relay requires StartTLS', 'mail', '530 5.7.0 Must issue a STARTTLS command first. a1b2 - gsmtp'],
  ['The relay requires a sign-in', 'mail', '530 5.7.0 Authentication Required. For more information, go to a1b2 - gsmtp'],
  ['The relay requires a sign-in', 'mail', '530 5.7.57 Client not authenticated to send mail.'],
  ['The relay requires a sign-in', 'rcpt', '553 5.7.1 <alerts@example.org>: Sender address rejected: not logged in'],

  ['The relay does not accept this From address', 'mail', '553 5.7.1 <alerts@example.org>: Sender address rejected: not owned by user me'],
  ['The relay does not accept this From address', 'mail', '550 5.7.1 Not with this sender'],
  ['The relay does not accept this From address', 'rcpt', '553 5.7.1 <alerts@example.org>: Sender address rejected: not owned by user me'],
  ['The relay does not accept this From address', 'rcpt', '554 5.7.1 <alerts@example.org>: Sender address rejected: Access denied'],
  ['The relay does not accept this From address', 'data', '554 5.7.1 <alerts@example.org>: Sender address rejected: Access denied'],
  ['The mailbox may not send as this address', 'data', '554 5.2.252 SendAsDenied; me@example.org not allowed to send as alerts@example.org'],
  ['The mailbox may not send as this address', 'data', '550 5.7.60 SMTP; Client does not have permissions to send as this sender'],
  ['The From domain is unknown to DNS', 'rcpt', '450 4.1.8 <alerts@example.org>: Sender address rejected: Domain not found'],
  ['The sender is not verified at the provider', 'data', '550 The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved.'],
  ['The From domain does not authorise this relay', 'data', '550-5.7.26 Your email has been blocked because the sender is unauthenticated.\n550 5.7.26 a1b2 - gsmtp'],

  ['The relay denies relaying', 'rcpt', '554 5.7.1 <me@example.net>: Relay access denied'],
  ['The relay denies relaying', 'rcpt', '550 5.7.1 Unable to relay for me@example.net'],
  ['The recipient is unknown', 'rcpt', '550 5.1.1 <me@example.net>: Recipient address rejected: User unknown in virtual mailbox table'],
  ['The recipient is unknown', 'rcpt', '550 No such user here'],
  ["The recipient's mailbox is full", 'rcpt', '452-4.2.2 The recipient is out of storage space. Please direct them\n452 4.2.2 to a1b2 - gsmtp'],
  ["The recipient's mailbox is full", 'rcpt', '552 5.2.2 <me@example.net>: Mailbox size limit exceeded'],
  ["The recipient's mailbox is disabled", 'rcpt', '550 5.2.1 The email account that you tried to reach is inactive'],
  ["The recipient's domain is unknown", 'rcpt', '450 4.1.2 <me@exmaple.net>: Recipient address rejected: Domain not found'],
  ['The relay asks to try again later', 'rcpt', '450 4.2.0 <me@example.net>: Recipient address rejected: Greylisted'],
  ['The relay asks to try again later', 'rcpt', '451 4.7.1 Please try again later'],

  ["The relay's sending limit is reached", 'mail', '450 4.7.1 Error: too much mail from 192.0.2.1'],
  ["The relay's sending limit is reached", 'data', '454 Throttling failure: Maximum sending rate exceeded.'],
  ["The relay's sending limit is reached", 'data', '550-5.4.5 Daily user sending limit exceeded. For more information on\n550 5.4.5 limits, go to a1b2 - gsmtp'],
  ['The mail is too big for the relay', 'data', '552 5.3.4 Message size exceeds fixed limit'],
  ['The relay is out of storage', 'mail', '452 4.3.1 Insufficient system storage'],
  ['The relay classifies the mail as spam', 'data', '550-5.7.1 Our system has detected that this message is likely\n550 5.7.1 unsolicited mail. a1b2 - gsmtp'],

  ['The relay finds a virus in the mail', 'data', '554 5.7.1 Infected: Eicar-Test-Signature FOUND'],
  ['The relay does not take this kind of attachment', 'data', '552 5.7.0 Our system detected an illegal attachment on your message.'],
  ['The relay objects to the form of the mail', 'data', '550 5.7.1 Messages missing a valid Message-ID: header are not accepted.'],
  ['The relay does not accept the command', 'rcpt', '503 5.5.1 Bad sequence of commands'],
  ['A policy of the relay refuses the mail', 'rcpt', '550 Administrative prohibition'],
  ['The mail has too many recipients', 'rcpt', '452 4.5.3 Error: too many recipients'],
  ["The recipient's mailbox receives mail too fast", 'rcpt', '450 4.2.1 The user you are trying to contact is receiving mail too quickly.'],
  ["The relay cannot read the recipient's address", 'rcpt', '501 5.1.3 Bad recipient address syntax'],
  ['The recipient has another address now', 'rcpt', '551 5.1.6 The recipient has moved'],
  ['The recipient does not take mail from this sender', 'rcpt', '550 You are not allowed to post to this mailing list'],
  ['The relay denies relaying', 'rcpt', '550 5.1.2 Relay not allowed.'],
  ['The relay denies relaying', 'rcpt', '550 Invalid recipient: <me@example.net>'],
  ['The mail goes round in a loop', 'data', '554 5.4.6 Too many hops 26 (25 max)'],
  ['The relay has a fault of its own', 'rcpt', '451 Temporary local problem - please try later'],
  ['The relay does not reach the next server', 'rcpt', '451 4.4.1 Connection timed out'],
  ['The sending account is barred', 'data', '554 Message rejected: Sending paused for this account.'],
  ['The sending account has no credit left', 'auth', '451 Authentication failed: Maximum credits exceeded'],
  ['Microsoft 365 bars this sender', 'data', '550 5.1.8 Access denied, bad outbound sender AS(42004)'],
  ["The relay finds the sender's reputation poor", 'data', '550 5.7.1 Our system has detected that this message is likely suspicious due to the very low reputation of the sending IP address.'],
  ['The relay takes no mail from such an address', 'mail', '550 5.7.0 <a@example.org>... Please use the smtp server of your ISP.'],
  ["The sender's address cannot be verified", 'rcpt', '550-Verification failed for <alerts@example.org>\n550-Unrouteable address\n550 Sender verify failed'],
  ["The relay cannot read the sender's address", 'mail', '501 5.1.7 Bad sender address syntax'],
  ['The relay is not satisfied with the encryption', 'rcpt', "550 5.7.322 certificate-expired: Destination mail server's certificate is expired."],

  // The words are unknown, and the code and the stage give the cause.
  ['The relay refuses the EHLO name', 'ehlo', '554 5.0.0 Not today', {}, 'code'],
  ['The relay has a fault of its own', 'mail', '451 4.3.0 Ouch', {}, 'code'],
  ['A policy of the relay refuses the mail', 'rcpt', '550 5.7.1 Not you', {}, 'code'],
  ['The recipient is unknown', 'rcpt', '550 5.1.1 Nope', {}, 'code'],
  ['The relay objects to the form of the mail', 'data', '554 5.6.0 Hm', {}, 'code'],
];

test.describe.configure({ mode: 'default' });

let postern: TestServer;

test.beforeAll(async () => {
  postern = await TestServer.start();
});

test.afterAll(() => postern?.stop());

for (const [title, stage, reply, settings, by] of REPLIES) {
  test(`${title}, from ${stage}: ${reply.split('\n')[0]}`, async () => {
    const script: ReplyScript = { [SCRIPT_STAGE[stage]]: reply, HELO: reply };
    if (stage === 'starttls') {
      script.EHLO = '250-relay of a test\n250 STARTTLS';
    }
    const { port, stop } = await scriptedRelay(script);
    const signsIn = stage === 'auth' && {
      smtp_authentication_type: 'Plain',
      smtp_username: 'me',
      smtp_password: await postern.sealed('secret'),
      smtp_plaintext_auth: '1',
    };
    const report = await postern.diagnose({
      data: fields({ port }, { ...signsIn, ...settings }),
      ...(stage === 'rcpt' || stage === 'data' ? { to: 'me@example.net' } : {}),
      ...(stage === 'data' ? { send: true } : {}),
    });
    expect(report.outcome).toBe('failed');
    expect(report.failure?.stage).toBe(stage);
    expect(report.cause?.title).toBe(title);
    if (by) {
      expect(report.cause?.by).toBe(by);
    }
    await stop();
  });
}
