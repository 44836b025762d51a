//! HTML form posts with a browser's headers, without a browser.

import { type Answer, ask } from './http.ts';

export type Headers = Record<string, string>;

/** Posts a form with the headers of a same-origin page. */
export async function submit(
  base: string,
  path: string,
  fields: Record<string, string>,
  headers: Headers = {},
): Promise<Answer> {
  return ask(base, path, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'same-origin',
      ...headers,
    },
    body: new URLSearchParams(fields).toString(),
  });
}

/** The only cookie that a response sets: `name=value`, and its attributes sorted in lower case. */
export function cookie(answer: Answer): { pair: string; value: string; attributes: string[] } {
  const [set, ...more] = answer.headers['set-cookie'] ?? [];
  if (!set || more.length > 0) {
    throw new Error(`${answer.status} sets ${more.length + (set ? 1 : 0)} cookies`);
  }
  const [pair = '', ...attributes] = set.split(';').map((part) => part.trim());
  return {
    pair,
    value: pair.slice(pair.indexOf('=') + 1),
    attributes: attributes.map((attribute) => attribute.toLowerCase()).sort(),
  };
}

/** Signs in and returns the session cookie. */
export async function signIn(base: string, email: string, password: string, headers: Headers = {}): Promise<string> {
  const answer = await submit(base, '/login', { email, password }, headers);
  if (answer.status !== 303) {
    throw new Error(`${email} cannot sign in: ${answer.status}`);
  }
  return cookie(answer).pair;
}
