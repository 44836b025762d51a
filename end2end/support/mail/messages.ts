//! Submits messages over REST and reads their states.

import { expect } from '@playwright/test';
import type { RequestOptions } from '../api/http.ts';
import { Relay } from '../relays/relay.ts';
import { type ApiResponse, TestServer, parseResponse } from '../api/test-server.ts';

export const SEND = '/api/messages/send-email';

/** The milliseconds between two requests for a state: most states come within a tenth of a second. */
const INTERVALS = [20, 50, 100];

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
  open_tracking: { opens: number; first_opened_at: string | null; last_opened_at: string | null } | null;
}

export interface Recipient {
  address: string;
  state: string;
  leased: boolean;
  attempts: number;
  next_attempt: string | null;
  reply: string | null;
  timeline: DeliveryEvent[];
}

/** An attempt or an action. */
export interface DeliveryEvent {
  at: string;
  kind: string;
  by: string;
  relay: string | null;
  reason: string | null;
  reply: string;
  may_have_arrived: boolean;
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
export async function postMessage(server: TestServer, body: unknown, headers: RequestOptions['headers'] = {}): Promise<ApiResponse> {
  return parseResponse(
    await server.request(SEND, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    }),
  );
}

/** Submits messages that must be accepted, and returns their ids. */
export async function submit(server: TestServer, body: Mail | Mail[], headers: RequestOptions['headers'] = {}): Promise<string[]> {
  const response = await postMessage(server, body, headers);
  expect(response.status, response.text).toBe(202);
  return Array.isArray(body) ? (response.json.ids as string[]) : [response.json.id as string];
}

export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}

export async function message(server: TestServer, id: string): Promise<Message> {
  const { data } = parseResponse(await server.request(`/api/messages/${id}`)).json;
  return data as unknown as Message;
}

/** The state of each recipient. */
export async function states(server: TestServer, id: string): Promise<string[]> {
  return (await message(server, id)).recipients.map((recipient) => recipient.state);
}

/** Resolves when the recipients have these states. */
export async function expectState(server: TestServer, id: string, ...expected: string[]): Promise<void> {
  await expect.poll(() => states(server, id), { intervals: INTERVALS }).toEqual(expected);
}

/** The message counts by state. */
export async function counts(server: TestServer): Promise<Record<string, number>> {
  const body = (await overview(server)).counts as Record<string, { number: number }>;
  return Object.fromEntries(Object.entries(body).map(([state, { number }]) => [state, number]));
}

/** Resolves when the counts match. */
export async function expectCounts(server: TestServer, expected: Record<string, number>): Promise<void> {
  await expect.poll(() => counts(server), { intervals: INTERVALS }).toMatchObject(expected);
}

/** Sends a request that must succeed. */
export async function requestOk(server: TestServer, path: string, body?: unknown, method = 'POST'): Promise<ApiResponse['json']> {
  const headers = { 'content-type': 'application/json' };
  const response = parseResponse(await server.request(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) }));
  expect(response.status, response.text).toBe(200);
  return response.json;
}

/** Acts on all messages that match, of which there must be `number`. */
export async function actOnAll(server: TestServer, act: string, matching: Mail, number: number): Promise<void> {
  const counted = (await requestOk(server, '/api/messages/act', { act, matching })).data as unknown as { number: number; up_to: string };
  expect(counted.number).toBe(number);
  const confirmed = { act, matching, number, up_to: counted.up_to };
  expect((await requestOk(server, '/api/messages/act', confirmed)).data).toEqual({ number, up_to: null, done: true });
}

/** The reply of the relay by local part; other recipients are accepted. */
export type RecipientReplies = Record<string, { code: number; text: string }>;

/** A Postern without settings, and a relay. */
export async function startWithRelay(replies: RecipientReplies = {}): Promise<{ postern: TestServer; relay: Relay; stop: () => Promise<void> }> {
  const refuse = (recipient: string) => replies[recipient.split('@')[0] ?? ''];
  const [postern, relay] = await Promise.all([TestServer.start(), Relay.start({ refuse })]);
  const stop = async () => {
    await relay.stop();
    await postern.stop();
  };
  return { postern, relay, stop };
}

export async function overview(server: TestServer): Promise<Record<string, unknown>> {
  return parseResponse(await server.request('/api/outbox')).json.data;
}
