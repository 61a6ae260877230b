import { defineConfig } from '@playwright/test';

/** What `go tool mage test` tells about the running stack. */
function required(name: string): string {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set: run the browser tests with go tool mage test, which starts what they need`);
  }
  return value;
}

export default defineConfig({
  testDir: 'tests/e2e',
  // The tests share one Grafana, and the machine also runs the model server.
  workers: 1,
  retries: 0,
  forbidOnly: true,
  timeout: 120_000,
  expect: { timeout: 30_000 },
  reporter: [['list'], ['json']],
  outputDir: 'test-results',
  use: {
    baseURL: required('GRAFANA_URL'),
    browserName: 'chromium',
    viewport: { width: 1600, height: 1200 },
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
    launchOptions: {
      // Empty where Playwright's own browser is installed.
      executablePath: process.env.CHROMIUM || undefined,
      // A sandbox needs user namespaces, which containers and root do not have; only pages of this stack are opened.
      args: [
        '--no-sandbox',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
      ],
    },
  },
});
