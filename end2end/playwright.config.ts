//! Playwright configuration; `cargo xtask test e2e` sets the paths of Postern and Chromium.

import { defineConfig } from '@playwright/test';

const isRoot = process.getuid?.() === 0;

/** The tag of tests that mostly wait for a time-out of Postern, and use hardly any CPU meanwhile. */
const WAITS = /@waits\b/;

export default defineConfig({
  testDir: './specs',
  outputDir: process.env.POSTERN_E2E_OUTPUT ?? '../target/end2end',
  // Each spec has a Postern and relays of its own.
  fullyParallel: true,
  // Two run specs on two processors, and the third waits beside them.
  workers: 3,
  projects: [
    { name: 'specs', grepInvert: WAITS, workers: 2 },
    { name: 'waiting', grep: WAITS, workers: 1 },
  ],
  forbidOnly: process.env.CI !== undefined,
  // A failed test is repeated for its trace. It counts as failed whatever the second run says.
  retries: 1,
  failOnFlakyTests: true,
  reporter: 'list',
  timeout: 60_000,
  // The machine may be busy. Assertions return as soon as they hold.
  expect: { timeout: 15_000 },
  use: {
    actionTimeout: 15_000,
    // A trace takes an eighth of a test's time, so only a repeated test has one.
    trace: { mode: 'on-first-retry', screenshots: false },
    // A cross-fade between pages delays every navigation.
    contextOptions: { reducedMotion: 'reduce' },
    launchOptions: {
      executablePath: process.env.POSTERN_CHROMIUM ?? '/usr/bin/chromium',
      // Chromium refuses its sandbox to root.
      chromiumSandbox: !isRoot,
      args: [
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-gpu',
        '--disable-quic',
        // With site isolation Chromium starts a spare process beside each page, which no test uses.
        '--disable-site-isolation-trials',
        '--disable-sync',
        '--no-first-run',
      ],
    },
  },
});
