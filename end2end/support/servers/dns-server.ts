//! A DNS server over UDP (RFC 1035) that answers A, AAAA, MX and TXT queries from a table.

import { type Socket, createSocket } from 'node:dgram';
import { once } from 'node:events';

/** The data of records by their name and type, as in `'example.org MX': ['10 mx.example.org']`. */
export type DnsTable = Record<string, string[]>;

/** Data in the place of records whose queries fail. */
export const SERVFAIL = 'SERVFAIL';

/** The codes of the types, and their data as octets. */
const TYPES: Record<string, { code: number; encode: (data: string) => Buffer }> = {
  A: { code: 1, encode: (address) => Buffer.from(address.split('.').map(Number)) },
  MX: { code: 15, encode: exchange },
  TXT: { code: 16, encode: strings },
  AAAA: { code: 28, encode: ipv6 },
};

/** The codes of responses. */
const CODES = { noError: 0, servFail: 2, nxDomain: 3 };

/** A SOA record of the root. Its TTL and its minimum are 0, so that a resolver keeps no negative answer. */
const SOA = record(6, Buffer.alloc(22), Buffer.alloc(1));

export class DnsServer {
  /** What it answers; a test may change it at any time. */
  table: DnsTable = {};

  private constructor(
    private readonly socket: Socket,
    readonly address: string,
  ) {}

  /** Listens on port 53 of an address, which is for root. */
  static async start(address: string): Promise<DnsServer> {
    const socket = createSocket('udp4').bind(53, address);
    await once(socket, 'listening');
    const server = new DnsServer(socket, address);
    socket.on('message', (query, { address, port }) => socket.send(server.answer(query), port, address));
    return server;
  }

  async stop(): Promise<void> {
    await new Promise<void>((done) => this.socket.close(done));
  }

  /** The response to a query with one question (RFC 1035 section 4.1). */
  private answer(query: Buffer): Buffer {
    const [name, end] = readName(query);
    const code = query.readUInt16BE(end);
    const type = Object.keys(TYPES).find((type) => TYPES[type]?.code === code) ?? '';
    const data = this.table[`${name} ${type}`] ?? [];
    const fails = data.includes(SERVFAIL);
    const answers = fails ? [] : data.map((text) => record(code, TYPES[type]?.encode(text) ?? Buffer.alloc(0)));
    const authorities = fails || answers.length > 0 ? [] : [SOA];
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    // A response with authority that offers recursion, and the bit RD of the query.
    header.writeUInt16BE(0x8480 | (query.readUInt16BE(2) & 0x0100) | this.responseCode(name, fails), 2);
    [1, answers.length, authorities.length].forEach((count, index) => header.writeUInt16BE(count, 4 + 2 * index));
    return Buffer.concat([header, query.subarray(12, end + 4), ...answers, ...authorities]);
  }

  /** A name exists if it, or a name below it, has records (RFC 8020). */
  private responseCode(name: string, fails: boolean): number {
    const names = Object.keys(this.table).map((key) => key.split(' ')[0] ?? '');
    const exists = names.some((other) => `.${other}`.endsWith(`.${name}`));
    return fails ? CODES.servFail : exists ? CODES.noError : CODES.nxDomain;
  }
}

/** The name of the question, in lower case, and the position behind it. */
function readName(query: Buffer): [string, number] {
  const labels: string[] = [];
  let at = 12;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return [labels.join('.'), at + 1];
}

/** A record of class IN with a TTL of 0; by default of the name in the question (RFC 1035 section 4.1.4). */
function record(type: number, data: Buffer, owner = Buffer.from([0xc0, 12])): Buffer {
  const fields = Buffer.alloc(10);
  fields.writeUInt16BE(type, 0);
  fields.writeUInt16BE(1, 2);
  fields.writeUInt16BE(data.length, 8);
  return Buffer.concat([owner, fields, data]);
}

/** The data of MX, as in `10 mx.example.org`; `0 .` is a null MX. */
function exchange(text: string): Buffer {
  const [preference, host = ''] = text.split(' ');
  const labels = host.split('.').filter((label) => label !== '');
  const number = Buffer.alloc(2);
  number.writeUInt16BE(Number(preference));
  return Buffer.concat([number, ...labels.map(string), Buffer.alloc(1)]);
}

/** The data of TXT: strings of at most 255 octets. */
function strings(text: string): Buffer {
  return Buffer.concat((text.match(/.{1,255}/gs) ?? ['']).map(string));
}

/** A string or a label, behind its length. */
function string(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);
}

/** The octets of an IPv6 address. */
function ipv6(address: string): Buffer {
  const [first = [], last = []] = address.split('::').map((half) => half.split(':').filter(Boolean));
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  return Buffer.from([...first, ...zeros, ...last].map((group) => group.padStart(4, '0')).join(''), 'hex');
}
