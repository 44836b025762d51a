//! An address of this machine by which the specs are at another machine: it is not loopback.

import { networkInterfaces } from 'node:os';

/** The first IPv4 address that is neither loopback nor link-local, where there is one. A connection to it comes from it. */
export const OWN_ADDRESS: string | undefined = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal, address }) => family === 'IPv4' && !internal && !address.startsWith('169.254.'))?.address;

/** The reason to skip a test without it. */
export const NO_OWN_ADDRESS = 'this machine has no IPv4 address but loopback and link-local ones';
