//! Sendmail with ports 25, 587 and 465, one port without TLS, and rules by address.

import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { expect } from '@playwright/test';
import type { Certificate } from '../relays/certificate.ts';
import { Daemon, ServerFolder } from '../program/chroot.ts';
import { Maildir } from '../mail/maildir.ts';

export interface SendmailOptions {
  /** The listening address. */
  host: string;
  certificate: Certificate;
  users: Record<string, string>;
  /** The local parts of the mailboxes of example.net. */
  mailboxes: string[];
  /** Entries of the access map, by key. */
  access?: Record<string, string>;
  /** Further lines of the m4 configuration. */
  macros?: string[];
}

/** The port without TLS. */
export const WITHOUT_TLS = 2501;

/** Id of the user and group `mail` in the chroot. */
const MAIL = 61005;

const SENDMAIL = '/usr/libexec/sendmail/sendmail';
const CONFIG = '-C/etc/mail/sendmail.cf';
const HOST = 'mail.example.net';

export class Sendmail {
  private constructor(
    private readonly daemon: Daemon,
    private readonly folder: ServerFolder,
    readonly host: string,
  ) {}

  static async start(options: SendmailOptions): Promise<Sendmail> {
    const folder = new ServerFolder('sendmail');
    // The passwords of Cyrus SASL, and the users, have fixed paths.
    folder.becomeRoot('usr/bin', 'usr/share/sendmail');
    for (const name of ['etc/mail', 'etc/sasl2', 'mail', 'queue', 'tmp']) {
      mkdirSync(folder.outside(name), { recursive: true, mode: name === 'queue' ? 0o700 : 0o755 });
    }
    // The mailer runs as another user.
    chmodSync(folder.outside('mail'), 0o1777);
    folder.write('etc/hosts', `${options.host} ${HOST}\n`);
    folder.write('etc/passwd', options.mailboxes.map((name) => `${name}:x:${MAIL}:${MAIL}::/mail:/usr/sbin/nologin\n`).join('') + ROOT);
    folder.write('etc/cert.pem', options.certificate.cert);
    folder.write('etc/key.pem', options.certificate.key);
    chmodSync(folder.outside('etc/key.pem'), 0o600);
    folder.write('etc/sasl2/Sendmail.conf', 'pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: /etc/sasldb2\n');
    const run = (program: string, args: string[], input = '') => {
      const options: ExecFileSyncOptionsWithStringEncoding = { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] };
      return execFileSync('chroot', [folder.outside(), program, ...args], options);
    };
    for (const [user, password] of Object.entries(options.users)) {
      run('/usr/sbin/saslpasswd2', ['-p', '-c', '-u', HOST, '-f', '/etc/sasldb2', user], password);
    }
    folder.write('etc/mail/sendmail.mc', configuration(options));
    // Without these rules mail from this machine is not relayed.
    const local = /^R127\.0\.0\.1\t.*RELAY.*$|^R\$=w\t+\$@ RELAY\t+\.\.\. and see.*$|^R<\?> \$=w\t+\$@ RELAY$/gm;
    const config = run('/usr/bin/m4', ['/etc/mail/sendmail.mc']).replace(local, '');
    folder.write('etc/mail/sendmail.cf', config);
    // No DNS.
    folder.write('etc/mail/service.switch', 'hosts\tfiles\naliases\tfiles\npasswd\tfiles\n');
    const access = Object.entries(options.access ?? {}).map(([key, value]) => `${key}|${value}\n`);
    folder.write('etc/mail/access', access.join(''));
    folder.write('etc/mail/aliases', 'postmaster: me\n');
    run(SENDMAIL, [CONFIG, '-bi']);
    const daemon = new Daemon(SENDMAIL, [CONFIG, '-bD'], undefined, folder.outside());
    // It writes the file once it listens.
    await expect.poll(() => existsSync(folder.outside('tmp/pid')), daemon.log).toBe(true);
    return new Sendmail(daemon, folder, options.host);
  }

  get log(): string {
    return this.daemon.log;
  }

  mailbox(name: string): Maildir {
    return new Maildir(this.folder.outside('mail', name));
  }

  async stop(): Promise<void> {
    await this.daemon.stop();
  }
}

/** Users that Sendmail and its mailer require. */
const ROOT = `root:x:0:0::/:/bin/sh\nmail:x:${MAIL}:${MAIL}::/mail:/bin/sh\nsmmta:x:61009:61009::/:/bin/sh\nsmmsp:x:61010:61010::/:/bin/sh\n`;

function configuration({ host, macros }: SendmailOptions): string {
  const defines = {
    confDOMAIN_NAME: HOST,
    QUEUE_DIR: '/queue',
    confPID_FILE: '/tmp/pid',
    STATUS_FILE: '',
    HELP_FILE: '',
    ALIAS_FILE: '/etc/mail/aliases',
    confCW_FILE: '',
    confSERVICE_SWITCH_FILE: '/etc/mail/service.switch',
    confTRUSTED_USERS: 'root',
    confSERVER_CERT: '/etc/cert.pem',
    confSERVER_KEY: '/etc/key.pem',
    confCACERT: '/etc/cert.pem',
    confCACERT_PATH: '/etc',
    confAUTH_MECHANISMS: 'PLAIN LOGIN CRAM-MD5',
    // No password without encryption.
    confAUTH_OPTIONS: 'A,p,y',
    // The load of the machine neither delays nor refuses.
    confQUEUE_LA: '1000',
    confREFUSE_LA: '1000',
    confDELAY_LA: '0',
    LOCAL_MAILER_PATH: '/usr/libexec/opensmtpd/mail.maildir',
    LOCAL_MAILER_FLAGS: 'Pn9',
    LOCAL_MAILER_ARGS: 'mail.maildir /mail/$u',
  };
  return `
include(\`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(\`linux')dnl
${Object.entries(defines).map(([name, value]) => `define(\`${name}', \`${value}')dnl\n`).join('')}
TRUST_AUTH_MECH(\`PLAIN LOGIN CRAM-MD5')dnl
FEATURE(\`no_default_msa')dnl
FEATURE(\`nocanonify')dnl
FEATURE(\`access_db', \`text -z| -k0 -v1 -o /etc/mail/access')dnl
FEATURE(\`blocklist_recipients')dnl
${(macros ?? []).map((macro) => `${macro}dnl\n`).join('')}
DAEMON_OPTIONS(\`Name=MTA, Addr=${host}, Port=25')dnl
DAEMON_OPTIONS(\`Name=MSA, Addr=${host}, Port=587, M=Ea')dnl
DAEMON_OPTIONS(\`Name=TLS, Addr=${host}, Port=465, M=Eas')dnl
DAEMON_OPTIONS(\`Name=NOTLS, Addr=${host}, Port=${WITHOUT_TLS}, M=S')dnl
LOCAL_CONFIG
Cwexample.net
MAILER(local)dnl
MAILER(smtp)dnl
`;
}
