//! The overall deadlines of a test mail and of a diagnosis.

import type { Socket } from 'node:net';
import { expect, test } from '@playwright/test';
import { Console, fields } from '../support/console.ts';
import { scripted, silent } from '../support/hostile.ts';

/** Answers every command after 25 s. */
function slow(socket: Socket): void {
  const later = (line: string) => setTimeout(() => socket.destroyed || socket.write(line), 25_000);
  later('220 relay.example.net ready\r\n');
  socket.on('data', () => later('250 relay.example.net\r\n'));
}

test('it is over after a minute', async () => {
  test.setTimeout(120_000);
  const postern = await Console.start();
  const token = await postern.account('patient@example.org', 'admin');
  const relays = [await silent(), await scripted(slow)];
  const ends = [];
  const diagnoses = [];
  for (const relay of relays) {
    const saved = await postern.save(fields(relay, { smtp_command_timeout: '120' }));
    expect(saved.status, saved.text).toBe(200);
    const begun = Date.now();
    ends.push(postern.testAs(token, 'me@example.net').then((answer) => ({ answer, seconds: (Date.now() - begun) / 1000 })));
    await relay.connections.next();
    const data = fields(relay, { smtp_command_timeout: '120' });
    diagnoses.push(postern.diagnose({ data }));
  }
  for (const { answer, seconds } of await Promise.all(ends)) {
    expect(answer.status, answer.text).toBe(504);
    expect(answer.json.errors.email_send).toMatch(/longer than 60 s/);
    expect(seconds).toBeGreaterThan(59);
    expect(seconds).toBeLessThan(90);
  }
  for (const found of await Promise.all(diagnoses)) {
    expect(found).toMatchObject({ outcome: 'failed', failure: { fault: 'deadline' } });
    expect(found.cause?.title).toBe('The run took too long');
  }
  await postern.stop();
  await Promise.all(relays.map((relay) => relay.stop()));
});
