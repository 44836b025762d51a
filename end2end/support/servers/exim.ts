//! Exim with ports 25, 587 and 465, and further ports with settings of a test.

import { chownSync, mkdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Certificate } from '../relays/certificate.ts';
import { Daemon, ServerFolder } from '../program/chroot.ts';
import { Maildir } from '../mail/maildir.ts';
import type { Smarthost } from '../mail/submission.ts';

/** The access control lists of Exim that a port can begin with lines of its own. */
const LISTS = ['connect', 'helo', 'mail', 'rcpt', 'data'] as const;

/** How a port differs from port 25. */
export interface EximPort {
  certificate?: Certificate;
  /** No STARTTLS, and AUTH without encryption. */
  noTls?: true;
  /** AUTH is not offered without encryption, and there is no STARTTLS. */
  noSignIn?: true;
  /** In octets. */
  sizeLimit?: number;
  /** Lines at the beginning of an access control list. */
  acl?: Partial<Record<(typeof LISTS)[number], string>>;
}

export interface EximOptions {
  /** The listening address. */
  host: string;
  certificate: Certificate;
  users: Record<string, string>;
  /** The local parts of the mailboxes of example.net. */
  mailboxes: string[];
  /** Passes all mail on to it. */
  smarthost?: Smarthost;
  /** Further main options. */
  main?: string;
  further?: Record<number, EximPort>;
}

/** Id of the user and group `Debian-exim` in the chroot. */
const EXIM = 61006;

export class Exim {
  private constructor(
    private readonly daemon: Daemon,
    private readonly folder: ServerFolder,
    readonly host: string,
  ) {}

  static async start(options: EximOptions): Promise<Exim> {
    const folder = new ServerFolder('exim');
    for (const name of ['mail', 'spool', 'log']) {
      mkdirSync(folder.outside(name));
      chownSync(folder.outside(name), EXIM, EXIM);
    }
    for (const name of ['mainlog', 'paniclog']) {
      folder.write(`log/${name}`, '');
      chownSync(folder.outside('log', name), EXIM, EXIM);
    }
    const config = folder.write('exim.conf', configuration(folder, options));
    const daemon = new Daemon('/usr/sbin/exim4', ['-C', config, '-bdf'], folder.outside('log/mainlog'));
    await daemon.waitForLog(/daemon started/);
    return new Exim(daemon, folder, options.host);
  }

  get log(): string {
    return this.daemon.log;
  }

  mailbox(name: string): Maildir {
    return new Maildir(this.folder.outside('mail', name));
  }

  /** Hands a mail to the program, as cron does, and waits for the attempt to deliver it. */
  async submit(sender: string, recipient: string, message: string): Promise<void> {
    const args = [this.folder.inside('exim.conf'), sender, recipient, this.folder.write('message', message)];
    // A delivery of its own, as the first process closes its input, and cannot open /dev/null.
    const script = '/usr/sbin/exim4 -C "$0" -bm -odq -i -f "$1" "$2" < "$3" && exec /usr/sbin/exim4 -C "$0" -qff';
    await new Daemon('/bin/sh', ['-c', script, ...args]).exited;
  }

  /** Waits for a bounce of Exim's own and delivers it: the process that makes it cannot open /dev/null. */
  async deliverBounce(): Promise<void> {
    await this.daemon.waitForLog(/<= <> /);
    await new Daemon('/usr/sbin/exim4', ['-C', this.folder.inside('exim.conf'), '-qff']).exited;
  }

  async stop(): Promise<void> {
    await this.daemon.stop();
  }
}

/** Requires authentication, and with it encryption. */
const SUBMISSION: EximPort = { acl: { mail: 'deny !authenticated = *\n message = authentication required' } };

