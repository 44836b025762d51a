//! An authenticator app: time-based one-time passwords (RFC 6238) of a secret in Base32.

import { createHmac } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const STEP_MS = 30_000;

export class AuthenticatorApp {
  private readonly secret: Buffer;

  /** @param secret as a page shows it, in groups */
  constructor(secret: string) {
    const bits = [...secret.replaceAll(/\s/g, '')].map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, '0')).join('');
    this.secret = Buffer.from((bits.match(/.{8}/g) ?? []).map((octet) => Number.parseInt(octet, 2)));
  }

  /** The code that the app shows, with its clock so many steps ahead. Each counts once, in ascending order. */
  code(ahead = 0): string {
    const counter = Buffer.alloc(8);
    counter.writeBigInt64BE(BigInt(Math.floor(Date.now() / STEP_MS) + ahead));
    const hash = createHmac('sha1', this.secret).update(counter).digest();
    const word = hash.readUInt32BE((hash.at(-1) ?? 0) & 0xf) & 0x7fff_ffff;
    return String(word % 1_000_000).padStart(6, '0');
  }

  /** A code that is wrong now and in the steps around. */
  wrongCode(): string {
    const right = [-2, -1, 0, 1, 2].map((ahead) => this.code(ahead));
    return ['000000', '000001', '000002', '000003', '000004', '000005'].find((code) => !right.includes(code)) ?? '';
  }
}
