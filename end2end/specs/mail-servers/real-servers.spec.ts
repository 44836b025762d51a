//! Diagnosis of Debian's Postfix and Dovecot: correct settings, and one mistake at a time.

import { expect, test } from '@playwright/test';
import { CertificateAuthority } from '../../support/relays/certificate.ts';
import { loopback, serversUnavailable } from '../../support/program/chroot.ts';
import { Dovecot } from '../../support/servers/dovecot.ts';
import { type Misconfiguration, diagnose as diagnoseSealed, expectReport } from '../../support/api/misconfiguration.ts';
import { MAILBOX, OWNED, OWNER, Postfix } from '../../support/servers/postfix.ts';
import { type DiagnosisReport, type DiagnosisRequest, type Fields, TestServer, fields } from '../../support/api/test-server.ts';

test.skip(serversUnavailable() !== undefined, serversUnavailable());
test.describe.configure({ mode: 'default' });

const SECRET = 'open sesame';
/** A recipient that Postfix defers. */
const GREYLISTED = 'grey@example.net';
const NAME = 'gate.example.org';

/** One loopback address for Postfix and one for Dovecot, each with the usual ports. */
const [host, submission] = [loopback(), loopback()];
let authority: CertificateAuthority;
let postfix: Postfix;
let dovecot: Dovecot;
let postern: TestServer;

/** Ports of Postfix with one misconfiguration each. */
const PORT = {
  onlyPlain: 2501,
  noTls: 2502,
  noTlsForSignIn: 2503,
  oldTls: 2504,
  otherName: 2505,
  expired: 2506,
  refusesName: 2507,
  refusesNameLate: 2508,
  refusesSenderAtOnce: 2509,
  small: 2510,
};

test.beforeAll(async () => {
  authority = new CertificateAuthority();
  const users = { [OWNER]: SECRET };
  dovecot = await Dovecot.start({ host: submission, certificate: authority.issue(submission), users, relay: host });
  const refuseName = `check_helo_access inline:{${NAME}=REJECT}`;
  postfix = await Postfix.start({
    host,
    certificate: authority.issue(host),
    auth: dovecot.auth,
    parameters: {
      smtpd_recipient_restrictions: `check_recipient_access inline:{ { ${GREYLISTED} = 450 4.2.0 Greylisted } }`,
    },
    further: {
      [PORT.onlyPlain]: { parameters: { smtpd_sasl_mechanism_filter: 'plain' } },
      [PORT.noTls]: { parameters: { smtpd_tls_security_level: 'none', smtpd_tls_auth_only: 'no' } },
      [PORT.noTlsForSignIn]: { parameters: { smtpd_tls_security_level: 'none', smtpd_tls_auth_only: 'yes' } },
      [PORT.oldTls]: {
        parameters: {
          smtpd_tls_protocols: '<=TLSv1.1',
          smtpd_tls_ciphers: 'low',
          tls_low_cipherlist: 'DEFAULT@SECLEVEL=0',
        },
      },
      [PORT.otherName]: { certificate: authority.issue('smtp.example.org') },
      [PORT.expired]: { certificate: authority.issueWith([host], { from: -9, to: -2 }) },
      [PORT.refusesName]: { parameters: { smtpd_delay_reject: 'no', smtpd_helo_restrictions: refuseName } },
      [PORT.refusesNameLate]: { parameters: { smtpd_helo_restrictions: refuseName } },
      [PORT.refusesSenderAtOnce]: {
        parameters: { smtpd_delay_reject: 'no', smtpd_sender_restrictions: 'reject_sender_login_mismatch' },
      },
      [PORT.small]: { parameters: { message_size_limit: '300' } },
    },
  });
  postern = await TestServer.start({ env: { SSL_CERT_FILE: authority.file } });
});

test.afterAll(async () => {
  await Promise.all([postfix?.stop(), dovecot?.stop(), postern?.stop()]);
});

/** Correct settings for a port, changed by `more`. */
function settings(port: number, more: Fields = {}): Fields {
  const types: Record<number, string> = { 465: 'SSL', 587: 'TLS' };
  return fields(
    { port },
    { smtp_host: host, from_address: OWNED, smtp_connection_type: types[port] ?? 'None', ...more },
  );
}

function authenticatedSettings(port: number, more: Fields = {}): Fields {
  const credentials = { smtp_username: OWNER, smtp_password: SECRET, smtp_authentication_type: 'Plain' };
  return settings(port, { ...credentials, ...more });
}

/** Runs a diagnosis and checks that the result contains no secret. */
async function diagnose(request: DiagnosisRequest): Promise<DiagnosisReport> {
  const report = await diagnoseSealed(postern, request);
  const document = JSON.stringify(report);
  for (const encoding of [SECRET, btoa(SECRET), btoa(`\0${OWNER}\0${SECRET}`), btoa(`\0${OWNER}\0${SECRET}!`)]) {
    expect(document).not.toContain(encoding);
  }
  return report;
}

