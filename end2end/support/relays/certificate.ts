//! Test certificates, made by the openssl program.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { temporaryFolder } from '../temporary.ts';

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
  return createSelfSigned(names, ['-x509', '-days', '2']);
}

/** A test CA. A Postern trusts it when `SSL_CERT_FILE` names its `file`. */
export class CertificateAuthority {
  private readonly certificate: Certificate;

  constructor(name = 'Test Authority') {
    this.certificate = createSelfSigned([name], [
      ...['-x509', '-days', '2', '-addext', 'basicConstraints=critical,CA:TRUE'],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ]);
  }

  get file(): string {
    return this.certificate.file;
  }

  get cert(): string {
    return this.certificate.cert;
  }

  /** A server certificate for these names and addresses. */
  issue(...names: string[]): Certificate {
    return this.issueWith(names);
  }

  /** A certificate that deviates from a server certificate by `options`. */
  issueWith(names: string[], options: CertificateOptions = {}): Certificate {
    const folder = temporaryFolder('certificate');
    const [key, request, config, file] = ['key.pem', 'request.pem', 'config', 'cert.pem'].map((name) =>
      join(folder, name),
    ) as [string, string, string, string];
    const authorityKey = join(folder, 'authority.pem');
    writeFileSync(authorityKey, this.certificate.key);
    writeFileSync(join(folder, 'index.txt'), '');
    const extensions = [`subjectAltName=${subjectAltNames(names)}`, ...(options.extensions ?? ['extendedKeyUsage=serverAuth'])];
    writeFileSync(config, [
      ...['[ca]', 'default_ca=own', '[own]', `database=${join(folder, 'index.txt')}`, `new_certs_dir=${folder}`],
      ...['default_md=sha256', 'policy=any', 'rand_serial=yes', '[any]', 'commonName=supplied'],
      ...['[extensions]', ...extensions],
    ].join('\n'));
    openssl('req', '-new', ...KEY, '-subj', `/CN=${names[0]}`, '-keyout', key, '-out', request);
    openssl(
      ...['ca', '-batch', '-notext', '-config', config, '-in', request, '-out', file],
      ...['-cert', this.certificate.file, '-keyfile', authorityKey],
      ...['-startdate', opensslDate(options.from ?? -1), '-enddate', opensslDate(options.to ?? 2)],
      // Without extensions openssl writes version 1.
      ...(options.version1 ? [] : ['-extensions', 'extensions']),
    );
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(file, 'utf8'), file };
  }
}

/** How a certificate deviates. */
export interface CertificateOptions {
  /** Validity in days from today. */
  from?: number;
  to?: number;
  /** X.509 extensions instead of `extendedKeyUsage=serverAuth`, in openssl's syntax. */
  extensions?: string[];
  /** X.509 version 1, which has no extensions. */
  version1?: boolean;
}

/** A date in days from today, in openssl's format. */
function opensslDate(days: number): string {
  const at = new Date(Date.now() + days * 86_400_000);
  return `${at.toISOString().replace(/\D/g, '').slice(2, 14)}Z`;
}

/** P-256 keys: fast to generate, supported by every TLS stack. */
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function createSelfSigned(names: string[], options: string[]): Certificate {
  const folder = temporaryFolder('certificate');
  const key = join(folder, 'key.pem');
  const file = join(folder, 'cert.pem');
  openssl(
    ...['req', ...KEY, ...options, '-subj', `/CN=${names[0]}`],
    ...['-addext', `subjectAltName=${subjectAltNames(names)}`, '-keyout', key, '-out', file],
  );
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(file, 'utf8'), file };
}

function subjectAltNames(names: string[]): string {
  return names.map((name) => (isIP(name) ? `IP:${name}` : `DNS:${name.replaceAll(' ', '-')}`)).join(',');
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
