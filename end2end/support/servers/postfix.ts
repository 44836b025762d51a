//! Postfix with ports 25, 587 and 465, and further ports with parameters of a test.

import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Certificate } from '../relays/certificate.ts';
import { Daemon, ServerFolder } from '../program/chroot.ts';
import { Maildir } from '../mail/maildir.ts';
import type { Smarthost } from '../mail/submission.ts';

/** Parameters of main.cf. */
export type Parameters = Record<string, string>;

export interface PostfixOptions {
  /** The listening address. */
  host: string;
  certificate: Certificate;
  /** The SASL socket of a Dovecot; without it there is no AUTH. */
  auth?: string;
  /** Passes all mail of this machine on to it, and has no mailbox. */
  smarthost?: Smarthost;
  /** Parameters for all ports. */
  parameters?: Parameters;
  /** Further ports, each with the parameters that differ. */
  further?: Record<number, { certificate?: Certificate; parameters?: Parameters }>;
}

/** The only mailbox and domain that Postfix delivers to. */
export const MAILBOX = 'me@example.net';
export const DOMAIN = 'example.net';

/** The only user that may send from this address, and the address. */
export const OWNER = 'alerts';
export const OWNED = 'alerts@example.org';

/** Id of the user and group `postfix` in the chroot. */
const POSTFIX = 61001;

export class Postfix {
  private constructor(
    private readonly daemon: Daemon,
    private readonly folder: ServerFolder,
    readonly host: string,
  ) {}

  static async start(options: PostfixOptions): Promise<Postfix> {
    const folder = new ServerFolder('postfix');
    const queues = ['active', 'bounce', 'corrupt', 'defer', 'deferred', 'flush', 'hold', 'incoming'];
    for (const name of ['config', 'mail', 'queue', 'queue/pid', 'data']) {
      mkdirSync(folder.outside(name));
    }
    for (const name of [...queues, 'maildrop', 'private', 'public', 'saved', 'trace']) {
      mkdirSync(folder.outside('queue', name), { mode: 0o700 });
      chownSync(folder.outside('queue', name), POSTFIX, POSTFIX);
    }
    chownSync(folder.outside('data'), POSTFIX, POSTFIX);
    chownSync(folder.outside('mail'), POSTFIX, POSTFIX);
    chmodSync(folder.outside('queue', 'public'), 0o755);
    folder.write('config/main.cf', formatParameters(main(folder, options), ''));
    folder.write('config/master.cf', master(folder, options));
    folder.write('log', '');
    const args = ['-s', '-c', folder.inside('config')];
    const daemon = new Daemon('/usr/lib/postfix/sbin/master', args, folder.outside('log'));
    await daemon.waitForLog(/daemon started/);
    return new Postfix(daemon, folder, options.host);
  }

  get log(): string {
    return this.daemon.log;
  }

  get mailbox(): Maildir {
    return new Maildir(this.folder.outside('mail', 'me'));
  }

  /** Waits until the message is in the mailbox, and returns it. */
  async delivered(id: string): Promise<string> {
    await this.daemon.waitForLog(new RegExp(`message-id=${id}[^]*status=sent \\(delivered to maildir\\)[^]*: removed`));
    return this.mailbox.message(id);
  }

  async stop(): Promise<void> {
    await this.daemon.stop();
  }
}

function main(folder: ServerFolder, { certificate, auth, smarthost, parameters }: PostfixOptions): Parameters {
  return {
    compatibility_level: '3.6',
    config_directory: folder.inside('config'),
    queue_directory: folder.inside('queue'),
    data_directory: folder.inside('data'),
    daemon_directory: '/usr/lib/postfix/sbin',
    mail_owner: 'postfix',
    setgid_group: 'postdrop',
    maillog_file: folder.inside('log'),
    maillog_file_prefixes: folder.inside(),
    // Services listen at the address of the test; Postfix requires a loopback interface here.
    inet_interfaces: '127.0.0.1',
    inet_protocols: 'ipv4',
    myhostname: `mail.${DOMAIN}`,
    mydestination: '',
    mynetworks: '',
    alias_maps: '',
    // No DNS lookups and no delays for clients.
    smtpd_peername_lookup: 'no',
    smtpd_error_sleep_time: '0',
    virtual_mailbox_domains: DOMAIN,
    virtual_mailbox_maps: `inline:{${MAILBOX}=me/}`,
    virtual_mailbox_base: folder.inside('mail'),
    virtual_uid_maps: `static:${POSTFIX}`,
    virtual_gid_maps: `static:${POSTFIX}`,
    virtual_minimum_uid: '100',
    default_transport: 'discard:',
    smtpd_tls_chain_files: chain(folder, certificate),
    smtpd_tls_security_level: 'may',
    smtpd_tls_auth_only: 'yes',
    ...(auth ? { smtpd_sasl_auth_enable: 'yes', smtpd_sasl_type: 'dovecot', smtpd_sasl_path: auth } : {}),
    smtpd_relay_restrictions: 'permit_sasl_authenticated, reject_unauth_destination',
    smtpd_sender_login_maps: `inline:{${OWNED}=${OWNER}}`,
    ...(smarthost ? relayhost(smarthost) : {}),
    ...parameters,
  };
}

function relayhost({ port, user, password, authority }: Smarthost): Parameters {
  const host = `[127.0.0.1]:${port}`;
  return {
    relayhost: host,
    default_transport: 'smtp',
    virtual_mailbox_domains: '',
    mynetworks: '127.0.0.0/8',
    smtpd_relay_restrictions: 'permit_mynetworks, reject',
    smtp_tls_security_level: 'secure',
    smtp_tls_secure_cert_match: 'localhost',
    smtp_tls_CAfile: authority,
    smtp_sasl_auth_enable: 'yes',
    smtp_sasl_password_maps: `inline:{${host}=${user}:${password}}`,
    smtp_sasl_security_options: 'noanonymous',
  };
}

/** Requires authentication and encryption. */
const SUBMISSION = {
  smtpd_tls_security_level: 'encrypt',
  smtpd_sender_restrictions: 'reject_sender_login_mismatch',
  smtpd_recipient_restrictions: 'permit_sasl_authenticated, reject',
};

function chain(folder: ServerFolder, { key, cert, file }: Certificate): string {
  return folder.write(`${basename(dirname(file))}.pem`, key + cert);
}

function master(folder: ServerFolder, { host, further }: PostfixOptions): string {
  const services: Array<[string, Parameters]> = [
    [`${host}:25`, {}],
    [`${host}:587`, SUBMISSION],
    [`${host}:465`, { ...SUBMISSION, smtpd_tls_wrappermode: 'yes' }],
    ...Object.entries(further ?? {}).map(([port, { certificate, parameters }]): [string, Parameters] => [
      `${host}:${port}`,
      { ...(certificate ? { smtpd_tls_chain_files: chain(folder, certificate) } : {}), ...parameters },
    ]),
  ];
  const listeners = services.map(
    ([address, parameters]) => `${address} inet n - n - - smtpd\n${formatParameters(parameters, '  -o ')}`,
  );
  return `${listeners.join('')}
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
discard unix - - n - - discard
smtp unix - - n - - smtp
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`;
}

/** One parameter per line; braces allow spaces in a value of master.cf. */
function formatParameters(parameters: Parameters, prefix: string): string {
  const lines = Object.entries(parameters).map(([name, value]) =>
    prefix ? `${prefix}{ ${name} = ${value} }\n` : `${name} = ${value}\n`,
  );
  return lines.join('');
}
