//! First administrator, login, logout and sessions as plain form posts over HTTP.

import { availableParallelism } from 'node:os';
import { expect, test } from '@playwright/test';
import { loopback } from '../../support/program/chroot.ts';
import { expectCommandFailure } from '../../support/program/command-failure.ts';
import { type Headers, cookie, deviceCookie, postForm, signIn } from '../../support/api/forms.ts';
import { type HttpResponse, sendRequest } from '../../support/api/http.ts';
import { Postern } from '../../support/program/postern.ts';
import { runPostern as run } from '../../support/program/program.ts';
import { PASSWORD, SETTINGS_PATH } from '../../support/api/test-server.ts';

test.describe.configure({ mode: 'default' });

const EMAIL = 'first@example.org';

let postern: Postern;
let url: string;
let networks = 0;

test.beforeAll(async () => {
  postern = await Postern.start({ env: { POSTERN_TRUSTED_PROXIES: '127.0.0.1' } });
  url = postern.url;
  await createAccount(postern.data, EMAIL);
});

test.afterAll(async () => {
  await postern?.stop();
  expect(postern?.output).not.toContain('panicked');
});

/** Headers of a network without failed logins. */
function newNetwork(): Headers {
  networks += 1;
  return { 'x-forwarded-for': `198.51.${networks}.7` };
}

/** The text of a page without markers and entities. */
function pageText(response: HttpResponse): string {
  return response.text.replaceAll(/<!--.*?-->|<!>/g, '').replaceAll('&#x27;', "'").replaceAll('&quot;', '"');
}

async function createAccount(data: string, email: string, role = 'admin'): Promise<void> {
  const created = await run(['account', 'create', email, '--role', role, '--data', data], { input: PASSWORD });
  expect(created.code, created.stderr).toBe(0);
}

test('a new link is printed while Postern runs, and ends the one before', async () => {
  const fresh = await Postern.start();
  const printed = await run(['setup-link', '--data', fresh.data, '--public-url', fresh.url]);
  expect(printed.code, printed.stderr).toBe(0);
  const link = new URL(printed.stdout.trim());
  expect(link.origin).toBe(fresh.url);
  const statuses = [];
  for (const { pathname, search } of [new URL(fresh.link), link]) {
    statuses.push((await sendRequest(fresh.url, pathname + search)).status);
  }
  expect(statuses).toEqual([403, 200]);
  await createAccount(fresh.data, EMAIL);
  expectCommandFailure(await run(['setup-link', '--data', fresh.data]), 1, /an account exists already/);
  expect(await fresh.stop()).toBe(0);
});

test('the printed link creates one administrator, once', async () => {
  const fresh = await Postern.start();
  const { url } = fresh;
  const link = new URL(fresh.link);
  const token = link.searchParams.get('token') ?? '';
  expect(link.pathname).toBe('/setup');
  expect(token).toMatch(/^[\w-]{43}$/);
  const page = await sendRequest(url, link.pathname + link.search);
  expect(page.status).toBe(200);
  expect(page.text).toContain('method="post"');
  const account = { token, email: EMAIL, password: PASSWORD };

  for (const [invalid, status, pattern] of [
    [{ ...account, token: `${token.slice(0, -1)}_` }, 403, /is not the newest/],
    [{ ...account, token: '' }, 403, /is not the newest/],
    [{ ...account, password: 'too short' }, 422, /12 to 128 characters/],
    [{ ...account, password: 'password12345' }, 422, /too easy to guess\. .*commonly used password/],
    [{ ...account, email: 'nobody' }, 422, /needs an @/],
    [{ ...account, email: '' }, 422, /address/],
  ] as const) {
    const refused = await postForm(url, '/setup', invalid);
    expect(refused.status).toBe(status);
    expect(refused.headers['set-cookie']).toBeUndefined();
    expect(pageText(refused)).toMatch(pattern);
    expect(refused.text).not.toContain(invalid.password);
  }

  const created = await postForm(url, '/setup', account);
  expect(created.status).toBe(303);
  expect(created.headers.location).toBe('/');
  const signedIn = { cookie: cookie(created).pair };
  expect((await sendRequest(url, SETTINGS_PATH, { headers: signedIn })).status).toBe(200);

  const second = await postForm(url, '/setup', { ...account, email: 'second@example.org' });
  expect(second.status).toBe(403);
  expect(pageText(second)).toMatch(/has been used/);
  const reopened = await sendRequest(url, link.pathname + link.search);
  expect(reopened.status).toBe(403);
  expect(pageText(reopened)).toMatch(/has been used/);
  expect(reopened.text).not.toContain('method="post"');
  await expect(signIn(url, 'second@example.org', PASSWORD)).rejects.toThrow('401');
  await fresh.stop();
});

