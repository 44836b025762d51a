//! `postern import` of Postfix, msmtp and nullmailer: the next mail leaves through their relay.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { CertificateAuthority } from '../../support/relays/certificate.ts';
import { expectCommandFailure } from '../../support/program/command-failure.ts';
import { Relay } from '../../support/relays/relay.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { TestServer } from '../../support/api/test-server.ts';

test.describe.configure({ mode: 'default' });

const SECRET = 'hunter2:of the relay';

let authority: CertificateAuthority;
let postern: TestServer;
let relay: Relay;

test.beforeAll(async () => {
  authority = new CertificateAuthority();
  relay = await Relay.start({
    tls: 'starttls',
    certificate: authority.issue('127.0.0.1'),
    auth: ['PLAIN', 'LOGIN'],
    users: { alerts: SECRET },
  });
  postern = await TestServer.start({ env: { SSL_CERT_FILE: authority.file } });
});

test.afterAll(async () => {
  await postern?.stop();
  await relay?.stop();
});

/** A folder with these files. */
function folder(files: Record<string, string>): string {
  const path = temporaryFolder('mailer');
  for (const [name, lines] of Object.entries(files)) {
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, name), lines);
  }
  return path;
}

/** The arguments that import each program's settings of the relay. */
function programs(): Array<[string, string[]]> {
  const postfix = folder({
    'main.cf': [
      `relayhost = [127.0.0.1]:${relay.port}`,
      'smtp_tls_security_level = encrypt',
      'smtp_sasl_auth_enable = yes',
      'smtp_sasl_password_maps = hash:/etc/nowhere/sasl_passwd',
      '',
    ].join('\n'),
    'sasl_passwd': `[127.0.0.1]:${relay.port} alerts:${SECRET}\n`,
  });
  const msmtp = folder({
    msmtprc: [
      'defaults',
      'tls on',
      'auth login',
      'account work',
      'host 127.0.0.1',
      `port ${relay.port}`,
      'from alerts@example.org',
      'user alerts',
      `password "${SECRET}"`,
      'account default : work',
      '',
    ].join('\n'),
  });
  const nullmailer = folder({
    remotes: `127.0.0.1 smtp --port=${relay.port} --starttls --user=alerts --pass='${SECRET}'\n`,
    allmailfrom: 'alerts@example.org\n',
  });
  return [
    ['Postfix', ['--postfix', postfix, '--from', 'alerts@example.org']],
    ['msmtp', ['--msmtp', join(msmtp, 'msmtprc')]],
    ['nullmailer', ['--nullmailer', nullmailer]],
  ];
}

test('each program is imported, and its password is used and not shown', async () => {
  for (const [program, args] of programs()) {
    const imported = await postern.command(['import', ...args, '--yes']);
    expect(imported, `${program}: ${imported.stderr}`).toMatchObject({ code: 0 });
    expect(imported.stdout, program).toContain('Connection Type: TLS');
    expect(imported.stdout + imported.stderr, program).not.toContain('hunter2');
    const sent = await postern.command(['send-test', 'desk@example.org']);
    expect(sent, `${program}: ${sent.stdout}`).toMatchObject({ code: 0 });
    const attempt = await relay.attempts.next();
    expect(attempt, program).toMatchObject({ user: 'alerts', password: SECRET, encrypted: true });
    expect(attempt.method, program).toBe(program === 'msmtp' ? 'LOGIN' : 'PLAIN');
  }
});

test('what has no relay is refused in one line', async () => {
  const direct = folder({ 'main.cf': 'myhostname = gate.example.org\n' });
  const refused = await postern.command(['import', '--postfix', direct, '--yes']);
  expectCommandFailure(refused, 1, /main\.cf has no relayhost/);
  const both = await postern.command(['import', '--postfix', direct, '--nullmailer', direct]);
  expectCommandFailure(both, 2, /cannot be used with/);
  const missing = await postern.command(['import', '--nullmailer', direct]);
  expectCommandFailure(missing, 1, /cannot read .*remotes/);
});
