//! Postfix and Exim pass their mail on to Postern: by STARTTLS and AUTH, with DSN and bounces.

import { expect, test } from '@playwright/test';
import nodemailer from 'nodemailer';
import { CertificateAuthority } from '../../support/relays/certificate.ts';
import { Daemon, loopback, serversUnavailable } from '../../support/program/chroot.ts';
import { Exim } from '../../support/servers/exim.ts';
import { Postfix } from '../../support/servers/postfix.ts';
import { type Arrived, Submission, USER } from '../../support/mail/submission.ts';

test.skip(serversUnavailable() !== undefined, serversUnavailable());
test.describe.configure({ mode: 'default' });

const SHOP = 'shop@example.com';
const DESK = 'desk@example.net';
const LOCAL_USER = 'alerts';
const SECRET = 'open sesame';

const hosts = { Postfix: loopback(), Exim: loopback() };
type Server = keyof typeof hosts;
const SERVERS = Object.keys(hosts) as Server[];

let postern: Submission;
let postfix: Postfix;
let exim: Exim;
let authority: CertificateAuthority;

test.beforeAll(async () => {
  const refuse = (recipient: string) => (recipient.startsWith('nobody') ? { code: 550, text: '5.1.1 No such user' } : undefined);
  postern = await Submission.start({ dsn: true, refuse });
  // A server sends for many, and bounces from its own domain.
  await postern.allowSender('example.com');
  await postern.allowSender('mail.example.net');
  authority = new CertificateAuthority();
  const smarthost = postern.smarthost;
  postfix = await Postfix.start({ host: hosts.Postfix, certificate: authority.issue(hosts.Postfix), smarthost });
  const users = { [LOCAL_USER]: SECRET };
  exim = await Exim.start({ host: hosts.Exim, certificate: authority.issue(hosts.Exim), users, mailboxes: [], smarthost });
});

test.afterAll(async () => {
  await Promise.all([postfix?.stop(), exim?.stop(), postern?.stop()]);
});

/** What an application asks of its server, as nodemailer names it. */
interface Dsn {
  ret?: 'Full' | 'HDRS';
  envid?: string;
  notify?: Array<'NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY'>;
  orcpt?: string;
}

/** An application submits a mail to the server. */
async function submit(server: Server, from: string, to: string | string[], dsn?: Dsn): Promise<void> {
  const transport = nodemailer.createTransport({
    ...{ host: hosts[server], tls: { ca: authority.cert } },
    // Exim relays for those who sign in, Postfix for this machine.
    ...(server === 'Exim' ? { port: 587, requireTLS: true, auth: { user: LOCAL_USER, pass: SECRET } } : { port: 25, ignoreTLS: true }),
  });
  const envelope = { from, to };
  await transport.sendMail({ from, to, subject: `By ${server}`, text: '.\nOut, all of you.', envelope, dsn });
  transport.close();
}

/** The log of a server, to tell why a mail did not arrive. */
function log(server: Server): string {
  return server === 'Exim' ? exim.log : postfix.log;
}

/** A mail without the white space by which its lines are folded. */
function unfolded({ raw }: Arrived): string {
  return raw.replace(/\s+/g, ' ');
}

for (const server of SERVERS) {
  test(`${server}: a mail arrives, by STARTTLS and AUTH`, async () => {
    await submit(server, SHOP, DESK);
    const mail = await postern.arrived();
    expect(mail, log(server)).toMatchObject({ from: SHOP, to: [DESK], subject: `By ${server}`, text: '.\nOut, all of you.' });
    // RFC 3848: the A is for AUTH, the S for TLS.
    expect(unfolded(mail)).toMatch(/Received: from mail\.example\.net \(\[127\.0\.0\.1\]\) by \S+ with ESMTPSA /);
  });

  test(`${server}: the parameters of DSN arrive as the application gives them`, async () => {
    await submit(server, SHOP, DESK, { ret: 'HDRS', envid: `job-${server}`, notify: ['SUCCESS', 'FAILURE'], orcpt: 'rfc822;Desk@example.net' });
    const mail = await postern.arrived();
    expect(mail.from, log(server)).toBe(SHOP);
    expect(mail.dsn).toEqual({
      ret: 'HDRS',
      envid: `job-${server}`,
      recipients: [{ notify: ['SUCCESS', 'FAILURE'], orcpt: 'rfc822;Desk@example.net' }],
    });
    await submit(server, SHOP, DESK, { notify: ['NEVER'] });
    expect((await postern.arrived()).dsn.recipients[0]?.notify).toEqual(['NEVER']);
  });

  test(`${server}: its sender gets a report of a recipient that the relay refuses`, async () => {
    const nobody = `nobody.${server.toLowerCase()}@example.net`;
    await submit(server, SHOP, [DESK, nobody], { ret: 'HDRS', envid: 'job-2' });
    const mails = [await postern.arrived(), await postern.arrived()];
    const report = mails.find(({ from }) => from === '');
    expect(mails.map(({ to }) => to).sort(), log(server)).toEqual([[DESK], [SHOP]]);
    for (const line of [
      'Original-Envelope-Id: job-2',
      `Final-Recipient: rfc822; ${nobody}`,
      'Action: failed',
      'Status: 5.1.1',
      'Diagnostic-Code: smtp; 550 5.1.1 No such user',
      `Subject: By ${server}`,
    ]) {
      expect(report?.raw.split('\r\n')).toContain(line);
    }
    expect(report?.raw).not.toContain('Out, all of you.');
  });

  test(`${server}: its own bounce of a mail that Postern refuses arrives`, async () => {
    const ceo = 'ceo@example.org';
    await submit(server, ceo, DESK);
    if (server === 'Exim') {
      await exim.deliverBounce();
    }
    const bounce = await postern.arrived();
    expect(bounce, log(server)).toMatchObject({ from: '', to: [ceo] });
    expect(unfolded(bounce)).toContain(`550 5.7.1 This account sends only from ${USER}`);
    expect(bounce.raw).toMatch(/^From: .*mailer-daemon@mail\.example\.net/im);
  });
}

test("Postfix: 60 mails of smtp-source arrive, each once", async () => {
  const source = new Daemon('/usr/sbin/smtp-source', [
    ...['-s', '4', '-m', '60', '-l', '2000', '-N', '-f', SHOP, '-t', DESK, `${hosts.Postfix}:25`],
  ]);
  await source.exited;
  expect(source.log).toBe('');
  const recipients = new Set<string>();
  for (let mail = 0; mail < 60; mail++) {
    const { from, to } = await postern.arrived();
    expect(from).toBe(SHOP);
    to.forEach((recipient) => recipients.add(recipient));
  }
  // With -N each mail has a recipient of its own.
  expect(recipients.size).toBe(60);
});

test('Exim: a mail that a program hands to it arrives', async () => {
  await exim.submit(SHOP, DESK, `From: ${SHOP}\nTo: ${DESK}\nSubject: Cron\n\n.\nran\n`);
  const mail = await postern.arrived();
  expect(mail, exim.log).toMatchObject({ from: SHOP, to: [DESK], subject: 'Cron', text: '.\nran' });
});
