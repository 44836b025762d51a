//! HTML form posts with a browser's headers, without a browser.

import { type HttpResponse, sendRequest } from './http.ts';

export type Headers = Record<string, string>;

/** Posts a form with the headers of a same-origin page. */
export async function postForm(
  base: string,
  path: string,
  fields: Record<string, string>,
  headers: Headers = {},
): Promise<HttpResponse> {
  return sendRequest(base, path, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'same-origin',
      ...headers,
    },
    body: new URLSearchParams(fields).toString(),
  });
}

export interface Cookie {
  /** `name=value` */
  pair: string;
  value: string;
  /** Sorted, in lower case. */
  attributes: string[];
}

/** The session cookie that a response sets. */
export function cookie(response: HttpResponse): Cookie {
  return theCookie(response, /^(__Host-)?postern=/);
}

/** The device cookie that a response sets. */
export function deviceCookie(response: HttpResponse): Cookie {
  return theCookie(response, /^(__Host-)?postern-device=/);
}

/** The only cookie of this name that a response sets. */
function theCookie(response: HttpResponse, name: RegExp): Cookie {
  const [header, ...more] = (response.headers['set-cookie'] ?? []).filter((header) => name.test(header));
  if (!header || more.length > 0) {
    throw new Error(`${response.status} sets ${more.length + (header ? 1 : 0)} cookies`);
  }
  const [pair = '', ...attributes] = header.split(';').map((part) => part.trim());
  return {
    pair,
    value: pair.slice(pair.indexOf('=') + 1),
    attributes: attributes.map((attribute) => attribute.toLowerCase()).sort(),
  };
}

/** Signs in and returns the session cookie. */
export async function signIn(base: string, email: string, password: string, headers: Headers = {}): Promise<string> {
  const response = await postForm(base, '/login', { email, password }, headers);
  if (response.status !== 303) {
    throw new Error(`${email} cannot sign in: ${response.status}`);
  }
  return cookie(response).pair;
}
