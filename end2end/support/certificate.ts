//! Test certificates, made by the openssl program.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { scratch } from './scratch.ts';

export interface Certificate {
  /** PEM. */
  key: string;
  /** PEM: the certificate chain a server presents. */
  cert: string;
  /** The file of `cert`, for `SSL_CERT_FILE`. */
  file: string;
}

/** A self-signed certificate for these names and addresses. */
export function selfSigned(...names: string[]): Certificate {
  return make(names, ['-x509', '-days', '2']);
}

/** A test CA. A Postern trusts it when `SSL_CERT_FILE` names its `file`. */
export class Authority {
  private readonly own: Certificate;

  constructor(name = 'Test Authority') {
    this.own = make([name], [
      ...['-x509', '-days', '2', '-addext', 'basicConstraints=critical,CA:TRUE'],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ]);
  }

  get file(): string {
    return this.own.file;
  }

  get cert(): string {
    return this.own.cert;
  }

  /** A server certificate for these names and addresses. */
  issue(...names: string[]): Certificate {
    return this.issueAs(names);
  }

  /** A certificate that deviates from a server certificate by `wish`. */
  issueAs(names: string[], wish: Wish = {}): Certificate {
    const folder = scratch('certificate');
    const [key, request, config, file] = ['key.pem', 'request.pem', 'config', 'cert.pem'].map((name) =>
      join(folder, name),
    ) as [string, string, string, string];
    const authorityKey = join(folder, 'authority.pem');
    writeFileSync(authorityKey, this.own.key);
    writeFileSync(join(folder, 'index.txt'), '');
    const extensions = [`subjectAltName=${alternatives(names)}`, ...(wish.extensions ?? ['extendedKeyUsage=serverAuth'])];
    writeFileSync(config, [
      ...['[ca]', 'default_ca=own', '[own]', `database=${join(folder, 'index.txt')}`, `new_certs_dir=${folder}`],
      ...['default_md=sha256', 'policy=any', 'rand_serial=yes', '[any]', 'commonName=supplied'],
      ...['[extensions]', ...extensions],
    ].join('\n'));
    openssl('req', '-new', ...KEY, '-subj', `/CN=${names[0]}`, '-keyout', key, '-out', request);
    openssl(
      ...['ca', '-batch', '-notext', '-config', config, '-in', request, '-out', file],
      ...['-cert', this.own.file, '-keyfile', authorityKey],
      ...['-startdate', moment(wish.from ?? -1), '-enddate', moment(wish.to ?? 2)],
      // Without extensions openssl writes version 1.
      ...(wish.version1 ? [] : ['-extensions', 'extensions']),
    );
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(file, 'utf8'), file };
  }
}

/** How a certificate deviates. */
export interface Wish {
  /** Validity in days from today. */
  from?: number;
  to?: number;
  /** X.509 extensions instead of `extendedKeyUsage=serverAuth`, in openssl's syntax. */
  extensions?: string[];
  /** X.509 version 1, which has no extensions. */
  version1?: boolean;
}

/** A date in days from today, in openssl's format. */
function moment(days: number): string {
  const at = new Date(Date.now() + days * 86_400_000);
  return `${at.toISOString().replace(/\D/g, '').slice(2, 14)}Z`;
}

/** P-256 keys: fast to generate, supported by every TLS stack. */
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function make(names: string[], options: string[]): Certificate {
  const folder = scratch('certificate');
  const key = join(folder, 'key.pem');
  const file = join(folder, 'cert.pem');
  openssl(
    ...['req', ...KEY, ...options, '-subj', `/CN=${names[0]}`],
    ...['-addext', `subjectAltName=${alternatives(names)}`, '-keyout', key, '-out', file],
  );
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(file, 'utf8'), file };
}

function alternatives(names: string[]): string {
  return names.map((name) => (isIP(name) ? `IP:${name}` : `DNS:${name.replaceAll(' ', '-')}`)).join(',');
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
