//! Verifies DKIM signatures (RFC 6376, RFC 8463) of a mail as a relay received it.

import { type KeyObject, createHash, createPublicKey, verify } from 'node:crypto';

/** A signature in the header of a mail. */
export interface Signature {
  domain: string;
  selector: string;
  algorithm: string;
  /** The names of the signed fields, in lower case. */
  fields: string[];
  /** Why it is not valid. */
  fault: 'body' | 'header' | undefined;
}

/** The beginning of a SubjectPublicKeyInfo with an Ed25519 key (RFC 8410 section 4). */
const ED25519_INFO = Buffer.from('302a300506032b6570032100', 'hex');

/** Verifies the signatures of a mail, in their order, with the texts of TXT records by their selectors. */
export function signatures(raw: Buffer, records: Record<string, string>): Signature[] {
  // Octets are characters here.
  const mail = raw.toString('latin1');
  const end = mail.indexOf('\r\n\r\n');
  const fields = mail.slice(0, end).split(/\r\n(?![ \t])/);
  const body = mail.slice(end + 4);
  return fields.filter((field) => /^dkim-signature:/i.test(field)).map((field) => verifySignature(field, fields, body, records));
}

function verifySignature(field: string, fields: string[], body: string, records: Record<string, string>): Signature {
  const tags = parseTags(field.slice(field.indexOf(':') + 1));
  const tag = (name: string): string => {
    const value = tags.get(name);
    if (value === undefined) {
      throw new Error(`no tag ${name} in ${field}`);
    }
    return value;
  };
  const names = tag('h').toLowerCase().split(':');
  const found: Signature = { domain: tag('d'), selector: tag('s'), algorithm: tag('a'), fields: names, fault: undefined };
  if (tag('v') !== '1' || tag('c') !== 'relaxed/relaxed') {
    throw new Error(`another version or canonicalisation: ${field}`);
  }
  if (sha256(relaxedBody(body)).toString('base64') !== tag('bh')) {
    return { ...found, fault: 'body' };
  }
  // Several fields of a name are signed from the last to the first.
  const rest = [...fields];
  const signed = names.map((name) => {
    const at = rest.findLastIndex((one) => one.slice(0, one.indexOf(':')).toLowerCase() === name);
    return at < 0 ? '' : `${relaxedField(rest.splice(at, 1)[0] ?? '')}\r\n`;
  });
  const data = signed.join('') + relaxedField(field.replace(/([;\s]b=)[^;]*/, '$1'));
  const signature = Buffer.from(tag('b'), 'base64');
  return isSignedBy(records[found.selector] ?? '', found.algorithm, data, signature) ? found : { ...found, fault: 'header' };
}

function isSignedBy(record: string, algorithm: string, data: string, signature: Buffer): boolean {
  const tags = parseTags(record);
  const key = Buffer.from(tags.get('p') ?? '', 'base64');
  const octets = Buffer.from(data, 'latin1');
  switch (`${algorithm} ${tags.get('k') ?? 'rsa'}`) {
    case 'rsa-sha256 rsa':
      return verify('sha256', octets, publicKey(key), signature);
    case 'ed25519-sha256 ed25519':
      return verify(null, sha256(data), publicKey(Buffer.concat([ED25519_INFO, key])), signature);
    default:
      return false;
  }
}

function publicKey(key: Buffer): KeyObject {
  return createPublicKey({ key, format: 'der', type: 'spki' });
}

/** The tags of a signature or of a record, without spaces. */
function parseTags(text: string): Map<string, string> {
  const tags = text.split(';').map((tag) => tag.split(/=(.*)/s));
  return new Map(tags.map(([name, value]) => [(name ?? '').trim(), (value ?? '').replace(/\s/g, '')]));
}

function relaxedField(field: string): string {
  const at = field.indexOf(':');
  const value = field.slice(at + 1).replaceAll('\r\n', '').replace(/[ \t]+/g, ' ');
  return `${field.slice(0, at).toLowerCase()}:${value.trim()}`;
}

function relaxedBody(body: string): string {
  const lines = body.split('\r\n').map((line) => line.replace(/[ \t]+/g, ' ').replace(/ $/, ''));
  while (lines.at(-1) === '') {
    lines.pop();
  }
  return lines.map((line) => `${line}\r\n`).join('');
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(Buffer.from(text, 'latin1')).digest();
}
