//! Seals a password with the JWE library jose.

import { CompactEncrypt, type CompactJWEHeaderParameters, type JWK, importJWK } from 'jose';

export interface BrowserKey extends JWK {
  kid: string;
}

/** A JWE for the key; `header` overrides the header parameters. */
export async function seal(
  key: BrowserKey,
  password: string | Uint8Array,
  header: Partial<CompactJWEHeaderParameters> = {},
): Promise<string> {
  const full = { alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: key.kid, ...header };
  const bytes = typeof password === 'string' ? new TextEncoder().encode(password) : password;
  const { alg: _, ...material } = key;
  return new CompactEncrypt(bytes).setProtectedHeader(full).encrypt(await importJWK(material, full.alg));
}
