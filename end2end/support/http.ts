//! A minimal HTTP client: adds no headers or cookies and follows no redirects.

import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';

export interface Asked {
  method?: string;
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer;
  /** Aborts the request. */
  signal?: AbortSignal;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** Sends a request for `path` at `base`, without normalising the path. */
export async function ask(base: string, path: string, asked: Asked = {}): Promise<Answer> {
  const { hostname, port } = new URL(base);
  const { method = 'GET', headers, body, signal } = asked;
  const going = request({ hostname, port, path, method, headers, signal });
  going.end(body);
  const [answer] = (await once(going, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) {
    text += chunk;
  }
  return { status: answer.statusCode ?? 0, headers: answer.headers, text };
}

/** Sends raw bytes and returns everything received until the end. */
export async function raw(base: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(base);
  const socket = connect(Number(port), hostname);
  socket.write(Buffer.from(bytes, 'latin1'));
  let text = '';
  for await (const chunk of socket.setEncoding('latin1')) {
    text += chunk;
  }
  return text;
}
