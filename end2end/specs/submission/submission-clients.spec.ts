//! Mail clients submit over SMTP and by `postern sendmail`, and their mail reaches the relay.

import { symlinkSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import nodemailer from 'nodemailer';
import { serversUnavailable } from '../../support/program/chroot.ts';
import { Submission, USER } from '../../support/mail/submission.ts';

test.skip(serversUnavailable() !== undefined, serversUnavailable());
test.describe.configure({ mode: 'default' });

const DESK = 'desk@example.net';

/** The user nobody. */
const UID = 65_534;

let postern: Submission;
let token: string;
let ports: Submission['ports'];
let folder: Submission['folder'];

const run = (script: string, uid?: number) => postern.run(script, uid);
const arrived = () => postern.arrived();

test.beforeAll(async () => {
  postern = await Submission.start();
  ({ token, ports, folder } = postern);
  folder.write('mail', `From: ${USER}\nTo: ${DESK}\nSubject: Fire\n\n.\nOut, all of you.\n`);
  folder.installPostern('postern');
  for (const name of ['sendmail', 'mailq']) {
    symlinkSync('postern', folder.outside(name));
  }
});

test.afterAll(() => postern?.stop());

const SIGN_IN = () => `--auth-user ${USER} --auth-password ${token}`;

for (const [title, options] of Object.entries({
  'STARTTLS and PLAIN': () => `--port ${ports.starttls} --tls --auth PLAIN ${SIGN_IN()}`,
  'implicit TLS and LOGIN': () => `--port ${ports.implicit} --tls-on-connect --auth LOGIN ${SIGN_IN()}`,
  'no sign-in, on this machine': () => `--port ${ports.starttls}`,
})) {
  test(`swaks: ${title}`, async () => {
    const log = await run(`swaks --server 127.0.0.1 ${options()} --from ${USER} --to ${DESK} --h-Subject Fire --body Out`);
    expect(log).toContain('exit 0');
    expect(await arrived()).toMatchObject({ from: USER, to: [DESK], subject: 'Fire', text: 'Out' });
  });
}

test('swaks: a token that is wrong is refused, and an address of others', async () => {
  const options = `--server 127.0.0.1 --port ${ports.starttls} --tls --auth PLAIN --auth-user ${USER} --to ${DESK}`;
  expect(await run(`swaks ${options} --from ${USER} --auth-password postern_wrong`)).toMatch(/<[*~]+ +535 5\.7\.8 /);
  const log = await run(`swaks ${options} --from boss@example.com --auth-password ${token}`);
  expect(log).toMatch(/<[*~]+ +550 5\.7\.1 This account sends only from app@example\.org/);
});

test("Postfix' smtp-source: 200 mails of 5 sessions", async () => {
  const log = await run(`smtp-source -s 5 -m 200 -l 4000 -f ${USER} -t ${DESK} 127.0.0.1:${ports.starttls}`);
  expect(log).toContain('exit 0');
  for (let mail = 0; mail < 200; mail++) {
    expect(await arrived()).toMatchObject({ from: USER, to: [DESK] });
  }
});

test('smtplib of Python', async () => {
  folder.write('client.py', [
    'import smtplib, ssl, sys',
    `context = ssl.create_default_context(cafile="${folder.inside('authority.pem')}")`,
    `with smtplib.SMTP("127.0.0.1", ${ports.starttls}) as smtp:`,
    '    smtp.starttls(context=context)',
    `    smtp.login("${USER}", sys.argv[1])`,
    `    smtp.sendmail("${USER}", ["${DESK}"], "Subject: Grüße\\r\\n\\r\\n.\\r\\nOut\\r\\n".encode(), ["BODY=8BITMIME", "SMTPUTF8"])`,
    `    assert smtp.sendmail("${USER}", ["${DESK}"], "Subject: Second\\r\\n\\r\\nOut\\r\\n") == {}`,
  ].join('\n'));
  const log = await run(`python3 $0/client.py ${token}`);
  expect(log, log).toContain('exit 0');
  // They may leave over two connections.
  const mails = [await arrived(), await arrived()].sort((one, other) => String(one.subject).localeCompare(String(other.subject)));
  expect(mails[0]).toMatchObject({ from: USER, subject: 'Grüße', text: '.\nOut' });
  expect(mails[1]).toMatchObject({ from: USER, subject: 'Second', text: 'Out' });
});

test("nodemailer's pool, with STARTTLS and AUTH", async () => {
  const transport = nodemailer.createTransport({
    ...{ host: '127.0.0.1', port: ports.starttls, pool: true, maxConnections: 3, requireTLS: true },
    ...{ auth: { user: USER, pass: token }, tls: { ca: postern.authority.cert } },
  });
  const mail = { from: USER, to: DESK, text: 'Out' };
  await Promise.all(Array.from({ length: 20 }, (_, index) => transport.sendMail({ ...mail, subject: `Mail ${index}` })));
  transport.close();
  const subjects = new Set<string | undefined>();
  for (let index = 0; index < 20; index++) {
    subjects.add((await arrived()).subject);
  }
  expect(subjects.size).toBe(20);
});

test('msmtp', async () => {
  const log = await run(`msmtp --host=127.0.0.1 --port=${ports.starttls} --from=${USER} ${DESK} < $0/mail`);
  expect(log, log).toContain('exit 0');
  expect(await arrived()).toMatchObject({ from: USER, to: [DESK], subject: 'Fire', text: '.\nOut, all of you.' });
});

test('sendmail with -t, as any user; PHP calls it so', async () => {
  expect(await run('$0/sendmail -t -i < $0/mail', UID)).toBe('exit 0\n');
  const mail = await arrived();
  expect(mail).toMatchObject({ to: [DESK], subject: 'Fire', text: '.\nOut, all of you.' });
  expect(mail.raw).toMatch(new RegExp(`^Received: from .*uid ${UID}`, 'm'));
  expect(mail.raw).toMatch(/^Date: /m);
  expect(mail.raw).toMatch(/^Message-ID: /im);
});

test('swaks, by sendmail -bs', async () => {
  const log = await run(`swaks --pipe "$0/sendmail -bs" --from ${USER} --to ${DESK} --h-Subject Fire --body Out`, UID);
  expect(log, log).toContain('exit 0');
  const mail = await arrived();
  expect(mail).toMatchObject({ from: USER, to: [DESK], subject: 'Fire', text: 'Out' });
  expect(mail.raw).toMatch(new RegExp(`^Received: from .*uid ${UID}`, 'm'));
});

test('mail() of PHP', async () => {
  const call = `exit(mail("${DESK}", "Fire", "Out\\nnow", "From: ${USER}") ? 0 : 1);`;
  const log = await run(`/usr/bin/php[0-9]* -d sendmail_path="$0/sendmail -t -i" -r '${call}'`, UID);
  expect(log, log).toContain('exit 0');
  expect(await arrived()).toMatchObject({ to: [DESK], subject: 'Fire', text: 'Out\nnow' });
});

test('s-nail', async () => {
  const log = await run(`echo Out | s-nail -n -s Fire -r ${USER} -S mta=$0/sendmail ${DESK}`, UID);
  expect(log, log).toContain('exit 0');
  expect(await arrived()).toMatchObject({ from: USER, to: [DESK], subject: 'Fire', text: 'Out' });
});

test('git send-email', async () => {
  const patch = ['From 1234567890123456789012345678901234567890 Mon Sep 17 00:00:00 2001', `From: App <${USER}>`];
  folder.write('0001.patch', [...patch, 'Date: Mon, 30 Nov 2026 08:00:00 +0000', 'Subject: [PATCH] Fix', '', 'Why.', ''].join('\n'));
  const options = `--from=${USER} --to=${DESK} --confirm=never --suppress-cc=all --smtp-server=$0/sendmail`;
  const log = await run(`cd /tmp && git -c user.name=App -c user.email=${USER} send-email ${options} $0/0001.patch`);
  expect(log, log).toContain('exit 0');
  expect(await arrived()).toMatchObject({ to: [DESK], subject: '[PATCH] Fix', text: expect.stringContaining('Why.') });
});

test('mailq lists what waits to root, and to nobody else', async () => {
  expect(await run('$0/mailq')).toBe('Mail queue is empty\nexit 0\n');
  await postern.pause(true);
  expect(await run('$0/sendmail -t -i < $0/mail')).toBe('exit 0\n');
  const list = await run('$0/mailq');
  expect(list).toMatch(/^-Queue ID-  --Size-- ----Arrival Time---- -Sender\/Recipient-------$/m);
  expect(list).toMatch(/^[0-9A-Z]{26}! .* root@/m);
  expect(list).toMatch(/^ +desk@example\.net$/m);
  expect(list).toMatch(/^-- \d+ Kbytes in 1 Request\.$/m);
  expect(await run('$0/mailq', UID)).not.toContain(DESK);
  await postern.pause(false);
});
