//! Dovecot: its submission service relays to Postfix, which uses its SASL socket.

import { chmodSync, mkdirSync } from 'node:fs';
import type { Certificate } from '../relays/certificate.ts';
import { Daemon, ServerFolder } from '../program/chroot.ts';

export interface DovecotOptions {
  /** The listening address: port 587 with StartTLS, port 465 with implicit TLS. */
  host: string;
  certificate: Certificate;
  users: Record<string, string>;
  /** The address of the Postfix that mail is relayed to, at port 25. */
  relay: string;
}

export class Dovecot {
  private constructor(
    private readonly daemon: Daemon,
    /** The SASL socket, by its path inside the chroot. */
    readonly auth: string,
  ) {}

  static async start(options: DovecotOptions): Promise<Dovecot> {
    const folder = new ServerFolder('dovecot');
    mkdirSync(folder.outside('home'));
    chmodSync(folder.outside('home'), 0o777);
    const config = folder.write('dovecot.conf', await configuration(folder, options));
    folder.write('log', '');
    const daemon = new Daemon('/usr/sbin/dovecot', ['-F', '-c', config], folder.outside('log'));
    await daemon.waitForLog(/starting up/);
    return new Dovecot(daemon, folder.inside('run', 'postfix'));
  }

  get log(): string {
    return this.daemon.log;
  }

  async stop(): Promise<void> {
    await this.daemon.stop();
  }
}

async function configuration(folder: ServerFolder, { host, certificate, users, relay }: DovecotOptions): Promise<string> {
  const lines = Object.entries(users).map(([user, password]) => `${user}:{PLAIN}${password}\n`);
  const files = {
    certificate: folder.write('cert.pem', certificate.cert),
    key: folder.write('key.pem', certificate.key),
    users: folder.write('users', lines.join('')),
    home: folder.inside('home'),
  };
  const dovecot = new Daemon('/usr/sbin/dovecot', ['--version']);
  await dovecot.exited;
  return `${dovecot.log.startsWith('2.3.') ? config23(files) : config24(files)}
base_dir = ${folder.inside('run')}
state_dir = ${folder.inside('state')}
log_path = ${folder.inside('log')}
protocols = submission
listen = ${host}
hostname = submission.example.net

ssl = required
auth_mechanisms = plain login cram-md5
# A wrong password causes no delay and no penalty.
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
first_valid_uid = 1

submission_relay_host = ${relay}
submission_relay_port = 25

service auth {
  unix_listener postfix {
    mode = 0666
  }
}
service submission-login {
  inet_listener submission {
    port = 587
  }
  inet_listener submissions {
    port = 465
    ssl = yes
  }
}
`;
}

interface Files {
  certificate: string;
  key: string;
  users: string;
  home: string;
}

/** The configuration for Debian 12. */
function config23({ certificate, key, users, home }: Files): string {
  return `
ssl_cert = <${certificate}
ssl_key = <${key}
passdb {
  driver = passwd-file
  args = ${users}
}
userdb {
  driver = static
  args = uid=mail gid=mail home=${home}
}
mail_location = maildir:~/mail
`;
}

/** The configuration for Debian 13, which must begin with its version. */
function config24({ certificate, key, users, home }: Files): string {
  return `
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
ssl_server_cert_file = ${certificate}
ssl_server_key_file = ${key}
passdb passwd-file {
  passwd_file_path = ${users}
}
userdb static {
  fields {
    uid = mail
    gid = mail
    home = ${home}
  }
}
mail_driver = maildir
mail_path = ~/mail
`;
}