test('no link is printed once an administrator exists', async () => {
  const other = await Postern.start();
  await other.stop({ keepData: true });
  await createAccount(other.data, EMAIL);
  const second = await Postern.start({ data: other.data });
  expect(second.link).toBe(`${second.url}/`);
  const token = new URL(other.link).searchParams.get('token') ?? '';
  expect((await postForm(second.url, '/setup', { token, email: 'x@example.org', password: PASSWORD })).status).toBe(403);
  await second.stop();
});

test('of concurrent uses of the link one creates an administrator', async () => {
  const fresh = await Postern.start();
  const token = new URL(fresh.link).searchParams.get('token') ?? '';
  const all = Array.from({ length: 8 }, (_, index) =>
    postForm(fresh.url, '/setup', { token, email: `a${index}@example.org`, password: PASSWORD }),
  );
  const statuses = (await Promise.all(all)).map((response) => response.status);
  expect(statuses.filter((status) => status === 303)).toHaveLength(1);
  expect(statuses.filter((status) => [403, 409].includes(status))).toHaveLength(7);
  await fresh.stop();
});

test('the cookie is HttpOnly and SameSite, and new with each sign-in', async () => {
  const planted = { cookie: 'postern=AAAAAAAAAAAAAAAAAAAAAA' };
  const first = cookie(await postForm(url, '/login', { email: EMAIL, password: PASSWORD }, { ...newNetwork(), ...planted }));
  expect(first.pair).toMatch(/^postern=[\w-]{22}$/);
  expect(first.value).not.toBe('AAAAAAAAAAAAAAAAAAAAAA');
  expect(first.attributes).toEqual(['httponly', 'path=/', 'samesite=lax']);
  const second = cookie(
    await postForm(url, '/login', { email: ' First@Example.ORG ', password: PASSWORD }, { ...newNetwork(), cookie: first.pair }),
  );
  expect(second.value).not.toBe(first.value);
  expect((await sendRequest(url, SETTINGS_PATH, { headers: { cookie: second.pair } })).status).toBe(200);
  expect((await sendRequest(url, SETTINGS_PATH, { headers: { cookie: first.pair } })).status, 'signing in again ends the previous session').toBe(401);
});

test('behind HTTPS the cookies are Secure and have the prefix __Host-', async () => {
  const publicUrl = 'https://mail.example.org';
  // With a public URL the port is not printed, so it must be chosen here.
  const listen = `${loopback()}:3000`;
  const secure = await Postern.start({ listen, env: { POSTERN_PUBLIC_URL: publicUrl } });
  const inside = `http://${listen}`;
  expect(secure.link).toMatch(/^https:\/\/mail\.example\.org\/setup\?token=/);
  await createAccount(secure.data, EMAIL);
  const headers = { host: 'mail.example.org', origin: publicUrl };
  const response = await postForm(inside, '/login', { email: EMAIL, password: PASSWORD }, headers);
  const set = cookie(response);
  expect(set.pair).toMatch(/^__Host-postern=/);
  expect(set.attributes).toEqual(['httponly', 'path=/', 'samesite=lax', 'secure']);
  const device = deviceCookie(response);
  expect(device.pair).toMatch(/^__Host-postern-device=/);
  expect(device.attributes).toEqual(expect.arrayContaining(['httponly', 'path=/', 'secure']));
  expect(response.headers['strict-transport-security']).toBe('max-age=31536000');
  expect((await sendRequest(inside, SETTINGS_PATH, { headers: { cookie: set.pair } })).status).toBe(200);
  expect((await sendRequest(inside, SETTINGS_PATH, { headers: { cookie: `postern=${set.value}` } })).status).toBe(401);
  await secure.stop();
});

