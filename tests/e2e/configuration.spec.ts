import { expect, Page, test } from '@playwright/test';
import { administratorsPage, authorization, grafanaUrl, metricsUrl, tritonUrl } from './stack';

let page: Page;
let created: string | undefined;

/** Opens the editor of a new data source and gives it one target. */
async function newDataSource(url: string) {
  await page.goto('/connections/datasources/new');
  await page.getByRole('button', { name: /Model Serving/ }).click();
  await page.waitForURL(/\/edit\/[^/?]+/);
  created = /\/edit\/([^/?]+)/.exec(page.url())![1];
  const target = page.getByLabel('Target 1 URL');
  const add = page.getByRole('button', { name: 'Add target' });
  await expect(add).toBeVisible();
  if (!(await target.isVisible())) {
    await add.click();
  }
  await target.fill(url);
  await page.getByLabel('Target 1 environment').fill('staging');
  await page.getByLabel('Target 1 deployment').fill('tried');
}

async function saveAndTest() {
  await page.getByRole('button', { name: 'Save & test' }).click();
}

test.beforeEach(async ({ browser }) => {
  created = undefined;
  page = await administratorsPage(browser);
});

test.afterEach(async ({ request }) => {
  await page.context().close();
  if (created) {
    const response = await request.delete(`${grafanaUrl}/api/datasources/uid/${created}`, { headers: authorization });
    expect(response.ok(), await response.text()).toBe(true);
  }
});

test('a new data source finds Triton, its version and its models', async () => {
  await newDataSource(metricsUrl);
  await page.getByLabel('Target 1 management URL').fill(tritonUrl);
  await saveAndTest();
  await expect(page.getByText(/NVIDIA Triton Inference Server 2\.51\.0 with 14 models/).first()).toBeVisible();
  await page.reload();
  await expect(page.getByLabel('Target 1 URL')).toHaveValue(metricsUrl);
  await expect(page.getByLabel('Target 1 deployment')).toHaveValue('tried');
});

for (const { name, url, reason } of [
  { name: 'nobody listens', url: 'http://127.0.0.1:1/metrics', reason: /refused/i },
  { name: 'the page is empty', url: `${metricsUrl}-elsewhere`, reason: /is empty/ },
  { name: 'the page is not there', url: `${grafanaUrl}/nowhere`, reason: /404/ },
  { name: 'the page is a web page', url: `${grafanaUrl}/login`, reason: /not with a metrics page/ },
]) {
  test(`a broken target shows its reason: ${name}`, async () => {
    await newDataSource(url);
    await saveAndTest();
    await expect(page.getByRole('alert').filter({ hasText: reason }).first()).toBeVisible();
    await expect(page.getByText(/1 target is up/)).toHaveCount(0);
  });
}
