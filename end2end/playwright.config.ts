//! Playwright configuration; `cargo xtask test e2e` sets the paths of Postern and Chromium.

import { defineConfig } from '@playwright/test';

const isRoot = process.getuid?.() === 0;

export default defineConfig({
  testDir: './specs',
  outputDir: process.env.POSTERN_E2E_OUTPUT ?? '../target/end2end',
  // Each spec has a Postern and relays of its own.
  fullyParallel: true,
  workers: 2,
  forbidOnly: process.env.CI !== undefined,
  reporter: 'list',
  timeout: 60_000,
  // On a machine that is busy with other things; what is there is found at once.
  expect: { timeout: 15_000 },
  use: {
    actionTimeout: 15_000,
    // Without a film of every test, which would take longer than most.
    trace: { mode: 'retain-on-failure', screenshots: false },
    launchOptions: {
      executablePath: process.env.POSTERN_CHROMIUM ?? '/usr/bin/chromium',
      // Chromium refuses its sandbox to root.
      chromiumSandbox: !isRoot,
      args: [
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-gpu',
        '--disable-quic',
        '--disable-sync',
        '--no-first-run',
      ],
    },
  },
});