test('signing out ends the session on the server', async () => {
  const pair = await signIn(url, EMAIL, PASSWORD, newNetwork());
  const out = await postForm(url, '/logout', {}, { cookie: pair });
  expect(out.status).toBe(303);
  expect(out.headers.location).toBe('/login');
  const cleared = cookie(out);
  expect(cleared.value).toBe('');
  expect(cleared.attributes).toContain('max-age=0');
  expect((await sendRequest(url, SETTINGS_PATH, { headers: { cookie: pair } })).status).toBe(401);
  expect((await postForm(url, '/logout', {}, { cookie: pair })).status, 'signing out twice is no error').toBe(303);
  expect((await sendRequest(url, '/logout')).status, 'a GET request does not sign out').toBe(405);
});

test('signing in leads back to the requested page', async () => {
  const newest = await sendRequest(url, '/account');
  expect(newest.status).toBe(303);
  const login = newest.headers.location ?? '';
  expect(login).toBe('/login?next=%2Faccount');
  const page = await sendRequest(url, login);
  const action = page.text.match(/<form[^>]*action="([^"]*)"/)?.[1]?.replaceAll('&amp;', '&') ?? '';
  const invalid = await postForm(url, action, { email: EMAIL, password: 'wrong password' }, newNetwork());
  expect(invalid.text, 'also after a failed sign-in').toContain(action);
  const right = await postForm(url, action, { email: EMAIL, password: PASSWORD }, newNetwork());
  expect(right.headers.location).toBe('/account');
  expect((await sendRequest(url, login, { headers: { cookie: cookie(right).pair } })).headers.location).toBe('/account');

  for (const target of ['//evil.example', '/\\evil.example', 'https://evil.example/', '/\t/evil.example', '/\r\nSet-Cookie: a=b', 'javascript:alert(1)', '']) {
    const path = `/login?next=${encodeURIComponent(target)}`;
    const response = await postForm(url, path, { email: EMAIL, password: PASSWORD }, newNetwork());
    expect(response.headers.location, target).toBe('/');
  }
});

test('a failed sign-in does not reveal whether the account exists', async () => {
  // Leptos repeats the nonce in the attribute crossorigin of its preloads.
  const withoutEmail = (response: HttpResponse, email: string) =>
    pageText(response).replaceAll(email, 'EMAIL').replaceAll(/(nonce|crossorigin)="[^"]*"/g, '');
  const network = newNetwork();
  const known = await postForm(url, '/login', { email: EMAIL, password: 'wrong password' }, network);
  const unknown = await postForm(url, '/login', { email: 'nobody@example.org', password: 'wrong password' }, network);
  expect([known.status, unknown.status]).toEqual([401, 401]);
  expect(withoutEmail(unknown, 'nobody@example.org')).toBe(withoutEmail(known, EMAIL));
  expect(pageText(known)).toContain('Address or password is wrong');
  expect(known.text, 'the address is filled in again').toContain(EMAIL);
  expect(known.text).not.toContain('wrong password');
  expect(known.headers['set-cookie']).toBeUndefined();
  for (const odd of ['', ' ', "' OR 1=1 --", '<script>alert(1)</script>', 'x'.repeat(3_000), '\u0000', EMAIL + '\n']) {
    const response = await postForm(url, '/login', { email: odd, password: odd }, newNetwork());
    expect([401, 422], odd.slice(0, 20)).toContain(response.status);
    expect(response.text).not.toContain('<script>alert');
  }
});

