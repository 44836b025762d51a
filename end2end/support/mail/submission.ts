//! A Postern with SMTP submission, an account with a token, and the relay of its mail.

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect } from '@playwright/test';
import type { CertificateAuthority } from '../relays/certificate.ts';
import { Daemon, ServerFolder } from '../program/chroot.ts';
import { requestOk } from './messages.ts';
import { type Received, Relay, type RelayOptions } from '../relays/relay.ts';
import { withCertificate } from './submission-listener.ts';
import { TestServer, fields } from '../api/test-server.ts';

/** The address of the account. */
export const USER = 'app@example.org';

/** A server that another passes its mail on to, at 127.0.0.1 with STARTTLS and AUTH PLAIN. */
export interface Smarthost {
  port: number;
  user: string;
  password: string;
  /** The CA certificate of `localhost`, a path inside the chroot. */
  authority: string;
}

/** What the relay received. */
export interface Arrived {
  from: string;
  to: string[];
  subject: string | undefined;
  text: string | undefined;
  raw: string;
  dsn: Received['dsn'];
}

export class Submission {
  private constructor(
    readonly relay: Relay,
    readonly server: TestServer,
    /** A token of the account. */
    readonly token: string,
    readonly ports: { starttls: number; implicit: number },
    readonly authority: CertificateAuthority,
    /** Files for programs in the chroot: the certificate `authority.pem`, the socket `submit.sock`. */
    readonly folder: ServerFolder,
  ) {}

  static async start(options: RelayOptions = {}): Promise<Submission> {
    const relay = await Relay.start(options);
    const tls = withCertificate('127.0.0.1', 'localhost');
    const authority = tls.authority;
    const folder = new ServerFolder('clients');
    folder.write('authority.pem', authority.cert);
    const ports = { starttls: await freePort(), implicit: await freePort() };
    const server = await TestServer.start({
      arguments: [
        ...['--submission', `127.0.0.1:${ports.starttls}`, '--submissions', `127.0.0.1:${ports.implicit}`],
        ...['--submit-socket', folder.outside('submit.sock'), ...tls.arguments],
      ],
    });
    expect((await server.save(fields(relay))).status).toBe(200);
    return new Submission(relay, server, await server.createAccount(USER, 'user'), ports, authority, folder);
  }

  /** Runs a shell script in the chroot, as a user of the machine; `$0` is the folder. */
  async run(script: string, uid = 0): Promise<string> {
    const path = this.folder.inside();
    const users = ['--userspec', `${uid}:${uid}`];
    const environment = `export HOME=/tmp POSTERN_SUBMIT_SOCKET=${path}/submit.sock;`;
    const ended = new Daemon('/bin/sh', ['-c', `${environment} ${script}; echo "exit $?"`, path], undefined, undefined, users);
    await ended.exited;
    return ended.log;
  }

  /** The next mail at the relay. */
  async arrived(): Promise<Arrived> {
    const { from, to, mail, raw, dsn } = await this.relay.mails.next();
    return { from, to, subject: mail.subject, text: mail.text?.trim(), raw: raw.toString(), dsn };
  }

  /** How another mail server passes its mail on to Postern. */
  get smarthost(): Smarthost {
    const authority = this.folder.inside('authority.pem');
    return { port: this.ports.starttls, user: USER, password: this.token, authority };
  }

  /** Allows the account to send from a further address or domain. */
  async allowSender(address: string): Promise<void> {
    const accounts = (await requestOk(this.server, '/api/accounts', undefined, 'GET')).data as unknown as Array<{ id: string; email: string }>;
    const id = accounts.find(({ email }) => email === USER)?.id;
    await requestOk(this.server, `/api/accounts/${id}/senders`, { address });
  }

  /** Pauses or resumes delivery. */
  async pause(on: boolean): Promise<void> {
    await requestOk(this.server, '/api/outbox/pause', { on });
  }

  async stop(): Promise<void> {
    await Promise.all([this.relay.stop(), this.server.stop()]);
  }
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  return port;
}
