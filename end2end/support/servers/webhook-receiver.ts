//! A receiver of webhooks over HTTPS, which verifies signatures by itself.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { type Server, createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { CertificateAuthority } from '../relays/certificate.ts';
import { Queue } from '../queue.ts';

/** A request as it arrived. */
export interface ReceivedEvent {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export class WebhookReceiver {
  readonly events = new Queue<ReceivedEvent>();
  /** The statuses of the next answers; 204 behind them. */
  readonly statuses: number[] = [];

  private constructor(private readonly server: Server) {}

  static async start(authority: CertificateAuthority): Promise<WebhookReceiver> {
    const { key, cert } = authority.issue('127.0.0.1');
    const server = createServer({ key, cert });
    const receiver = new WebhookReceiver(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = '', url: path = '', headers } = request;
        receiver.events.push({ method, path, headers, body: Buffer.concat(chunks).toString('utf8') });
        const status = receiver.statuses.shift() ?? 204;
        response.writeHead(status);
        response.end(status === 204 ? undefined : `answer ${status}`);
      });
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return receiver;
  }

  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `https://${this.host}/hooks?for=postern`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }
}

/** Whether an event is signed with this secret, by the Standard Webhooks specification. */
export function isSigned({ headers, body }: ReceivedEvent, secret: string): boolean {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const expected = createHmac('sha256', key).update(signed).digest();
  const [version, signature = ''] = String(headers['webhook-signature']).split(',');
  const given = Buffer.from(signature, 'base64');
  return version === 'v1' && given.length === expected.length && timingSafeEqual(given, expected);
}