test('logins are delayed from the fifth failure on, per account and per network', async () => {
  await createAccount(postern.data, 'guessed@example.org');
  /** Failed logins before the first 429. On a slow machine the first delays pass unnoticed. */
  const failures = async (email: () => string, headers: () => Headers) => {
    for (let number = 0; ; number += 1) {
      const failed = await postForm(url, '/login', { email: email(), password: 'wrong password' }, headers());
      if (failed.status === 429) {
        return number;
      }
      expect(failed.status, `failure ${number + 1}`).toBe(401);
    }
  };
  const guessedEmail = () => 'guessed@example.org';
  await expect(async () => {
    expect(await failures(guessedEmail, newNetwork)).toBeGreaterThanOrEqual(5);
    const paused = await postForm(url, '/login', { email: guessedEmail(), password: PASSWORD }, newNetwork());
    expect(paused.status, 'the right password is delayed too').toBe(429);
    expect(pageText(paused)).toContain(`Try again in ${paused.headers['retry-after']} s`);
  }).toPass();
  await signIn(url, EMAIL, PASSWORD, newNetwork());

  let strangers = 0;
  const unknownEmail = () => `nobody${(strangers += 1)}@example.org`;
  const network = newNetwork();
  expect(await failures(unknownEmail, () => network)).toBeGreaterThanOrEqual(5);
  const neighbour = { 'x-forwarded-for': network['x-forwarded-for']?.replace(/7$/, '200') ?? '' };
  expect(await failures(unknownEmail, () => neighbour)).toBeLessThan(5);

  // The delay ends by itself; the account is not locked.
  await expect
    .poll(async () => (await postForm(url, '/login', { email: 'guessed@example.org', password: PASSWORD }, newNetwork())).status)
    .toBe(303);
});

test('guesses elsewhere do not keep out a browser that signed in before', async () => {
  await createAccount(postern.data, 'known@example.org');
  const signInForm = (password: string, headers: Headers) => postForm(url, '/login', { email: 'known@example.org', password }, headers);
  const home = newNetwork();
  const first = deviceCookie(await signInForm(PASSWORD, home));
  expect(first.pair).toMatch(/^postern-device=[\w.-]+$/);
  expect(first.attributes).toEqual(['httponly', 'max-age=7776000', 'path=/', 'samesite=strict']);
  await expect(async () => {
    expect((await signInForm('wrong password', newNetwork())).status).toBe(429);
  }).toPass();
  expect((await signInForm(PASSWORD, home)).status, 'without the cookie').toBe(429);
  const again = await signInForm(PASSWORD, { ...home, cookie: `a=b; ${first.pair}` });
  expect(again.status).toBe(303);
  expect(deviceCookie(again).pair).toMatch(/^postern-device=/);
  const session = cookie(again).pair;
  await signInForm('wrong password', newNetwork());
  const change = { current: PASSWORD, new: 'another password' };
  const changed = await postForm(url, '/account/password', change, { ...home, cookie: session });
  expect(changed.headers.location, 'nor out of its own session').toBe('/account');
});

test('guesses of a setup link are throttled', async () => {
  const fresh = await Postern.start();
  const statuses: number[] = [];
  for (let guess = 0; guess < 20; guess += 1) {
    const response = await postForm(fresh.url, '/setup', { token: 'guess', email: EMAIL, password: PASSWORD });
    statuses.push(response.status);
    if (response.status === 429) {
      expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
    }
  }
  expect(statuses.slice(0, 5)).toEqual([403, 403, 403, 403, 403]);
  expect(statuses).toContain(429);
  await fresh.stop();
});

test('concurrent logins are each counted', async () => {
  await createAccount(postern.data, 'flooded@example.org');
  const logins = Array.from({ length: 40 }, () =>
    postForm(url, '/login', { email: 'flooded@example.org', password: 'wrong password' }, newNetwork()),
  );
  const statuses = (await Promise.all(logins)).map((response) => response.status);
  const attempted = statuses.filter((status) => status === 401).length;
  // Two of an account wait to be hashed; others are refused at once.
  expect(attempted).toBeGreaterThanOrEqual(2);
  // On a slow machine delays of 1, 2 and 4 s may end meanwhile.
  const limit = 5 + availableParallelism() + 3;
  expect(attempted, 'at most the concurrent attempts').toBeLessThanOrEqual(limit);
  expect(statuses.filter((status) => status === 429)).toHaveLength(40 - attempted);
});

