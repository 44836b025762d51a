//! The options of swaks and smtp-source, and the functions of Python's smtplib, against submission.

import { expect, test } from '@playwright/test';
import { serversUnavailable } from '../../support/program/chroot.ts';
import { SUBMITTED, smtplibProgram } from '../../support/mail/smtplib-api.ts';
import { Submission, USER } from '../../support/mail/submission.ts';

test.skip(serversUnavailable() !== undefined, serversUnavailable());
test.describe.configure({ mode: 'default' });

const DESK = 'desk@example.net';

let postern: Submission;

test.beforeAll(async () => {
  postern = await Submission.start();
});

test.afterAll(() => postern?.stop());

test("every function of Python's smtplib", async () => {
  const { ports, token, folder } = postern;
  const authority = folder.inside('authority.pem');
  folder.write('smtplib_api.py', smtplibProgram({ ...ports, authority, user: USER, token }));
  const log = await postern.run('python3 $0/smtplib_api.py');
  expect(log, log).toMatch(/\nOK\nexit 0\n$/);
  const found: Record<string, string[]> = {};
  let waiting = Object.values(SUBMITTED).flat().length;
  while (waiting > 0) {
    const { from, to, subject = '', raw } = await postern.arrived();
    expect(from).toBe(USER);
    expect(raw).not.toMatch(/^Bcc:/im);
    found[subject] = [...(found[subject] ?? []), ...to].sort();
    waiting -= to.length;
  }
  expect(found).toEqual(SUBMITTED);
});

/** Runs swaks; `options` may say `TOKEN` for a token of the account. */
async function swaks(options: string): Promise<string> {
  const { ports, token } = postern;
  const port = /--tls-on-connect|--protocol (SSMTP|SMTPS)/.test(options) ? ports.implicit : ports.starttls;
  const to = options.includes('--socket') ? '' : `--server 127.0.0.1 --port ${port}`;
  const envelope = `--from ${USER} ${options.includes('--to ') ? '' : `--to ${DESK}`}`;
  return postern.run(`swaks ${to} ${envelope} --h-Subject Fire ${options.replaceAll('TOKEN', token)}`);
}

const SIGN_IN = `--auth-user ${USER} --auth-password TOKEN`;

/** The protocol that the trace field names (RFC 3848), by the options of a mail that arrives. */
const ARRIVE: Record<string, string> = {
  '--protocol SMTP': 'SMTP',
  '--protocol ESMTP': 'ESMTP',
  [`--protocol ESMTPA ${SIGN_IN}`]: 'ESMTPA',
  '--protocol ESMTPS': 'ESMTPS',
  [`--protocol ESMTPSA ${SIGN_IN}`]: 'ESMTPSA',
  '--protocol SSMTP': 'ESMTPS',
  [`--protocol SSMTPA ${SIGN_IN}`]: 'ESMTPSA',
  '--protocol SMTPS': 'SMTP',
  '--pipeline': 'ESMTP',
  [`--pipeline --tls --auth PLAIN ${SIGN_IN}`]: 'ESMTPSA',
  [`--auth PLAIN ${SIGN_IN} --auth-plaintext`]: 'ESMTPA',
  [`--auth LOGIN ${SIGN_IN} --auth-hide-password`]: 'ESMTPA',
  [`--auth PLAIN,LOGIN ${SIGN_IN}`]: 'ESMTPA',
  [`--auth-optional ${SIGN_IN}`]: 'ESMTPA',
  [`--auth-optional CRAM-MD5 ${SIGN_IN}`]: 'ESMTP',
  [`--tls-on-connect --auth LOGIN ${SIGN_IN}`]: 'ESMTPSA',
  '--tls-optional': 'ESMTPS',
  '--tls --tls-protocol tlsv1_2': 'ESMTPS',
  '--tls --tls-protocol tlsv1_3': 'ESMTPS',
  '--tls --tls-verify --tls-ca-path $0/authority.pem --tls-sni localhost': 'ESMTPS',
  '--ehlo app.example.org': 'ESMTP',
  '--xclient-name app.example.org --xclient-optional': 'ESMTP',
  '--suppress-data': 'ESMTP',
  '--socket $0/submit.sock': 'ESMTP',
};

