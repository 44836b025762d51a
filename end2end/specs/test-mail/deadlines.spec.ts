//! The overall deadlines of a test mail and of a diagnosis.

import type { Socket } from 'node:net';
import { expect, test } from '@playwright/test';
import { silentRelay, tcpRelay } from '../../support/relays/tcp-relay.ts';
import { TestServer, fields } from '../../support/api/test-server.ts';

/** Answers every command after 25 s. */
function replySlowly(socket: Socket): void {
  const writeLater = (line: string) => setTimeout(() => socket.destroyed || socket.write(line), 25_000);
  writeLater('220 relay.example.net ready\r\n');
  socket.on('data', () => writeLater('250 relay.example.net\r\n'));
}

test('a test mail and a diagnosis end after a minute', { tag: '@waits' }, async () => {
  test.setTimeout(120_000);
  const postern = await TestServer.start();
  const token = await postern.createAccount('patient@example.org', 'admin');
  const relays = [await silentRelay(), await tcpRelay(replySlowly)];
  const ends = [];
  const diagnoses = [];
  for (const relay of relays) {
    const saved = await postern.save(fields(relay, { smtp_command_timeout: '120' }));
    expect(saved.status, saved.text).toBe(200);
    const startedAt = Date.now();
    ends.push(postern.testAs(token, 'me@example.net').then((response) => ({ answer: response, seconds: (Date.now() - startedAt) / 1000 })));
    await relay.connections.next();
    const data = fields(relay, { smtp_command_timeout: '120' });
    diagnoses.push(postern.diagnose({ data }));
  }
  for (const { answer: response, seconds } of await Promise.all(ends)) {
    expect(response.status, response.text).toBe(504);
    expect(response.json.errors.email_send).toMatch(/longer than 60 s/);
    expect(seconds).toBeGreaterThan(59);
    expect(seconds).toBeLessThan(90);
  }
  for (const report of await Promise.all(diagnoses)) {
    expect(report).toMatchObject({ outcome: 'failed', failure: { fault: 'deadline' } });
    expect(report.cause?.title).toBe('The run took too long');
  }
  await postern.stop();
  await Promise.all(relays.map((relay) => relay.stop()));
});
