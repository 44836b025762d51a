//! A data folder with keys and an administrator, which each worker makes once and copies.
//!
//! The pair of keys that a first start makes for browsers takes a tenth of the processor time of all specs.

import { cpSync } from 'node:fs';
import { createAccount } from './account.ts';
import { Postern } from './postern.ts';
import { temporaryFolder } from '../temporary.ts';

export interface PreparedData {
  data: string;
  /** The token of admin@example.org. */
  token: string;
}

let prepared: Promise<PreparedData> | undefined;

/** Copies the prepared folder; the copy is removed by the server that uses it. */
export async function copyPreparedData(): Promise<PreparedData> {
  prepared ??= prepare();
  const { data, token } = await prepared;
  const copy = temporaryFolder('data');
  cpSync(data, copy, { recursive: true });
  return { data: copy, token };
}

async function prepare(): Promise<PreparedData> {
  const postern = await Postern.start();
  const { data } = postern;
  const token = await createAccount(data, 'admin@example.org', 'admin');
  const response = await fetch(`${postern.url}/api/keys/browser`);
  if (!response.ok) {
    throw new Error(`no key for browsers: ${response.status} ${await response.text()}`);
  }
  await postern.stop({ keepData: true });
  return { data, token };
}
