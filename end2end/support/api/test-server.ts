//! A Postern process with an administrator, and a client of its REST API.

import { type HttpResponse, type RequestOptions, sendRequest } from './http.ts';
import { ADMIN, createAccount, PASSWORD } from '../program/account.ts';
import { Postern, type PosternOptions } from '../program/postern.ts';
import { type CommandOptions, type ExitedProcess, runPostern } from '../program/program.ts';
import { copyPreparedData } from './prepared-data.ts';
import { type BrowserKey, seal } from './sealing.ts';

export { PASSWORD };

export const SETTINGS_PATH = '/api/setup/email_smtp';

/** Rate limits of one administrator: test mails and diagnoses a minute. */
const TESTS_A_MINUTE = 6;
const DIAGNOSES_A_MINUTE = 12;

/** The labels of the settings with their values, and the sealed password. */
export type Fields = Record<string, unknown>;

/** The JSON document of a diagnosis. */
/** The cause of a failure, with what it was found by. */
export interface Cause {
  title: string;
  class: string;
  cause: string;
  steps: string[];
  by: 'words' | 'code' | 'fault';
  alternative: { cause: Omit<Cause, 'by' | 'alternative'>; distinguish: string } | null;
}

export interface DiagnosisReport {
  outcome: 'passed' | 'sent' | 'failed';
  steps: Step[];
  failure?: { stage: string; fault: unknown; reply: { code: number; text: string } | null; detail: string };
  cause?: Cause | null;
  [key: string]: unknown;
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
export interface DiagnosisRequest {
  data?: Fields;
  to?: string;
  send?: boolean;
}

/** A JSON response of the API. */
export interface ApiResponse extends HttpResponse {
  json: {
    status: 'success' | 'error';
    data: Record<string, string>;
    errors: Record<string, string>;
    [key: string]: unknown;
  };
}

export class TestServer {
  private tester: { token: string; tests: number; diagnoses: number } | undefined;
  private testers = 0;
  private key: BrowserKey | undefined;

  private constructor(
    readonly postern: Postern,
    /** How commands run beside the server. */
    private readonly environment: Pick<CommandOptions, 'env' | 'program'>,
    /** The token of admin@example.org. */
    readonly token: string,
  ) {}

  static async start(options: PosternOptions = {}): Promise<TestServer> {
    const { env, program } = options;
    // A given folder is for a first start, and another program may see other files or be another user.
    const prepared = options.data === undefined && program === undefined ? await copyPreparedData() : undefined;
    const process = await Postern.start({ ...options, data: prepared?.data ?? options.data });
    const token = prepared?.token ?? (await createAccount(process.data, ADMIN, 'admin', { env, program }));
    return new TestServer(process, { env, program }, token);
  }

  /** Starts again on the same data. */
  async restart(options: Omit<PosternOptions, 'data'> = {}): Promise<TestServer> {
    const process = await Postern.start({ ...options, data: this.postern.data });
    return new TestServer(process, { env: options.env, program: options.program }, this.token);
  }

  /** Creates an account and returns a token of it. */
  async createAccount(email: string, role: 'admin' | 'user'): Promise<string> {
    return createAccount(this.postern.data, email, role, this.environment);
  }

  /** Runs a command beside the server. */
  async command(args: string[], options: CommandOptions = {}): Promise<ExitedProcess> {
    const env = { ...this.environment.env, ...options.env };
    return runPostern([...args, '--data', this.postern.data], { ...this.environment, ...options, env });
  }

  /** Uses the administrator's token unless the headers authenticate. */
  async request(path: string, options: RequestOptions = {}): Promise<HttpResponse> {
    const authenticated = options.headers && ('authorization' in options.headers || 'cookie' in options.headers);
    const headers = { ...(authenticated ? {} : { authorization: `Bearer ${this.token}` }), ...options.headers };
    return sendRequest(this.postern.url, path, { ...options, headers });
  }

  async read(): Promise<ApiResponse> {
    return parseResponse(await this.request(SETTINGS_PATH));
  }

  /** Posts a body as JSON. */
  async post(body: unknown, headers: RequestOptions['headers'] = {}): Promise<ApiResponse> {
    return parseResponse(
      await this.request(SETTINGS_PATH, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
    );
  }

  async save(fields: Fields, headers: RequestOptions['headers'] = {}): Promise<ApiResponse> {
    return this.post({ data: fields }, headers);
  }

  /** Sends a test mail as an administrator within the rate limit. */
  async test(recipient: string): Promise<ApiResponse> {
    return this.testAs(await this.testerFor(1, 0), recipient);
  }

  /** Runs a diagnosis as an administrator within the rate limit. */
  async diagnose(request: DiagnosisRequest = {}): Promise<DiagnosisReport> {
    const token = await this.testerFor(request.send ? 1 : 0, 1);
    const { status, json, text } = await this.diagnoseAs(token, request);
    if (status !== 200) {
      throw new Error(`no diagnosis: ${status} ${text}`);
    }
    return json.data as unknown as DiagnosisReport;
  }

  async diagnoseAs(token: string, request: DiagnosisRequest): Promise<ApiResponse> {
    const headers = {
      'accept': 'application/json',
      'authorization': `Bearer ${token}`,
      'content-type': 'application/json',
    };
    return parseResponse(await this.request('/api/diagnosis', { method: 'POST', headers, body: JSON.stringify(request) }));
  }

  /** The token of an administrator with so many test mails and diagnoses left. */
  private async testerFor(tests: number, diagnoses: number): Promise<string> {
    if (!this.tester || this.tester.tests < tests || this.tester.diagnoses < diagnoses) {
      this.testers += 1;
      const token = await this.createAccount(`tester${this.testers}@example.org`, 'admin');
      this.tester = { token, tests: TESTS_A_MINUTE, diagnoses: DIAGNOSES_A_MINUTE };
    }
    this.tester.tests -= tests;
    this.tester.diagnoses -= diagnoses;
    return this.tester.token;
  }

  async testAs(token: string, recipient: string): Promise<ApiResponse> {
    const path = `/api/setup/email_test/${encodeURIComponent(recipient)}`;
    return parseResponse(await this.request(path, { method: 'POST', headers: { authorization: `Bearer ${token}` } }));
  }

  /** The public key for sealing, read without authentication. */
  async browserKey(): Promise<BrowserKey> {
    this.key ??= JSON.parse((await sendRequest(this.postern.url, '/api/keys/browser')).text) as BrowserKey;
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

/** Parses a response that must be JSON. */
export function parseResponse(response: HttpResponse): ApiResponse {
  if (response.headers['content-type'] !== 'application/json') {
    throw new Error(`${response.status} came as ${response.headers['content-type']}: ${response.text}`);
  }
  return { ...response, json: JSON.parse(response.text) };
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
