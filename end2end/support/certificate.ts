//! Certificates made on the fly, with the openssl program.

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
  private readonly own = make(['Test Authority'], [
    ...['-x509', '-days', '2', '-addext', 'basicConstraints=critical,CA:TRUE'],
    ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
  ]);

  get file(): string {
    return this.own.file;
  }

  get cert(): string {
    return this.own.cert;
  }

  /** A certificate for a server of the given names and addresses. */
  issue(...names: string[]): Certificate {
    return this.sign(names, ['-days', '2']);
  }

  /** The same, out of date for years. */
  issueExpired(...names: string[]): Certificate {
    return this.sign(names, ['-startdate', '20200101000000Z', '-enddate', '20200201000000Z']);
  }

  private sign(names: string[], validity: string[]): Certificate {
    const folder = scratch('certificate');
    const [key, request, file] = ['key.pem', 'request.pem', 'cert.pem'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const write = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    openssl('req', '-new', ...KEY, '-subj', `/CN=${names[0]}`, '-keyout', key, '-out', request);
    openssl(
      ...['ca', '-batch', '-notext', ...validity, '-in', request, '-out', file],
      ...['-extfile', write('extensions', `subjectAltName=${alternatives(names)}\nextendedKeyUsage=serverAuth\n`)],
      ...['-config', write('config', settings(write('index', ''), folder))],
      ...['-cert', this.own.file, '-keyfile', write('authority.pem', this.own.key)],
    );
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(file, 'utf8'), file };
  }
}

/** What openssl wants to know of an authority. */
function settings(index: string, folder: string): string {
  return `[ca]
default_ca = authority
[authority]
database = ${index}
new_certs_dir = ${folder}
default_md = sha256
rand_serial = yes
policy = any
[any]
commonName = supplied
`;
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
