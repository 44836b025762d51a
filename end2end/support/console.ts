//! A Postern with an administrator, and a client of its REST API.

import { type Answer, type Asked, ask } from './http.ts';
import { Postern, type PosternOptions } from './postern.ts';
import { type Ended, type Given, postern } from './program.ts';
import { type BrowserKey, seal } from './sealing.ts';

/** The password of every account. */
export const PASSWORD = 'correct horse battery';

export const SETTINGS = '/api/setup/email_smtp';

/** Rate limits of one administrator: test mails and diagnoses a minute. */
const TESTS_A_MINUTE = 6;
const DIAGNOSES_A_MINUTE = 12;

/** The labels of the settings with their values, and the sealed password. */
export type Fields = Record<string, unknown>;

/** The JSON document of a diagnosis. */
export interface Trace {
  outcome: 'passed' | 'sent' | 'failed';
  steps: Step[];
  failure?: { stage: string; fault: unknown; reply: { code: number; text: string } | null; detail: string };
  cause?: { title: string; cause: string; steps: string[] } | null;
  [beside: string]: unknown;
}

export interface Step {
  stage: string;
  state: string;
  milliseconds: number;
  handshake?: { version: string; cipher: string; chain: { subject: string; names: string[]; not_after: string }[] };
  lines?: Line[];
}

/** A line of the SMTP dialogue. */
export interface Line {
  from: 'postern' | 'relay';
  text: string;
}

/** The request of a diagnosis: fields that override the saved ones, and its extent. */
export interface Question {
  data?: Fields;
  to?: string;
  send?: boolean;
}

/** A JSON response of the API. */
export interface Reply extends Answer {
  json: {
    status: 'success' | 'error';
    data: Record<string, string>;
    errors: Record<string, string>;
    [beside: string]: unknown;
  };
}

export class Console {
  private tester: { token: string; tests: number; diagnoses: number } | undefined;
  private testers = 0;
  private key: BrowserKey | undefined;

  private constructor(
    readonly postern: Postern,
    private readonly env: Given['env'],
    /** The token of admin@example.org. */
    readonly token: string,
  ) {}

  static async start(options: PosternOptions = {}): Promise<Console> {
    const served = await Postern.start(options);
    const token = await newToken(served, options.env, 'admin@example.org', 'admin');
    return new Console(served, options.env, token);
  }

  /** Starts again on the same data. */
  async again(options: Omit<PosternOptions, 'data'> = {}): Promise<Console> {
    const served = await Postern.start({ ...options, data: this.postern.data });
    return new Console(served, options.env, this.token);
  }

  /** Creates an account and returns a token of it. */
  async account(email: string, role: 'admin' | 'user'): Promise<string> {
    return newToken(this.postern, this.env, email, role);
  }

  /** Runs a command beside the server. */
  async command(args: string[], given: Given = {}): Promise<Ended> {
    return postern([...args, '--data', this.postern.data], { ...given, env: { ...this.env, ...given.env } });
  }

  /** Uses the administrator's token unless the headers authenticate. */
  async ask(path: string, asked: Asked = {}): Promise<Answer> {
    const named = asked.headers && ('authorization' in asked.headers || 'cookie' in asked.headers);
    const headers = { ...(named ? {} : { authorization: `Bearer ${this.token}` }), ...asked.headers };
    return ask(this.postern.url, path, { ...asked, headers });
  }

  async read(): Promise<Reply> {
    return reply(await this.ask(SETTINGS));
  }

  /** Posts a body as JSON. */
  async post(body: unknown, headers: Asked['headers'] = {}): Promise<Reply> {
    return reply(
      await this.ask(SETTINGS, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
    );
  }

  async save(fields: Fields, headers: Asked['headers'] = {}): Promise<Reply> {
    return this.post({ data: fields }, headers);
  }

  /** Sends a test mail as an administrator within the rate limit. */
  async test(recipient: string): Promise<Reply> {
    return this.testAs(await this.testerFor(1, 0), recipient);
  }

  /** Runs a diagnosis as an administrator within the rate limit. */
  async diagnose(question: Question = {}): Promise<Trace> {
    const token = await this.testerFor(question.send ? 1 : 0, 1);
    const { status, json, text } = await this.diagnoseAs(token, question);
    if (status !== 200) {
      throw new Error(`no diagnosis: ${status} ${text}`);
    }
    return json.data as unknown as Trace;
  }

  async diagnoseAs(token: string, question: Question): Promise<Reply> {
    const headers = {
      'accept': 'application/json',
      'authorization': `Bearer ${token}`,
      'content-type': 'application/json',
    };
    return reply(await this.ask('/api/diagnosis', { method: 'POST', headers, body: JSON.stringify(question) }));
  }

  /** The token of an administrator with so many test mails and diagnoses left. */
  private async testerFor(tests: number, diagnoses: number): Promise<string> {
    if (!this.tester || this.tester.tests < tests || this.tester.diagnoses < diagnoses) {
      this.testers += 1;
      const token = await this.account(`tester${this.testers}@example.org`, 'admin');
      this.tester = { token, tests: TESTS_A_MINUTE, diagnoses: DIAGNOSES_A_MINUTE };
    }
    this.tester.tests -= tests;
    this.tester.diagnoses -= diagnoses;
    return this.tester.token;
  }

  async testAs(token: string, recipient: string): Promise<Reply> {
    const path = `/api/setup/email_test/${encodeURIComponent(recipient)}`;
    return reply(await this.ask(path, { method: 'POST', headers: { authorization: `Bearer ${token}` } }));
  }

  /** The public key for sealing, read without authentication. */
  async browserKey(): Promise<BrowserKey> {
    this.key ??= JSON.parse((await ask(this.postern.url, '/api/keys/browser')).text) as BrowserKey;
    return this.key;
  }

  async sealed(password: string): Promise<string> {
    return seal(await this.browserKey(), password);
  }

  /** Fails if the program has panicked. */
  async stop(): Promise<void> {
    await this.postern.stop();
    if (this.postern.output.includes('panicked')) {
      throw new Error(this.postern.output);
    }
  }
}

async function newToken(served: Postern, env: Given['env'], email: string, role: string): Promise<string> {
  const place = ['--data', served.data];
  const created = await postern(['account', 'create', email, '--role', role, ...place], {
    env,
    input: `${PASSWORD}\n`,
  });
  const token = await postern(['token', 'create', '--account', email, '--name', 'test', ...place], { env });
  if (created.code !== 0 || token.code !== 0) {
    throw new Error(`no account for ${email}: ${created.stderr}${token.stderr}`);
  }
  return token.stdout.trim();
}

/** Parses a response that must be JSON. */
export function reply(answer: Answer): Reply {
  if (answer.headers['content-type'] !== 'application/json') {
    throw new Error(`${answer.status} came as ${answer.headers['content-type']}: ${answer.text}`);
  }
  return { ...answer, json: JSON.parse(answer.text) };
}

/** Valid settings without authentication. */
export function fields(relay: { port: number }, more: Fields = {}): Fields {
  return {
    from_address: 'alerts@example.org',
    smtp_username: '',
    smtp_host: '127.0.0.1',
    smtp_port: String(relay.port),
    smtp_connection_type: 'None',
    smtp_authentication_type: 'None',
    ...more,
  };
}
