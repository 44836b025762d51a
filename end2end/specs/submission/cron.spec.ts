//! Debian's cron mails the output of its jobs through `/usr/sbin/sendmail`, which is Postern.

import { chmodSync, chownSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { Daemon, serversUnavailable } from '../../support/program/chroot.ts';
import { Submission } from '../../support/mail/submission.ts';

test.skip(serversUnavailable() !== undefined, serversUnavailable());
test.describe.configure({ mode: 'default' });

const DESK = 'desk@example.net';

/** What `/etc/mailname` contains: the domain of addresses without one. */
const DOMAIN = 'gate.example';

/** Ids of users of the chroot. */
const ROOT = 0;
const NOBODY = 65_534;

let postern: Submission;
let cron: Daemon | undefined;

test.beforeAll(async () => {
  postern = await Submission.start();
  const { folder } = postern;
  // Crontabs, the pid file and the path of sendmail are fixed: cron has a root of its own.
  folder.becomeRoot();
  for (const name of ['etc/pam.d', 'run/postern', 'tmp', 'usr/local/bin', 'var/spool/cron/crontabs']) {
    mkdirSync(folder.outside(name), { recursive: true });
  }
  // cron keeps the output of a job in a file there.
  chmodSync(folder.outside('tmp'), 0o1777);
  symlinkSync('../run', folder.outside('var/run'));
  folder.write('etc/mailname', `${DOMAIN}\n`);
  // Debian's own includes files that an installation makes, and sets limits that containers may refuse.
  folder.write('etc/pam.d/cron', ['auth', 'account', 'session'].map((type) => `${type} required pam_permit.so\n`).join(''));
  // As the README says, and the socket at its usual path.
  folder.installPostern('usr/local/bin/postern');
  rmSync(folder.outside('usr/sbin/sendmail'), { force: true });
  symlinkSync('/usr/local/bin/postern', folder.outside('usr/sbin/sendmail'));
  symlinkSync('/submit.sock', folder.outside('run/postern/submit.sock'));
});

test.afterAll(async () => {
  await cron?.stop();
  await postern?.stop();
});

/** Installs the crontab of a user. */
function crontab(user: string, id: number, lines: string[]): void {
  const name = `var/spool/cron/crontabs/${user}`;
  postern.folder.write(name, lines.map((line) => `${line}\n`).join(''));
  // cron ignores crontabs of another owner, and those that others can write to.
  chownSync(postern.folder.outside(name), id, id);
  chmodSync(postern.folder.outside(name), 0o600);
}

test('the output of jobs of root and of another user arrives', async () => {
  // `@reboot` jobs run when cron starts.
  const type = 'CONTENT_TYPE="text/plain; charset=UTF-8"';
  crontab('root', ROOT, [`MAILTO=${DESK}`, type, '@reboot echo Grüße; echo .; echo all is well', '@reboot true']);
  crontab('nobody', NOBODY, ['@reboot echo ran; exit 3']);
  cron = new Daemon('/usr/sbin/cron', ['-f'], undefined, postern.folder.outside());

  // Neither cron nor sendmail prints anything, and a job without output sends no mail.
  const state = () => ({ mails: postern.relay.mails.all.length, log: cron?.log });
  await expect.poll(state, { timeout: 50_000 }).toEqual({ mails: 2, log: '' });
  const mails = [await postern.arrived(), await postern.arrived()];
  const ofRoot = mails.find(({ to }) => to.includes(DESK));
  expect(ofRoot).toMatchObject({
    from: `root@${DOMAIN}`,
    to: [DESK],
    subject: expect.stringMatching(/^Cron <root@.+> echo Grüße; echo \.; echo all is well$/),
    text: 'Grüße\n.\nall is well',
  });
  // Without MAILTO it goes to the user.
  const ofNobody = mails.find((mail) => mail !== ofRoot);
  expect(ofNobody).toMatchObject({
    from: `nobody@${DOMAIN}`,
    to: [`nobody@${DOMAIN}`],
    subject: expect.stringMatching(/^Cron <nobody@.+> echo ran; exit 3$/),
    text: 'ran',
  });
  for (const [mail, id] of [[ofRoot, ROOT], [ofNobody, NOBODY]] as const) {
    expect(mail?.raw).toMatch(new RegExp(`^Received: from .*uid ${id}`, 'm'));
    expect(mail?.raw).toMatch(new RegExp(`^From: root@${DOMAIN} \\(Cron Daemon\\)`, 'm'));
    expect(mail?.raw).toMatch(/^Date: /m);
    expect(mail?.raw).toMatch(/^Message-ID: /im);
  }
});
