//! A data folder with keys and an administrator, which each worker makes once and copies.
//!
//! If each server made its own pair of keys for browsers, that would take a tenth of the processor time of all specs.

import { cpSync } from 'node:fs';
import { sendRequest } from './http.ts';
import { ADMIN, createAccount } from '../program/account.ts';
import { Postern } from '../program/postern.ts';
import { temporaryFolder } from '../temporary.ts';

export interface PreparedData {
  data: string;
  /** The token of the administrator. */
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
  const token = await createAccount(data, ADMIN, 'admin');
  const { status, text } = await sendRequest(postern.url, '/api/keys/browser');
  if (status !== 200) {
    throw new Error(`no key for browsers: ${status} ${text}`);
  }
  await postern.stop({ keepData: true });
  return { data, token };
}
