//! A relay by the package smtp-server, with the mail it received.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerError, type SMTPServerSession } from 'smtp-server';
import { type Certificate, selfSigned } from './certificate.ts';
import { Queue } from '../queue.ts';

export type AuthMethod = 'PLAIN' | 'LOGIN' | 'CRAM-MD5';

export interface RelayOptions {
  /** `none`: no TLS; `starttls`: offered; `implicit`: from the first byte. */
  tls?: 'none' | 'starttls' | 'implicit';
  /** By default self-signed for 127.0.0.1 and localhost. */
  certificate?: Certificate;
  /** Offered authentication types; none: mail is accepted without authentication. */
  auth?: AuthMethod[];
  /** Passwords by user name. */
  users?: Record<string, string>;
  /** Offers AUTH on unencrypted connections too. */
  authWithoutTls?: boolean;
  /** Refuses a recipient with this code and text. */
  refuse?: (recipient: string) => { code: number; text: string } | undefined;
  /** The maximum message size in bytes. */
  size?: number;
  /** Offers DSN (RFC 3461). */
  dsn?: boolean;
  /** By default a free port. */
  port?: number;
  /** The listening address, by default 127.0.0.1. */
  host?: string;
}

export interface Attempt {
  method: string;
  user: string;
  /** The password as received; CRAM-MD5 does not transmit it. */
  password: string | undefined;
  encrypted: boolean;
  accepted: boolean;
}

export interface Received {
  from: string;
  to: string[];
  encrypted: boolean;
  /** The client's name in EHLO. */
  ehlo: string;
  user: string | undefined;
  /** The parameters of RFC 3461, those of the recipients in the order of `to`. */
  dsn: { ret: string | undefined; envid: string | undefined; recipients: RecipientDsn[] };
  raw: Buffer;
  mail: ParsedMail;
}

export interface RecipientDsn {
  notify: string[] | undefined;
  orcpt: string | undefined;
}

export class Relay {
  /** Mails accepted; `await relay.mails.next()` waits for one. */
  readonly mails = new Queue<Received>();
  readonly attempts = new Queue<Attempt>();
  /** Connections that were greeted, whatever their result. */
  readonly connections = new Queue<SMTPServerSession>();

  private constructor(
    private readonly server: SMTPServer,
    readonly host: string,
    readonly certificate: Certificate | undefined,
  ) {}

  static async start(options: RelayOptions = {}): Promise<Relay> {
    const tls = options.tls ?? 'none';
    const certificate = tls === 'none' ? undefined : (options.certificate ?? selfSigned('127.0.0.1', 'localhost'));
    const auth = options.auth ?? [];
    const server: SMTPServer = new SMTPServer({
      banner: 'relay of a test',
      secure: tls === 'implicit',
      key: certificate?.key,
      cert: certificate?.cert,
      authMethods: auth,
      authOptional: auth.length === 0,
      allowInsecureAuth: options.authWithoutTls ?? tls === 'none',
      disabledCommands: [...(auth.length ? [] : ['AUTH']), ...(tls === 'starttls' ? [] : ['STARTTLS'])],
      disableReverseLookup: true,
      size: options.size,
      hideDSN: !options.dsn,
      closeTimeout: 100,
      logger: false,
      onConnect(session, done) {
        relay.connections.push(session);
        done();
      },
      onAuth(request, session, done) {
        const user = request.username ?? '';
        const known = options.users?.[user];
        const accepted =
          known !== undefined &&
          (request.method === 'CRAM-MD5' ? request.validatePassword(known) : request.password === known);
        relay.attempts.push({
          method: request.method,
          user,
          password: request.password ?? undefined,
          encrypted: session.secure,
          accepted,
        });
        done(accepted ? null : smtpError(535, '5.7.8 Those are not the credentials'), { user });
      },
      onRcptTo(address, _session, done) {
        const refusal = options.refuse?.(address.address);
        done(refusal ? smtpError(refusal.code, refusal.text) : null);
      },
      onData(stream, session, done) {
        receive(stream, session).then(
          (received) => {
            relay.mails.push(received);
            done(null, '2.0.0 Taken');
          },
          (error: Error) => done(error),
        );
      },
    });
    // Some tests abort connections.
    server.on('error', () => {});
    const relay = new Relay(server, options.host ?? '127.0.0.1', certificate);
    server.listen(options.port ?? 0, relay.host);
    await once(server.server, 'listening');
    return relay;
  }

  get port(): number {
    return (this.server.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    await new Promise<void>((done) => this.server.close(done));
  }
}

async function receive(stream: AsyncIterable<Buffer>, session: SMTPServerSession): Promise<Received> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) {
    chunks.push(chunk);
  }
  const raw = Buffer.concat(chunks);
  const from = session.envelope.mailFrom;
  return {
    from: from ? from.address : '',
    to: session.envelope.rcptTo.map((recipient) => recipient.address),
    encrypted: session.secure,
    ehlo: session.hostNameAppearsAs,
    // smtp-server sets it to false after STARTTLS until authentication.
    user: (session.user as unknown as string) || undefined,
    dsn: {
      ret: session.envelope.dsn?.ret ?? undefined,
      envid: session.envelope.dsn?.envid ?? undefined,
      recipients: session.envelope.rcptTo.map(({ dsn }) => ({ notify: dsn?.notify, orcpt: dsn?.orcpt })),
    },
    raw,
    mail: await simpleParser(raw),
  };
}

function smtpError(code: number, text: string): SMTPServerError {
  return Object.assign(new Error(text), { responseCode: code });
}
