//! Verifies DKIM signatures with dkimpy, Debian's python3-dkim, which asks no DNS server here.

import { writeFileSync } from 'node:fs';
import { Daemon, ServerFolder } from '../program/chroot.ts';

/** A signature, as dkimpy reads it. */
export interface VerifiedSignature {
  domain: string;
  algorithm: string;
  valid: boolean;
}

const SCRIPT = `
import json, os, sys
import dkim

folder = sys.argv[1]
with open(os.path.join(folder, "records.json")) as file:
    RECORDS = json.load(file)

def txt(name, timeout=5):
    record = RECORDS.get(name.decode().rstrip("."))
    return record and record.encode()

def verify(message, index):
    mail = dkim.DKIM(message)
    try:
        valid = mail.verify(index, dnsfunc=txt)
    except dkim.ValidationError:
        valid = False
    fields = mail.signature_fields
    return {"domain": fields[b"d"].decode(), "algorithm": fields[b"a"].decode(), "valid": bool(valid)}

def signatures(message):
    names = [name.lower() for name, _ in dkim.DKIM(message).headers]
    return [verify(message, index) for index in range(names.count(b"dkim-signature"))]

results = []
for name in sys.argv[2:]:
    with open(os.path.join(folder, name), "rb") as file:
        results.append(signatures(file.read()))
print(json.dumps(results))
`;

/** The signatures of each mail. `records` are the texts of TXT records by their names. */
export async function dkimpy(mails: Buffer[], records: Record<string, string>): Promise<VerifiedSignature[][]> {
  const folder = new ServerFolder('dkimpy');
  const script = folder.write('verify.py', SCRIPT);
  folder.write('records.json', JSON.stringify(records));
  const names = mails.map((mail, index) => {
    writeFileSync(folder.outside(`${index}.eml`), mail);
    return `${index}.eml`;
  });
  const python = new Daemon('/usr/bin/python3', [script, folder.inside(), ...names]);
  await python.exited;
  try {
    return JSON.parse(python.log) as VerifiedSignature[][];
  } catch {
    throw new Error(`dkimpy failed: ${python.log}`);
  }
}