for (const [options, protocol] of Object.entries(ARRIVE)) {
  test(`swaks ${options}: the mail arrives`, async () => {
    const log = await swaks(options);
    expect(log, log).toContain('exit 0');
    const mail = await postern.arrived();
    expect(mail).toMatchObject({ from: USER, to: [DESK], subject: 'Fire' });
    const [, found] = mail.raw.replace(/\s+/g, ' ').match(/^Received: .*? with (\S+) id /m) ?? [];
    expect(found, mail.raw).toBe(protocol);
  });
}

/** The exit code of swaks and what it prints, by the options of a mail that is refused. */
const REFUSED: Record<string, [number, RegExp]> = {
  '--protocol LMTP': [22, /<\*\* +500 5\.5\.1 /],
  [`--tls --auth CRAM-MD5 ${SIGN_IN}`]: [28, /requested type not available/],
  [`--tls --auth PLAIN --auth-user ${USER} --auth-password postern_wrong`]: [28, /<[*~]+ +535 5\.7\.8 /],
  [`--tls --auth PLAIN --auth-user boss@example.com --auth-password TOKEN`]: [28, /<[*~]+ +535 5\.7\.8 /],
  '--tls --tls-protocol tlsv1_1': [29, /TLS startup failed|STARTTLS attempted but failed/],
  '--tls-on-connect --tls-protocol tlsv1_1': [29, /TLS startup failed/],
  '--xclient-name app.example.org': [33, /did not advertise XCLIENT/],
  '--prdr': [30, /did not advertise PRDR/],
  '--to desk@': [24, /<\*\* +553 5\.1\.3 /],
};

for (const [options, [code, text]] of Object.entries(REFUSED)) {
  test(`swaks ${options}: refused`, async () => {
    const log = await swaks(options);
    expect(log, log).toMatch(text);
    expect(log).toContain(`exit ${code}\n`);
  });
}

test('swaks --quit-after, --drop-after and --drop-after-send: nothing of the mail is kept', async () => {
  for (const stage of ['connect', 'first-helo', 'tls', 'helo', 'auth', 'mail', 'rcpt']) {
    const log = await swaks(`--tls --auth PLAIN ${SIGN_IN} --quit-after ${stage}`);
    expect(log, log).toContain('exit 0');
  }
  for (const stage of ['mail', 'rcpt', 'data']) {
    await swaks(`--drop-after ${stage}`);
    await swaks(`--drop-after-send ${stage}`);
  }
  // A mail behind them is the first that arrives.
  expect(await swaks('--body last')).toContain('exit 0');
  expect((await postern.arrived()).text).toContain('last');
});

test('swaks: several recipients, of which one is refused', async () => {
  const log = await swaks('--to desk@example.net,night@,night@example.net');
  expect(log, log).toContain('exit 0');
  expect((await postern.arrived()).to).toEqual(['desk@example.net', 'night@example.net']);
});

/** The recipients of all mails together, by options of smtp-source. */
const SOURCES: Record<string, number> = {
  '-s 1 -m 1 -l 100': 1,
  '-s 3 -m 30 -l 5000 -d': 30,
  '-s 2 -m 10 -r 20 -l 1000': 200,
  '-s 2 -m 10 -r 5 -N -d': 50,
  '-s 5 -m 20 -M app.example.org -l 200000': 20,
  '-4 -s 2 -m 6 -S Fire': 6,
};

for (const [options, recipients] of Object.entries(SOURCES)) {
  test(`smtp-source ${options}: every mail arrives`, async () => {
    const log = await postern.run(`smtp-source ${options} -f ${USER} -t ${DESK} 127.0.0.1:${postern.ports.starttls}`);
    expect(log, log).toBe('exit 0\n');
    let waiting = recipients;
    while (waiting > 0) {
      const { from, to } = await postern.arrived();
      expect(from).toBe(USER);
      waiting -= new Set(to).size;
    }
    expect(waiting).toBe(0);
  });
}

test('smtp-source over the Unix socket', async () => {
  const log = await postern.run(`smtp-source -s 2 -m 20 -f ${USER} -t ${DESK} unix:$0/submit.sock`);
  expect(log, log).toBe('exit 0\n');
  for (let mail = 0; mail < 20; mail++) {
    expect(await postern.arrived()).toMatchObject({ from: USER, to: [DESK] });
  }
});
