//! OpenSMTPD with port 25 without TLS, ports 587 and 465, and further ports with filters of a test.

import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import type { Certificate } from '../relays/certificate.ts';
import { Daemon, ServerFolder } from '../program/chroot.ts';
import { Maildir } from '../mail/maildir.ts';

/** A further port, like port 25. */
export interface OpenSmtpdPort {
  /** The definition of the filter. */
  filter: string;
  /** The name of the filter. */
  name: string;
}

export interface OpenSmtpdOptions {
  /** The listening address. */
  host: string;
  certificate: Certificate;
  users: Record<string, string>;
  /** The local parts of the mailboxes of example.net. */
  mailboxes: string[];
  /** Global options. */
  global?: string;
  further?: Record<number, OpenSmtpdPort>;
}

/** Id of the user and group `mail` in the chroot. */
const MAIL = 61005;

export class OpenSmtpd {
  private constructor(
    private readonly daemon: Daemon,
    private readonly folder: ServerFolder,
    readonly host: string,
    /** Whether TLS works: OpenSMTPD 6.8, that of Debian 12, has no private key with OpenSSL 3. */
    readonly hasTls: boolean,
  ) {}

  static async start(options: OpenSmtpdOptions): Promise<OpenSmtpd> {
    const folder = new ServerFolder('opensmtpd');
    // Spool and socket have fixed paths: each OpenSMTPD has a root of its own.
    folder.becomeRoot();
    for (const name of ['mail', 'tmp', 'var/lib/opensmtpd/empty', 'var/run', 'var/spool']) {
      mkdirSync(folder.outside(name), { recursive: true });
    }
    chownSync(folder.outside('mail'), MAIL, MAIL);
    chmodSync(folder.outside('tmp'), 0o1777);
    folder.write('etc/filter', FILTER);
    chmodSync(folder.outside('etc/filter'), 0o755);
    // It looks up the name of each client before the greeting.
    folder.write('etc/resolv.conf', 'lookup file\n');
    folder.write('etc/hosts', '');
    folder.write('etc/smtpd.conf', configuration(folder, options));
    const daemon = new Daemon('/usr/sbin/smtpd', ['-d'], undefined, folder.outside());
    await daemon.waitForLog(/info: OpenSMTPD .* starting/);
    return new OpenSmtpd(daemon, folder, options.host, !daemon.log.includes('OpenSMTPD 6.'));
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

/** A filter that answers the end of DATA with its argument. */
const FILTER = `#!/bin/sh
while IFS='|' read -r kind version time subsystem phase session token rest; do
  case $kind in
    config) [ "$version" != ready ] || printf 'register|filter|smtp-in|commit\\nregister|ready\\n' ;;
    filter) printf 'filter-result|%s|%s|reject|%s\\n' "$session" "$token" "$1" ;;
  esac
done
`;

/** A port whose filter gives this reply to the end of DATA. */
export function refuseData(name: string, reply: string): OpenSmtpdPort {
  return { name, filter: `proc-exec "/etc/filter '${reply}'"` };
}

function configuration(folder: ServerFolder, { host, certificate, users, mailboxes, global, further }: OpenSmtpdOptions): string {
  const table = (name: string, lines: string[]) => {
    folder.write(`etc/${name}`, lines.join(''));
    return `table ${name} file:/etc/${name}`;
  };
  for (const [name, pem] of [['key.pem', certificate.key], ['cert.pem', certificate.cert]] as const) {
    folder.write(`etc/${name}`, pem);
    chmodSync(folder.outside('etc', name), 0o600);
  }
  const listeners = Object.entries(further ?? {}).map(
    ([port, { filter, name }]) => `filter "${name}" ${filter}\nlisten on ${host} port ${port} filter "${name}"\n`,
  );
  return `
${global ?? ''}
pki main cert "/etc/cert.pem"
pki main key "/etc/key.pem"
${table('credentials', Object.entries(users).map(([user, password]) => `${user} ${encrypt(password)}\n`))}
${table('mailboxes', mailboxes.map((name) => `${name} ${MAIL}:${MAIL}:/mail\n`))}
listen on ${host} port 25
listen on ${host} port 587 tls-require pki main auth <credentials>
listen on ${host} port 465 smtps pki main auth <credentials>
${listeners.join('')}
action "local" maildir "/mail/%{user.username}" userbase <mailboxes>
action "relay" relay
match from any for domain "example.net" action "local"
match auth from any for any action "relay"
`;
}

function encrypt(password: string): string {
  return execFileSync('openssl', ['passwd', '-6', '-stdin'], { input: password, encoding: 'utf8' }).trim();
}