function configuration(folder: ServerFolder, options: EximOptions): string {
  const ports: Array<[number, EximPort]> = [
    [25, {}],
    [587, SUBMISSION],
    [465, SUBMISSION],
    ...Object.entries(options.further ?? {}).map(([port, more]): [number, EximPort] => [Number(port), more]),
  ];
  const numbers = (has: (port: EximPort) => unknown) => [0, ...ports.flatMap(([port, more]) => (has(more) ? [port] : []))].join(':');
  const pem = ({ key, cert, file }: Certificate) => {
    const path = folder.write(`${basename(dirname(file))}.pem`, key + cert);
    chownSync(folder.outside(basename(path)), EXIM, EXIM);
    return path;
  };
  const certificates = ports.flatMap(([port, { certificate }]) => (certificate ? [`p${port}=${pem(certificate)} `] : []));
  const sizes = ports.flatMap(([port, { sizeLimit }]) => (sizeLimit ? [`p${port}=${sizeLimit} `] : []));
  const byPort = (values: string[], other: string) => `\${extract{p$received_port}{${values.join('')}}{$value}{${other}}}`;
  return `
primary_hostname = mail.example.net
spool_directory = ${folder.inside('spool')}
log_file_path = ${folder.inside('log')}/%slog
pid_file_path = ${folder.inside('pid')}
local_interfaces = <; ${ports.map(([port]) => `[${options.host}]:${port}`).join('; ')}
tls_on_connect_ports = 465
daemon_smtp_ports = 25
domainlist local_domains = example.net
# Exim runs from a configuration of its own name, and only root may deliver as other users.
deliver_drop_privilege
keep_environment =
rfc1413_query_timeout = 0s
host_lookup =
dns_ipv4_lookup = *
smtp_enforce_sync = true
never_users =
received_header_text =
smtp_accept_max = 100
# Deliver all messages of a connection at once; there is no queue runner.
smtp_accept_queue_per_connection = 0
${options.smarthost ? 'dsn_advertise_hosts = *' : ''}
${options.main ?? ''}
tls_certificate = ${byPort(certificates, pem(options.certificate))}
tls_advertise_hosts = \${if inlist{$received_port}{${numbers(({ noTls, noSignIn }) => noTls || noSignIn)}}{}{*}}
auth_advertise_hosts = \${if inlist{$received_port}{${numbers(({ noSignIn }) => noSignIn)}}{}{*}}
message_size_limit = ${byPort(sizes, '50M')}
${LISTS.map((list) => `acl_smtp_${list} = ${list}_$received_port\n`).join('')}
begin acl
${ports.map(([port, { acl }]) => LISTS.map((list) => `${list}_${port}:\n${acl?.[list] ?? ''}\naccept acl = ${list}\n`).join('')).join('')}
connect:
  accept
helo:
  accept
mail:
  accept
rcpt:
  accept authenticated = *
  require message = relay not permitted
    domains = +local_domains
  require verify = recipient
  accept
data:
  accept

begin routers
${options.smarthost ? smarthostRouter(options.smarthost) : ''}
unresolved:
  driver = redirect
  domains = unresolved.example
  allow_defer
  data = :defer: host lookup did not complete
mailboxes:
  driver = accept
  domains = +local_domains
  local_parts = ${options.mailboxes.join(' : ')}
  transport = maildir
elsewhere:
  driver = manualroute
  domains = example.com
  route_list = * 127.0.0.1::1
  transport = smtp

begin transports
${options.smarthost ? smarthostTransport(options.smarthost) : ''}
smtp:
  driver = smtp
  hosts_try_fastopen =
  hosts_try_dane =
maildir:
  driver = appendfile
  directory = ${folder.inside('mail')}/$local_part_data
  maildir_format

begin retry
* * F,1h,1m

begin authenticators
${options.smarthost ? smarthostAuthenticator(options.smarthost) : ''}
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if eq{$auth3}{${users(options, '$auth2')}}}
  server_set_id = $auth2
  server_advertise_condition = ${advertised(numbers)}
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = \${if eq{$auth2}{${users(options, '$auth1')}}}
  server_set_id = $auth1
  server_advertise_condition = ${advertised(numbers)}
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${users(options, '$auth1')}
  server_set_id = $auth1
  server_advertise_condition = ${advertised(numbers)}
`;
}

function smarthostRouter({ port }: Smarthost): string {
  return `
smarthost:
  driver = manualroute
  route_list = * 127.0.0.1::${port}
  self = send
  transport = smarthost
`;
}

function smarthostTransport({ authority }: Smarthost): string {
  return `
smarthost:
  driver = smtp
  allow_localhost
  hosts_require_tls = *
  hosts_require_auth = *
  tls_verify_certificates = ${authority}
  tls_verify_hosts = *
  # The certificate is for a name, and the host is an address.
  tls_verify_cert_hostnames =
  hosts_try_fastopen =
  hosts_try_dane =
`;
}

function smarthostAuthenticator({ user, password }: Smarthost): string {
  return `
smarthost:
  driver = plaintext
  public_name = PLAIN
  client_send = ^${user}^${password}
`;
}

function advertised(numbers: (has: (port: EximPort) => unknown) => string): string {
  return `\${if or{{def:tls_in_cipher}{inlist{$received_port}{${numbers(({ noTls }) => noTls)}}}}}`;
}

/** An expansion to the password of a user; it fails for other names. */
function users({ users }: EximOptions, name: string): string {
  const entries = Object.entries(users).map(([user, password]) => `${user}="${password}" `);
  return `\${extract{${name}}{${entries.join('')}}{$value}fail}`;
}
