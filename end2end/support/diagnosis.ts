//! What a diagnosis answers: `POST /api/diagnosis`.

import type { Console, Fields } from './console.ts';

export interface Line {
  from: 'postern' | 'relay';
  text: string;
}

export interface Certificate {
  subject: string;
  names: string[];
  not_after: string;
}

export interface Step {
  stage: string;
  state: 'running' | 'passed' | 'failed';
  handshake?: { version: string; cipher: string; chain: Certificate[]; verdict: string };
  lines?: Line[];
}

export interface Trace {
  relay: string;
  steps: Step[];
  not_reached: string[];
  encryption: string | null;
  outcome: 'passed' | 'sent' | 'failed';
  message_id?: string;
  failure?: { stage: string; fault: unknown; reply: { code: number; text: string } | null; detail: string };
  cause?: { title: string; steps: string[] } | null;
}

/** Beside the fields of the configuration. */
export interface Asked {
  to?: string;
  send?: boolean;
}

/** What one administrator may ask for in one minute. */
const A_MINUTE = { diagnoses: 12, mails: 6 };

/** Asks for diagnoses, each in the name of an administrator who may still ask for one. */
export class Clinic {
  private askers = 0;
  private token = '';
  private left = { diagnoses: 0, mails: 0 };

  constructor(private readonly postern: Console) {}

  /** A diagnosis of what is saved, changed by these fields. */
  async diagnose(data: Fields, asked: Asked = {}): Promise<Trace> {
    if (!this.left.diagnoses || (asked.send && !this.left.mails)) {
      this.askers += 1;
      this.token = await this.postern.account(`asker${this.askers}@example.org`, 'admin');
      this.left = { ...A_MINUTE };
    }
    this.left.diagnoses -= 1;
    this.left.mails -= asked.send ? 1 : 0;
    const answer = await this.postern.ask('/api/diagnosis', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.token}`,
        accept: 'application/json',
        'content-type': 'application/json',
      },
      body: JSON.stringify({ data, ...asked }),
    });
    const told = JSON.parse(answer.text);
    if (told.status !== 'success') {
      throw new Error(`${answer.status}: ${answer.text}`);
    }
    return told.data as Trace;
  }
}

/** The dialogue, in its order. */
export function dialogue(trace: Trace): Line[] {
  return trace.steps.flatMap((step) => step.lines ?? []);
}
