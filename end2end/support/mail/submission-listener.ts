//! The SMTP listener of a Postern: arguments, certificate, address and clients.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@playwright/test';
import { CertificateAuthority } from '../relays/certificate.ts';
import { requestOk } from './messages.ts';
import { SmtpClient } from './smtp-client.ts';
import { temporaryFolder } from '../temporary.ts';
import type { TestServer } from '../api/test-server.ts';

/** The reply to a mail that is on disk, with its id. */
export const ON_DISK = /^250 2\.0\.0 Queued as (\S+)\r\n$/;

/** A CA, and the arguments of listeners with a certificate of it for these names and addresses. */
export function withCertificate(...names: string[]): { authority: CertificateAuthority; arguments: string[] } {
  const authority = new CertificateAuthority();
  const certificate = authority.issue(...names);
  const key = join(temporaryFolder('key'), 'key.pem');
  writeFileSync(key, certificate.key, { mode: 0o600 });
  return { authority, arguments: ['--submission-cert', certificate.file, '--submission-key', key] };
}

/** Connects a client, which introduces itself, to the listener of `--submission`. Returns the reply to EHLO, too. */
export async function greeted(server: TestServer): Promise<{ client: SmtpClient; capabilities: string }> {
  await server.postern.waitForOutput('accepting mail over SMTP');
  const { open } = (await requestOk(server, '/api/interfaces', undefined, 'GET')).data as unknown as { open: Interface[] };
  const { hostname, port } = new URL(`smtp://${open.find(({ kind }) => kind === 'submission')?.address}`);
  const client = await SmtpClient.connect(hostname, Number(port));
  expect(await client.reply()).toMatch(/^220 /);
  return { client, capabilities: await client.ask('EHLO app.test') };
}

interface Interface {
  kind: string;
  /** IP address and port. */
  address: string;
}

/** The command that signs an account in by a token of it. */
export function authPlain(email: string, token: string): string {
  return `AUTH PLAIN ${Buffer.from(`\0${email}\0${token}`).toString('base64')}`;
}

/** The id of a mail by the reply to it. */
export function idOf(reply: string): string {
  expect(reply).toMatch(ON_DISK);
  return reply.match(ON_DISK)?.[1] ?? '';
}
