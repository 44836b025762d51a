//! A minimal HTTP client: adds no headers or cookies and follows no redirects.

import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';

export interface RequestOptions {
  method?: string;
  headers?: OutgoingHttpHeaders;
  body?: string | Buffer;
  /** Aborts the request. */
  signal?: AbortSignal;
}

export interface HttpResponse {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** Sends a request for `path` at `base`, without normalising the path. */
export async function sendRequest(base: string, path: string, options: RequestOptions = {}): Promise<HttpResponse> {
  const { hostname, port } = new URL(base);
  const { method = 'GET', headers, body, signal } = options;
  const outgoing = request({ hostname, port, path, method, headers, signal });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk;
  }
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

/** Sends raw bytes and returns everything received until the end. */
export async function sendRaw(base: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(base);
  const socket = connect(Number(port), hostname);
  socket.write(Buffer.from(bytes, 'latin1'));
  let text = '';
  for await (const chunk of socket.setEncoding('latin1')) {
    text += chunk;
  }
  return text;
}