test('own sessions are listed, and each can be ended', async () => {
  await createAccount(postern.data, 'busy@example.org', 'user');
  const [desk, phone] = await Promise.all(
    ['Desk/1.0', 'Phone/2.0'].map((agent) => signIn(url, 'busy@example.org', PASSWORD, { ...newNetwork(), 'user-agent': agent })),
  );
  const otherSession = await signIn(url, EMAIL, PASSWORD, newNetwork());
  const page = async (session: string | undefined) => sendRequest(url, '/account', { headers: { cookie: session } });
  const listed = pageText(await page(desk));
  expect(listed).toContain('Desk/1.0');
  expect(listed).toContain('Phone/2.0');
  expect(listed).toContain(`198.51.${networks - 1}.7`);
  expect(listed.match(/This session/g)).toHaveLength(1);
  const ids = [...listed.matchAll(/name="id" value="([^"]+)"/g)].map((match) => match[1] ?? '');
  expect(ids, 'the current session has no button').toHaveLength(1);
  expect(desk).not.toContain(ids[0]);

  const end = (id: string, session: string | undefined) =>
    postForm(url, '/account/sessions/end', { id }, { cookie: session ?? '' });
  expect((await end(ids[0] ?? '', otherSession)).status, 'other accounts cannot end it').toBe(404);
  expect((await page(phone)).status).toBe(200);
  expect((await end(ids[0] ?? '', desk)).headers.location).toBe('/account');
  expect((await page(phone)).status).toBe(303);
  expect((await page(desk)).status).toBe(200);
  expect((await end(ids[0] ?? '', desk)).status).toBe(404);
  expect((await postForm(url, '/account/sessions/end', { id: 'x' })).status).toBe(401);
});

test('changing the password requires the old one and ends the other sessions', async () => {
  await createAccount(postern.data, 'careful@example.org');
  const [here, there] = await Promise.all([1, 2].map(() => signIn(url, 'careful@example.org', PASSWORD, newNetwork())));
  const change = (fields: Record<string, string>) => postForm(url, '/account/password', fields, { cookie: here ?? '' });
  const invalid = await change({ current: 'not it at all', new: 'another password' });
  expect(invalid.status).toBe(422);
  expect(pageText(invalid)).toContain('This is not your current password');
  const short = await change({ current: PASSWORD, new: 'short' });
  expect(short.status).toBe(422);
  expect(pageText(short)).toContain('12 to 128 characters');
  expect((await change({ current: PASSWORD, new: 'another password' })).headers.location).toBe('/account');
  expect((await sendRequest(url, SETTINGS_PATH, { headers: { cookie: here } })).status).toBe(200);
  expect((await sendRequest(url, SETTINGS_PATH, { headers: { cookie: there } })).status).toBe(401);
  await signIn(url, 'careful@example.org', 'another password', newNetwork());
});

test('a form posted from another site is refused', async () => {
  const pair = await signIn(url, EMAIL, PASSWORD, newNetwork());
  for (const path of ['/login', '/logout', '/setup', '/account/password', '/account/sessions/end']) {
    for (const site of ['cross-site', 'same-site', 'none']) {
      const response = await postForm(url, path, { email: EMAIL, password: PASSWORD }, { cookie: pair, 'sec-fetch-site': site });
      expect(response.status, `${path} from ${site}`).toBe(403);
      expect(response.headers['set-cookie']).toBeUndefined();
    }
  }
  expect((await sendRequest(url, SETTINGS_PATH, { headers: { cookie: pair } })).status).toBe(200);
});

test('a malformed form is refused', async () => {
  for (const [type, body, status] of [
    ['application/json', '{}', 415],
    ['text/plain', 'email=a', 415],
    ['application/x-www-form-urlencoded', 'email=%ff%fe&password=%zz', 401],
    ['application/x-www-form-urlencoded', 'email=a&email=b', 400],
    ['application/x-www-form-urlencoded', `password=${'x'.repeat(10_000)}`, 413],
  ] as const) {
    const headers = { 'content-type': type, 'sec-fetch-site': 'same-origin', ...newNetwork() };
    const response = await sendRequest(url, '/login', { method: 'POST', headers, body });
    expect(response.status, `${type} ${body.slice(0, 30)}`).toBe(status);
    expect(response.headers['content-type']).toMatch(/^text\/html/);
  }
});
