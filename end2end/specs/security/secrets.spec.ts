//! Secrets do not appear in the data folder, the log, the command line or the environment.

import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { CertificateAuthority } from '../../support/relays/certificate.ts';
import { postForm, signIn } from '../../support/api/forms.ts';
import { sendRequest } from '../../support/api/http.ts';
import { Relay } from '../../support/relays/relay.ts';
import { SETTINGS_PATH, TestServer, fields } from '../../support/api/test-server.ts';
import { temporaryFolder } from '../../support/temporary.ts';

/** Long and distinctive, so that a fragment is found too. */
const RELAY_PASSWORD = 'Zq7-Oachkatzlschwoaf-für-den-Versand-9xK';
const ACCOUNT_PASSWORD = 'Wv3-Eichhörnchenschweif-zum-Anmelden-8yL';
const WRONG_PASSWORD = 'Jt5-Strickleitersystem-vertippt-2mN';
const NEW_PASSWORD = 'Kb4-Donaudampfschifffahrt-danach-6pQ';
const RECIPIENT = 'very.private.person@example.net';

/** The encodings in which a secret could appear. */
function encodings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const plain = Buffer.from(`\0alerts\0${secret}`);
  return [
    secret,
    bytes.toString('latin1'),
    encodeURIComponent(secret),
    new URLSearchParams({ p: secret }).toString().slice(2),
    JSON.stringify(secret).slice(1, -1),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    plain.toString('base64'),
    bytes.toString('hex'),
    [...bytes].join(', '),
  ];
}

/** A name and its content. */
type NamedContent = [string, Buffer];

function readFiles(folder: string): NamedContent[] {
  return (readdirSync(folder, { recursive: true }) as string[])
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => [path, readFileSync(path)]);
}

function expectAbsent(secret: string, contents: NamedContent[]): void {
  for (const encoding of encodings(secret)) {
    for (const [name, bytes] of contents) {
      expect(bytes.includes(encoding), `${encoding.slice(0, 12)}… in ${name}`).toBe(false);
    }
  }
}

for (const { name, args, level } of [
  { name: 'a log for people', args: [], level: undefined },
  { name: 'a log for people that helps with faults', args: [], level: 'debug' },
  { name: 'a log in JSON at the level trace', args: ['--log', 'json'], level: 'trace' },
]) {
  test(`no secret is stored or logged in plaintext, with ${name}`, async () => {
    const authority = new CertificateAuthority();
    const relay = await Relay.start({
      tls: 'starttls',
      certificate: authority.issue('127.0.0.1'),
      auth: ['PLAIN', 'LOGIN', 'CRAM-MD5'],
      users: { alerts: RELAY_PASSWORD },
      authWithoutTls: true,
    });
    const postern = await TestServer.start({
      // A first start, which prints the link of the first administrator.
      data: temporaryFolder('data'),
      arguments: args,
      env: { SSL_CERT_FILE: authority.file, RUST_LOG: level },
    });
    const { url, pid, data } = postern.postern;

    // Accounts: command line and forms.
    const email = 'person@example.org';
    const create = ['account', 'create', email, '--role', 'admin'];
    expect((await postern.command(create, { input: ACCOUNT_PASSWORD })).code).toBe(0);
    const cookie = await signIn(url, email, ACCOUNT_PASSWORD);
    await expect(signIn(url, email, WRONG_PASSWORD)).rejects.toThrow('401');
    const change = { current: ACCOUNT_PASSWORD, new: NEW_PASSWORD };
    expect((await postForm(url, '/account/password', change, { cookie })).status).toBe(303);

    // The relay's password: saved, kept, used with every authentication type, refused.
    for (const type of ['Plain', 'Login', 'Cram_MD5']) {
      const form = fields(relay, {
        smtp_username: 'alerts',
        smtp_connection_type: 'TLS',
        smtp_authentication_type: type,
        smtp_password: await postern.sealed(RELAY_PASSWORD),
      });
      expect((await postern.save(form)).status).toBe(200);
      expect((await postern.test(RECIPIENT)).status).toBe(200);
      expect((await postern.command(['send-test', RECIPIENT])).code).toBe(0);
    }
    expect((await postern.save(fields(relay, { smtp_password: RELAY_PASSWORD }))).status).toBe(422);
    const wrong = { smtp_username: 'nobody', smtp_authentication_type: 'Plain', smtp_connection_type: 'TLS' };
    const sealed = await postern.sealed(RELAY_PASSWORD);
    expect((await postern.save(fields(relay, { ...wrong, smtp_password: sealed }))).status).toBe(200);
    const answers = [await postern.read(), await postern.test(RECIPIENT)];
    expect(answers[1]?.status).toBe(502);
    expect((await sendRequest(url, SETTINGS_PATH, { headers: { cookie } })).status).toBe(200);

    const process = ['cmdline', 'environ'].map((file): NamedContent => [file, readFileSync(`/proc/${pid}/${file}`)]);
    const running = readFiles(data);
    await postern.postern.stop({ keepData: true });
    await relay.stop();
    const log: NamedContent = ['the log', Buffer.from(postern.postern.output)];
    const contents = [...process, ...running, ...readFiles(data), log];
    contents.push(...answers.map((response): NamedContent => ['a response', Buffer.from(response.text)]));
    expect(() => expectAbsent(email, running), 'control: present text is found').toThrow();
    expect(() => expectAbsent('email_test/{address}', [log])).toThrow();
    for (const secret of [RELAY_PASSWORD, ACCOUNT_PASSWORD, WRONG_PASSWORD, NEW_PASSWORD]) {
      expectAbsent(secret, contents);
    }
    expectAbsent(postern.token, contents);
    expectAbsent(cookie.slice(cookie.indexOf('=') + 1), contents);
    const setup = new URL(postern.postern.link).searchParams.get('token') ?? '';
    expectAbsent(setup, [...process, ...running]);
    expectAbsent(RECIPIENT, [log]);
    expect(log[1].includes('very.private.person'), 'the local part is absent too').toBe(false);
    await postern.stop();
  });
}

test('a JSON log has one object per line and routes instead of paths', async () => {
  const postern = await TestServer.start({ data: temporaryFolder('data'), arguments: ['--log', 'json'] });
  const relay = await Relay.start();
  expect((await postern.save(fields(relay))).status).toBe(200);
  expect((await postern.test(RECIPIENT)).status).toBe(200);
  await postern.stop();
  await relay.stop();
  const lines = postern.postern.output.split('\n').filter((line) => line && !line.startsWith('Create the first'));
  const entries = lines.map((line) => JSON.parse(line));
  expect(entries.map((entry) => entry.fields.route)).toContain('/api/setup/email_test/{address}');
  for (const entry of entries) {
    expect(entry).toMatchObject({ timestamp: expect.any(String), level: expect.any(String) });
  }
});
