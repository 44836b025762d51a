//! Submits messages over REST and reads their states.

import { expect } from '@playwright/test';
import { Console, type Reply, reply } from './console.ts';
import type { Asked } from './http.ts';
import { Relay } from './relay.ts';

export const SEND = '/api/messages/send-email';

/** The body of a submission. */
export type Mail = Record<string, unknown>;

/** The response of `GET /api/messages/{id}`. */
export interface Message {
  id: string;
  by: string;
  from: string;
  subject: string;
  message_id: string;
  kept: boolean;
  recipients: Recipient[];
}

export interface Recipient {
  address: string;
  state: string;
  leased: boolean;
  attempts: number;
  next_attempt: string | null;
  reply: string | null;
  timeline: { at: string; kind: string; by: string; reply: string; may_have_arrived: boolean }[];
}

/** A valid message, changed by `more`. */
export function mail(more: Mail = {}): Mail {
  return { from: 'alerts@example.org', to: 'desk@example.org', subject: 'Alarm', text: 'Fire.', ...more };
}

/** Messages with the subjects `name 0`, `name 1` and so on. */
export function mails(name: string, number: number, more: Mail = {}): Mail[] {
  return Array.from({ length: number }, (_, index) => mail({ subject: `${name} ${index}`, ...more }));
}

/** Submits a body as it is, or an object as JSON. */
export async function send(console: Console, body: unknown, headers: Asked['headers'] = {}): Promise<Reply> {
  return reply(
    await console.ask(SEND, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    }),
  );
}

/** Submits messages that must be accepted, and returns their ids. */
export async function accepted(console: Console, body: Mail | Mail[], headers: Asked['headers'] = {}): Promise<string[]> {
  const answer = await send(console, body, headers);
  expect(answer.status, answer.text).toBe(202);
  return Array.isArray(body) ? (answer.json.ids as string[]) : [answer.json.id as string];
}

export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}

export async function message(console: Console, id: string): Promise<Message> {
  const { data } = reply(await console.ask(`/api/messages/${id}`)).json;
  return data as unknown as Message;
}

/** The state of each recipient. */
export async function states(console: Console, id: string): Promise<string[]> {
  return (await message(console, id)).recipients.map((recipient) => recipient.state);
}

/** Resolves when the recipients have these states. */
export async function expectState(console: Console, id: string, ...expected: string[]): Promise<void> {
  await expect.poll(() => states(console, id)).toEqual(expected);
}

/** The message counts by state. */
export async function counts(console: Console): Promise<Record<string, number>> {
  const told = (await overview(console)).counts as Record<string, { number: number }>;
  return Object.fromEntries(Object.entries(told).map(([state, { number }]) => [state, number]));
}

/** Resolves when the counts match. */
export async function expectCounts(console: Console, expected: Record<string, number>): Promise<void> {
  await expect.poll(() => counts(console)).toMatchObject(expected);
}

/** Sends a request that must succeed. */
export async function done(console: Console, path: string, body?: unknown, method = 'POST'): Promise<Reply['json']> {
  const headers = { 'content-type': 'application/json' };
  const answer = reply(await console.ask(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) }));
  expect(answer.status, answer.text).toBe(200);
  return answer.json;
}

/** The reply of the relay by local part; other recipients are accepted. */
export type Moods = Record<string, { code: number; text: string }>;

/** A Postern without settings, and a relay. */
export async function begin(moods: Moods = {}): Promise<{ postern: Console; relay: Relay; stop: () => Promise<void> }> {
  const refuse = (recipient: string) => moods[recipient.split('@')[0] ?? ''];
  const [postern, relay] = await Promise.all([Console.start(), Relay.start({ refuse })]);
  const stop = async () => {
    await relay.stop();
    await postern.stop();
  };
  return { postern, relay, stop };
}

export async function overview(console: Console): Promise<Record<string, unknown>> {
  return reply(await console.ask('/api/outbox')).json.data;
}
