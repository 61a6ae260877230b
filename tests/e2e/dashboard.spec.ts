import { expect, Page, test } from '@playwright/test';
import {
  administratorsPage,
  authorization,
  dashboardUrl,
  dataSourceUid,
  grafanaUrl,
  modelsIn,
  watchAnswers,
} from './stack';

function variableValue(page: Page, label: string) {
  return page
    .getByTestId('data-testid template variable')
    .filter({ has: page.getByTestId(`data-testid Dashboard template variables submenu Label ${label}`) })
    .getByRole('button');
}

/** Opens a variable's list and answers what it offers. */
async function offered(page: Page, label: string): Promise<string[]> {
  await variableValue(page, label).click();
  const options = page.getByTestId(/^data-testid Dashboard template variables Variable Value DropDown option text /);
  await expect(options.first()).toBeVisible();
  return options.allTextContents();
}

async function choose(page: Page, value: string) {
  await page
    .getByTestId(`data-testid Dashboard template variables Variable Value DropDown option text ${value}`)
    .click();
  // The choice takes effect when the list closes, which a click elsewhere does.
  await page
    .getByTestId(/^data-testid Panel header /)
    .first()
    .click();
}

test.use({ viewport: { width: 1600, height: 6000 } }); // all panels are in view, so all of them load

test('a viewer opens the dashboard and every panel answers', async ({ page }) => {
  const answers = watchAnswers(page);
  await page.goto(`${dashboardUrl}?from=now-5m&to=now&refresh=1h`);
  const panels = page.getByTestId(/^data-testid Panel header /);
  await expect(panels.first()).toBeVisible();
  await expect.poll(() => modelsIn(answers).length).toBeGreaterThan(5);
  await expect(page.getByLabel('Panel loading bar')).toHaveCount(0, { timeout: 90_000 });
  expect(await panels.count()).toBeGreaterThan(10);
  for (const { results } of answers) {
    for (const [refId, result] of Object.entries(results ?? {})) {
      expect(result.error, `query ${refId}: ${JSON.stringify(result)}`).toBeUndefined();
    }
  }
  await expect(page.getByLabel('Panel status')).toHaveCount(0);
});

test('variables offer what is served and filter the panels', async ({ page }) => {
  const answers = watchAnswers(page);
  await page.goto(`${dashboardUrl}?from=now-5m&to=now&refresh=1h`);
  expect(await offered(page, 'Environment')).toContain('production');
  await page.keyboard.press('Escape');
  expect(await offered(page, 'Deployment')).toContain('demo');
  await page.keyboard.press('Escape');
  const models = await offered(page, 'Model');
  expect(models).toEqual(expect.arrayContaining(['sentiment', 'fraud-score', 'document-reader', 'text-detection']));
  await choose(page, 'fraud-score');
  await expect(variableValue(page, 'Model')).toContainText('fraud-score');
  answers.length = 0;
  await page
    .getByRole('button', { name: /^Refresh/ })
    .first()
    .click();
  await expect.poll(() => modelsIn(answers).length).toBeGreaterThan(0);
  await expect(page.getByLabel('Panel loading bar')).toHaveCount(0, { timeout: 90_000 });
  expect(modelsIn(answers)).toEqual(['fraud-score']);
});

test('a dependent variable offers nothing of another environment', async ({ page }) => {
  await page.goto(`${dashboardUrl}?from=now-5m&to=now&var-environment=nowhere`);
  await variableValue(page, 'Model').click();
  await expect(
    page.getByTestId('data-testid Dashboard template variables Variable Value DropDown option text sentiment')
  ).toHaveCount(0);
});

test('Explore runs the default query', async ({ browser }) => {
  const page = await administratorsPage(browser);
  const answers = watchAnswers(page);
  const state = { datasource: dataSourceUid, queries: [], range: { from: 'now-5m', to: 'now' } };
  await page.goto(`/explore?orgId=1&left=${encodeURIComponent(JSON.stringify(state))}`);
  await expect(page.getByRole('combobox', { name: 'Signal' })).toBeVisible();
  await page
    .getByRole('button', { name: /Run query/ })
    .first()
    .click();
  await expect.poll(() => modelsIn(answers)).toContain('sentiment');
  await expect(page.locator('.uplot').first()).toBeVisible();
  await page.context().close();
});

test('a viewer does not get the list of targets, an administrator does', async ({ request }) => {
  const targets = `${grafanaUrl}/api/datasources/uid/${dataSourceUid}/resources/targets`;
  expect((await request.get(targets)).status()).toBe(403);
  const response = await request.get(targets, { headers: authorization });
  expect(response.ok()).toBe(true);
  const listed: Array<{ id: string }> = (await response.json()).targets;
  const byId = Object.fromEntries(listed.map((target) => [target.id, target]));
  expect(byId).toMatchObject({
    demo: { up: true, environment: 'production', deployment: 'demo' },
    'long-tail': { up: true, environment: 'production', deployment: 'long-tail' },
    recorder: { up: true, environment: 'production', deployment: 'long-tail' },
    training: { up: true, environment: 'production', deployment: 'long-tail' },
    gpus: { up: true, environment: 'production', deployment: 'demo' },
  });
  expect(listed).toHaveLength(5);
});
