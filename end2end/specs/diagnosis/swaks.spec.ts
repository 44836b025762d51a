//! A diagnosis compared with swaks: same dialogue and TLS facts, without the secrets.

import { expect, test } from '@playwright/test';
import { CertificateAuthority } from '../../support/relays/certificate.ts';
import { Daemon, loopback, serversUnavailable } from '../../support/program/chroot.ts';
import { Dovecot } from '../../support/servers/dovecot.ts';
import { MAILBOX, OWNED, OWNER, Postfix } from '../../support/servers/postfix.ts';
import { type DiagnosisReport, type Line, TestServer, fields } from '../../support/api/test-server.ts';

test.skip(serversUnavailable() !== undefined, serversUnavailable());
test.describe.configure({ mode: 'default' });

const SECRET = 'open sesame';
const NAME = 'gate.example.org';

const [host, submission] = [loopback(), loopback()];
let postfix: Postfix;
let dovecot: Dovecot;
let postern: TestServer;

test.beforeAll(async () => {
  const authority = new CertificateAuthority();
  const users = { [OWNER]: SECRET };
  dovecot = await Dovecot.start({ host: submission, certificate: authority.issue(submission), users, relay: host });
  postfix = await Postfix.start({ host, certificate: authority.issue(host), auth: dovecot.auth });
  postern = await TestServer.start({ env: { SSL_CERT_FILE: authority.file } });
});

test.afterAll(async () => {
  await Promise.all([postfix?.stop(), dovecot?.stop(), postern?.stop()]);
});

const CONNECTION = { SSL: ['--tls-on-connect'], TLS: ['--tls'], None: ['--tls-optional'] };
const METHOD = { Plain: 'PLAIN', Login: 'LOGIN', Cram_MD5: 'CRAM-MD5' };

interface SwaksSession {
  server: () => string;
  port: number;
  connection: keyof typeof CONNECTION;
  authentication?: keyof typeof METHOD;
  password?: string;
  from?: string;
  to?: string;
}

const SESSIONS: Record<string, SwaksSession> = {
  'Postfix, StartTLS, PLAIN': { server: () => host, port: 587, connection: 'TLS', authentication: 'Plain' },
  'Postfix, TLS, LOGIN': { server: () => host, port: 465, connection: 'SSL', authentication: 'Login' },
  'Dovecot, StartTLS, CRAM-MD5': { server: () => submission, port: 587, connection: 'TLS', authentication: 'Cram_MD5' },
  'Postfix without a sign-in': { server: () => host, port: 25, connection: 'None' },
  'a wrong password': {
    ...{ server: () => host, port: 465, connection: 'SSL', authentication: 'Cram_MD5', password: `${SECRET}!` },
  },
  'a From address of another user': {
    ...{ server: () => host, port: 587, connection: 'TLS', authentication: 'Plain', from: 'ceo@example.org' },
  },
  'a recipient of another domain': { server: () => host, port: 25, connection: 'None', to: 'you@example.com' },
};

for (const [title, session] of Object.entries(SESSIONS)) {
  test(`swaks shows the same dialogue and TLS facts: ${title}`, async () => {
    const [output, report] = [await swaks(session), await diagnose(session)];
    expect(report.relay, output.text).toBe(output.peer);
    const handshake = report.steps.find((step) => step.handshake)?.handshake;
    expect(handshake, output.text).toMatchObject({ version: output.version, cipher: output.cipher });
    const certificate = handshake?.chain[0];
    expect(certificate?.subject, output.text).toBe(output.subject);
    // Only the swaks of Debian 13 and later prints these.
    expect(certificate?.names).toEqual(output.names ?? certificate?.names);
    expect(certificate?.not_after).toBe(output.until ?? certificate?.not_after);
    for (const side of ['postern', 'relay'] as const) {
      const lines = linesFrom(output.lines, side);
      expect(lines.length, output.text).toBeGreaterThanOrEqual(side === 'relay' ? 10 : 3);
      // Postern also sends RSET to abort the transaction.
      expect(linesFrom(report.steps.flatMap((step) => step.lines ?? []), side).slice(0, lines.length)).toEqual(lines);
    }
    const document = JSON.stringify(report);
    for (const secret of output.secrets) {
      expect(document).not.toContain(secret);
    }
    const secrets = { Plain: 1, Login: 2, Cram_MD5: 1, None: 0 }[session.authentication ?? 'None'];
    expect(output.secrets, output.text).toHaveLength(secrets);
  });
}

