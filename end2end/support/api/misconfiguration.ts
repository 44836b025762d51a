//! A mistake in settings or a refusal of a relay, and what the diagnosis must report.

import { expect } from '@playwright/test';
import { type DiagnosisReport, type DiagnosisRequest, type Fields, type TestServer, fields } from './test-server.ts';

export interface Misconfiguration {
  data: () => Fields;
  request?: Omit<DiagnosisRequest, 'data'>;
  stage: string;
  /** By default the relay rejects a command. */
  fault?: unknown;
  /** Matches the server's reply, or the observation where there is none. */
  pattern: RegExp;
  /** The title of the cause. */
  cause: string;
  class?: string;
  /** The title of the second cause. */
  alternative?: string;
}

/** Correct settings for the ports of a mail server, without and with its sign-in, changed by `more`. */
export function settingsOf(host: string, credentials: { user: string; password: string }) {
  const settings = (port: number, more: Fields = {}): Fields => {
    const types: Record<number, string> = { 465: 'SSL', 587: 'TLS' };
    return fields({ port }, { smtp_host: host, smtp_connection_type: types[port] ?? 'None', ...more });
  };
  const { user, password } = credentials;
  const signIn = { smtp_username: user, smtp_password: password, smtp_authentication_type: 'Plain' };
  return { settings, authenticatedSettings: (port: number, more: Fields = {}) => settings(port, { ...signIn, ...more }) };
}

/** Runs a diagnosis with the password sealed. */
export async function diagnose(postern: TestServer, request: DiagnosisRequest): Promise<DiagnosisReport> {
  const { smtp_password: password } = request.data ?? {};
  const sealed = password === undefined ? {} : { smtp_password: await postern.sealed(String(password)) };
  return postern.diagnose({ ...request, data: { ...request.data, ...sealed } });
}

/** Runs the diagnosis of a misconfiguration and checks its report. */
export async function expectCause(postern: TestServer, misconfiguration: Misconfiguration): Promise<void> {
  expectReport(await diagnose(postern, { data: misconfiguration.data(), ...misconfiguration.request }), misconfiguration);
}

export function expectReport(report: DiagnosisReport, expected: Omit<Misconfiguration, 'data' | 'request'>): void {
  const { stage, fault = 'rejected', pattern, cause } = expected;
  expect(report.failure, JSON.stringify(report)).toMatchObject({ stage, fault });
  const states = report.steps.map((step) => `${step.stage} ${step.state}`);
  expect(states.slice(0, -1).filter((state) => !state.endsWith(' passed'))).toEqual([]);
  expect(states.at(-1)).toBe(`${stage} failed`);
  expect(report.not_reached).toContain('quit');
  const { reply, detail } = report.failure!;
  const text = reply ? `${reply.code} ${reply.text}` : detail;
  expect(text).toMatch(pattern);
  if (reply && !reply.text.includes('\n')) {
    expect(report.steps.at(-1)?.lines).toContainEqual({ from: 'relay', text });
  }
  expect(report.cause?.title, text).toBe(cause);
  expect(report.cause?.steps.length).toBeGreaterThan(0);
  if (expected.class) {
    expect(report.cause?.class, text).toBe(expected.class);
  }
  if (expected.alternative) {
    expect(report.cause?.alternative?.cause.title, text).toBe(expected.alternative);
  }
}