for (const type of ['Plain', 'Login', 'Cram_MD5'] as const) {
  for (const port of [25, 465, 587]) {
    for (const server of port === 25 ? ['Postfix'] : ['Postfix', 'Dovecot']) {
      test(`every stage passes with ${server} at ${port} and ${type}`, async () => {
        const data = authenticatedSettings(port, {
          smtp_authentication_type: type,
          smtp_host: server === 'Postfix' ? host : submission,
        });
        // Sends once for each connection type, authentication type and server.
        const send = [`Plain 25`, `Login 465`, `Cram_MD5 587`].includes(`${type} ${port}`);
        const report = await diagnose({ data, to: MAILBOX, send });
        expect(report.outcome, JSON.stringify(report)).toBe(send ? 'sent' : 'passed');
        const stagesBeforeAuth = port === 465 ? ['tls', 'greeting', 'ehlo'] : ['greeting', 'ehlo', 'starttls', 'tls', 'ehlo'];
        const stages = ['tcp', ...stagesBeforeAuth, 'auth', 'mail', 'rcpt', ...(send ? ['data'] : []), 'quit'];
        expect(report.steps.map((step) => step.stage)).toEqual(stages);
        expect(report.steps.map((step) => step.state)).toEqual(stages.map(() => 'passed'));
        expect(report).toMatchObject({ encryption: 'TLS 1.3', not_reached: [] });
        const signIn = report.steps.find((step) => step.stage === 'auth');
        expect(signIn?.lines?.at(-1)).toMatchObject({ from: 'relay', text: expect.stringMatching(/^235 2\.7\.0 /) });
        if (send) {
          expect(await postfix.delivered(String(report.message_id))).toContain(`To: ${MAILBOX}`);
        }
      });
    }
  }
}