interface SwaksResult {
  text: string;
  peer: string;
  version: string;
  cipher: string;
  subject: string;
  names: string[] | undefined;
  until: string | undefined;
  lines: Line[];
  /** The credentials it sent. */
  secrets: string[];
}

async function swaks({ server, port, connection, authentication, password, from, to }: SwaksSession): Promise<SwaksResult> {
  const credentials = ['--auth', authentication ? METHOD[authentication] : '', '--auth-user', OWNER];
  const signIn = authentication ? [...credentials, '--auth-password', password ?? SECRET] : [];
  const program = new Daemon('/usr/bin/swaks', [
    ...['--server', server(), '--port', String(port), '--ehlo', NAME, '--quit-after', 'RCPT'],
    ...['--from', from ?? OWNED, '--to', to ?? MAILBOX, ...CONNECTION[connection], ...signIn],
  ]);
  await program.exited;
  const text = program.log;
  const [, version, cipher] = text.match(/=== TLS started with cipher (TLSv[0-9.]+):([^:]+):/) ?? [];
  const lines = text.split('\n').flatMap((line): Line[] => {
    const [, sent, received] = line.match(/^ [-~]> (.*)$|^<[-~*][ *] (.*)$/) ?? [];
    return [
      ...(sent === undefined ? [] : [{ from: 'postern' as const, text: sent }]),
      ...(received === undefined ? [] : [{ from: 'relay' as const, text: received }]),
    ];
  });
  return {
    text,
    peer: `${text.match(/=== Connected to (.*)\.$/m)?.[1]}:${text.match(/=== Trying .*:(\d+)\.\.\./)?.[1]}`,
    version: version?.replace('TLSv', 'TLS ') ?? '',
    cipher: cipher ?? '',
    subject: text.match(/=== TLS peer(?: DN=|\[0\] +subject=)["[]\/(.*?)["\]]/)?.[1]?.replaceAll('/', ', ') ?? '',
    names: text.match(/subjectAltName=\[(.*?)\]/)?.[1]?.split(', ').map((name) => name.replace(/^.*?:/, '')),
    until: text.match(/notAfter=\[(.*?)\]/)?.[1],
    ...redacted(lines),
  };
}

/** The dialogue as Postern redacts it, and the redacted values. */
function redacted(lines: Line[]): { lines: Line[]; secrets: string[] } {
  const secrets: string[] = [];
  let signingIn = false;
  const kept = lines.map((line): Line => {
    const { from, text } = line;
    if (from === 'relay') {
      signingIn &&= text.startsWith('334 ');
      return signingIn ? { from, text: '334 […]' } : line;
    }
    const [, command, argument] = text.match(/^(AUTH \S+)(?: (.+))?$/) ?? [];
    signingIn ||= command !== undefined;
    const secret = command ? argument : text;
    if (!signingIn || !secret) {
      return line;
    }
    secrets.push(secret);
    return { from, text: command ? `${command} […]` : '[…]' };
  });
  return { lines: kept, secrets };
}

/** The lines of one side, without QUIT and its reply. */
function linesFrom(lines: Line[], side: Line['from']): string[] {
  const texts = lines.filter((line) => line.from === side).map((line) => line.text);
  return texts.filter((text) => text !== 'QUIT' && !text.startsWith('221 '));
}

async function diagnose({ server, port, connection, authentication, password, from, to }: SwaksSession): Promise<DiagnosisReport> {
  const credentials = { smtp_username: OWNER, smtp_password: await postern.sealed(password ?? SECRET) };
  const data = fields(
    { port },
    {
      smtp_host: server(),
      smtp_connection_type: connection,
      smtp_ehlo_name: NAME,
      from_address: from ?? OWNED,
      ...(authentication ? { smtp_authentication_type: authentication, ...credentials } : {}),
    },
  );
  return postern.diagnose({ data, to: to ?? MAILBOX });
}
