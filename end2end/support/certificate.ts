//! Test certificates, made by the openssl program.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { scratch } from './scratch.ts';

export interface Certificate {
  /** PEM. */
  key: string;
  /** PEM; what a server shows. */
  cert: string;
  /** The file of `cert`, for `SSL_CERT_FILE`. */
  file: string;
}

/** A certificate that vouches for itself, valid for the given names and addresses. */
export function selfSigned(...names: string[]): Certificate {
  return make(names, ['-x509', '-days', '2']);
}

/** An authority of the test's own. A Postern trusts it when `SSL_CERT_FILE` names its `file`. */
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

  /** A certificate for a server of the given names and addresses. */
  issue(...names: string[]): Certificate {
    return this.issueAs(names);
  }

  /** The same, of another kind than a server should have. */
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
      // Without an extension it becomes one of version 1.
      ...(wish.version1 ? [] : ['-extensions', 'extensions']),
    );
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(file, 'utf8'), file };
  }
}

/** What is odd about a certificate. */
export interface Wish {
  /** First and last day, counted from today. */
  from?: number;
  to?: number;
  /** Instead of saying that it is a server's, in openssl's words. */
  extensions?: string[];
  /** X.509 version 1: it says of itself nothing but its name. */
  version1?: boolean;
}

/** As openssl reads it. */
function moment(days: number): string {
  const at = new Date(Date.now() + days * 86_400_000);
  return `${at.toISOString().replace(/\D/g, '').slice(2, 14)}Z`;
}

/** Quick to make, and every TLS stack takes it. */
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
