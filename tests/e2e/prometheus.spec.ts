import { expect, Page, test } from '@playwright/test';
import { Prometheus } from './prometheus';
import {
  administratorsPage,
  authorization,
  dashboardUrl,
  grafanaUrl,
  metricsUrl,
  modelsIn,
  watchAnswers,
} from './stack';

const { host, pathname } = new URL(metricsUrl);

/** It scrapes the demo's Triton and names things as Prometheus does in Kubernetes. */
const prometheus = new Prometheus(`
global: { scrape_interval: 1s }
scrape_configs:
  - job_name: vision
    metrics_path: ${pathname}
    static_configs:
      - { targets: ['${host}'], labels: { namespace: kubernetes } }
`);

let page: Page;
let url: string;
let created: string;

test.describe.configure({ mode: 'serial' });
// All panels are in view, so all of them load.
test.use({ viewport: { width: 1600, height: 6000 } });

test.beforeAll(async ({ browser }) => {
  test.setTimeout(300_000); // the program is built, maybe for the first time
  url = await prometheus.start();
  page = await administratorsPage(browser);
  await page.setViewportSize({ width: 1600, height: 6000 });
});

test.afterAll(async ({ request }) => {
  await page.context().close();
  await prometheus.stop();
  if (created) {
    const response = await request.delete(`${grafanaUrl}/api/datasources/uid/${created}`, { headers: authorization });
    expect(response.ok(), await response.text()).toBe(true);
  }
});

function editor() {
  return page.goto(`/connections/datasources/edit/${created}`);
}

async function saveAndTest() {
  await page.getByRole('button', { name: 'Save & test' }).click();
}

test('a data source on a Prometheus that is there already finds the models that it scrapes', async () => {
  await page.goto('/connections/datasources/new');
  await page.getByRole('button', { name: /Model Serving/ }).click();
  await page.waitForURL(/\/edit\/[^/?]+/);
  created = /\/edit\/([^/?]+)/.exec(page.url())![1];
  await page.getByText('Prometheus-compatible', { exact: true }).click();
  await page.getByPlaceholder('http://prometheus:9090').fill(url);
  await page.getByLabel('Scrape interval').fill('1s');
  await expect(async () => {
    await saveAndTest();
    await expect(
      page.getByText(/Prometheus 3\.\S+ has 1\d models of NVIDIA Triton Inference Server/).first()
    ).toBeVisible({
      timeout: 10_000,
    });
  }).toPass({ timeout: 90_000 });
  // The labels show what they are called there, and what for.
  await expect(page.getByText(/kubernetes/).first()).toBeVisible();
  await page.reload();
  await expect(page.getByPlaceholder('http://prometheus:9090')).toHaveValue(url);
  await expect(page.getByLabel('Scrape interval')).toHaveValue('1s');
});

test('the dashboard shows what that Prometheus has', async () => {
  const answers = watchAnswers(page);
  await page.goto(`${dashboardUrl}?from=now-5m&to=now&var-datasource=${created}`);
  await expect.poll(() => modelsIn(answers).length, { timeout: 60_000 }).toBeGreaterThan(5);
  await expect(page.getByLabel('Panel loading bar')).toHaveCount(0);
  for (const { results } of answers) {
    for (const [refId, result] of Object.entries(results ?? {})) {
      expect(result.error, `query ${refId}: ${JSON.stringify(result).slice(0, 500)}`).toBeUndefined();
    }
  }
});

test('what is wrong with the server is said where one looks', async () => {
  await prometheus.stop();
  const answers = watchAnswers(page);
  await page.goto(`${dashboardUrl}?from=now-5m&to=now&var-datasource=${created}`);
  await expect(page.getByLabel('Panel status').first()).toBeVisible();
  await expect
    .poll(() => answers.flatMap(({ results }) => Object.values(results ?? {}).map(({ error }) => error)).join(' '))
    .toContain(`${new URL(url).host} refused the connection`);
  await editor();
  await saveAndTest();
  await expect(
    page
      .getByRole('alert')
      .filter({ hasText: /refused the connection/ })
      .first()
  ).toBeVisible();
});