const MISCONFIGURATIONS: Record<string, Misconfiguration> = {
  'a wrong password': {
    data: () => authenticatedSettings(587, { smtp_password: `${SECRET}!` }),
    stage: 'auth',
    pattern: /^535 5\.7\.8 Error: authentication failed/,
    cause: 'The relay rejects user name and password',
  },
  'a wrong password, with Dovecot and CRAM-MD5': {
    data: () =>
      authenticatedSettings(465, { smtp_host: submission, smtp_password: `${SECRET}!`, smtp_authentication_type: 'Cram_MD5' }),
    stage: 'auth',
    pattern: /^535 5\.7\.8 Authentication failed\.$/,
    cause: 'The relay rejects user name and password',
  },
  'an unknown user': {
    data: () => authenticatedSettings(465, { smtp_username: 'nobody', smtp_authentication_type: 'Login' }),
    stage: 'auth',
    pattern: /^535 5\.7\.8 Error: authentication failed/,
    cause: 'The relay rejects user name and password',
  },
  'an authentication type that is not offered': {
    data: () => authenticatedSettings(PORT.onlyPlain, { smtp_authentication_type: 'Cram_MD5' }),
    stage: 'auth',
    fault: { mechanism_not_offered: ['PLAIN'] },
    pattern: /offers PLAIN, not CRAM-MD5/,
    cause: 'The authentication type is not offered',
  },
  'TLS at 465': {
    data: () => authenticatedSettings(465, { smtp_connection_type: 'TLS', smtp_command_timeout: '1' }),
    stage: 'greeting',
    fault: 'timed_out',
    pattern: /within 1 s/,
    cause: 'No greeting: the port may expect SSL',
  },
  'SSL at 587': {
    data: () => authenticatedSettings(587, { smtp_connection_type: 'SSL' }),
    stage: 'tls',
    fault: 'not_tls',
    pattern: /the answer was not TLS/,
    cause: 'SSL is used on a StartTLS port',
  },
  'a certificate for another name': {
    data: () => authenticatedSettings(PORT.otherName),
    stage: 'tls',
    fault: { certificate: 'other_name' },
    pattern: /for smtp\.example\.org, not for 127\./,
    cause: 'The certificate is for another name',
  },
  'a certificate that has expired': {
    data: () => authenticatedSettings(PORT.expired),
    stage: 'tls',
    fault: { certificate: 'expired' },
    pattern: /has expired on 20/,
    cause: 'The certificate has expired',
  },
  'an outdated TLS version': {
    data: () => authenticatedSettings(PORT.oldTls),
    stage: 'tls',
    fault: 'tls_too_old',
    pattern: /neither TLS 1\.2 nor 1\.3/,
    cause: "The relay's TLS is too old",
  },
  'StartTLS switched off': {
    data: () => authenticatedSettings(PORT.noTls, { smtp_connection_type: 'TLS' }),
    stage: 'starttls',
    fault: 'start_tls_not_offered',
    pattern: /does not offer StartTLS/,
    cause: 'StartTLS is not offered',
  },
  'a password without encryption': {
    data: () => authenticatedSettings(PORT.noTls),
    stage: 'auth',
    fault: 'encryption_required',
    pattern: /the password was not sent/,
    cause: 'The password would be sent unencrypted',
  },
  'a sign-in that Postfix requires TLS for': {
    data: () => authenticatedSettings(PORT.noTlsForSignIn, { smtp_plaintext_auth: '1' }),
    stage: 'auth',
    fault: { mechanism_not_offered: [] },
    pattern: /offers no authentication/,
    cause: 'The relay offers no sign-in',
  },
  'no sign-in': {
    data: () => settings(587, { smtp_host: submission }),
    stage: 'mail',
    pattern: /^530 5\.7\.0 Authentication required\.$/,
    cause: 'The relay requires a sign-in',
  },
  'a From address of another user': {
    data: () => authenticatedSettings(587, { from_address: 'ceo@example.org' }),
    request: { to: MAILBOX },
    stage: 'rcpt',
    pattern: /^553 5\.7\.1 <ceo@example\.org>: Sender address rejected: not owned by user alerts$/,
    cause: 'The relay does not accept this From address',
  },
  'a From address of another user, refused at MAIL': {
    data: () => authenticatedSettings(PORT.refusesSenderAtOnce, { from_address: 'ceo@example.org' }),
    stage: 'mail',
    pattern: /not owned by user alerts$/,
    cause: 'The relay does not accept this From address',
  },
  'an EHLO name that is refused': {
    data: () => settings(PORT.refusesName, { smtp_ehlo_name: NAME }),
    stage: 'ehlo',
    pattern: /^554 5\.7\.1 <gate\.example\.org>: Helo command rejected: Access denied$/,
    cause: 'The relay refuses the EHLO name',
  },
  'an EHLO name that is refused at RCPT': {
    data: () => settings(PORT.refusesNameLate, { smtp_ehlo_name: NAME }),
    request: { to: MAILBOX },
    stage: 'rcpt',
    pattern: /Helo command rejected/,
    cause: 'The relay refuses the EHLO name',
  },
  'a recipient of another domain': {
    data: () => settings(25),
    request: { to: 'you@example.com' },
    stage: 'rcpt',
    pattern: /^554 5\.7\.1 <you@example\.com>: Relay access denied$/,
    cause: 'The relay denies relaying',
  },
  'an unknown recipient': {
    data: () => settings(25),
    request: { to: 'you@example.net' },
    stage: 'rcpt',
    pattern: /^550 5\.1\.1 <you@example\.net>: Recipient address rejected: User unknown/,
    cause: 'The recipient is unknown',
  },
  'an unknown recipient, relayed by Dovecot from Postfix': {
    data: () => authenticatedSettings(587, { smtp_host: submission }),
    request: { to: 'you@example.net' },
    stage: 'rcpt',
    pattern: /^550 5\.1\.1 .*User unknown/,
    cause: 'The recipient is unknown',
  },
  'a recipient that is greylisted': {
    data: () => settings(25),
    request: { to: GREYLISTED },
    stage: 'rcpt',
    pattern: /^450 4\.2\.0 <grey@example\.net>: Recipient address rejected: Greylisted$/,
    cause: 'The relay asks to try again later',
  },
  'a mail that is too big': {
    data: () => settings(PORT.small),
    request: { to: MAILBOX, send: true },
    stage: 'mail',
    fault: { too_big: 300 },
    pattern: /the relay accepts 300/,
    cause: 'The mail is too big for the relay',
  },
};

for (const [title, misconfiguration] of Object.entries(MISCONFIGURATIONS)) {
  test(title, async () => expectReport(await diagnose({ data: misconfiguration.data(), ...misconfiguration.request }), misconfiguration));
}

test('a CA outside the trust store of this machine', async () => {
  const args = ['diagnose', '--host', host, '--port', '587', '--user', OWNER, '--from', OWNED];
  const known = await postern.command(args, { input: SECRET });
  expect(known, known.stderr).toMatchObject({ code: 0 });
  expect(known.stdout + known.stderr).not.toContain(SECRET);
  const unknown = await postern.command([...args, '--json'], { input: SECRET, env: { SSL_CERT_FILE: undefined } });
  expect(unknown.code).toBe(1);
  const last = JSON.parse(unknown.stdout.trimEnd().split('\n').at(-1) ?? '');
  expect(last).toMatchObject({
    event: 'over',
    failure: { stage: 'tls', fault: { certificate: 'unknown_issuer' } },
    cause: { title: "The certificate's issuer is unknown" },
  });
});

test('a stopped Postfix', async () => {
  await postfix.stop();
  const report = await diagnose({ data: authenticatedSettings(587) });
  const [stage, fault, cause] = ['tcp', 'connection_refused', 'Nothing listens on the port'];
  expectReport(report, { stage, fault, pattern: /refused the connection/, cause });
});
