import { createServer, Server } from 'node:http';
import { AddressInfo } from 'node:net';
import { APIRequestContext, Browser, expect, Page, test } from '@playwright/test';
import { administratorsPage, authorization, Frame, grafanaUrl, QueryAnswer } from './stack';

const dashboards = ['fleet', 'model', 'metrics', 'autoscaling', 'gpu'];
const pluginId = 'coldhit-modelserving-datasource';

/** What a page asked the data source and what came back, query by query; annotations apart. */
interface Asked {
  query: { refId: string; queryType?: string; signal?: string; filters?: Record<string, string[]> };
  error?: string;
  frames: Frame[];
}

function watch(page: Page): Asked[] {
  const asked: Asked[] = [];
  page.on('response', async (response) => {
    if (!response.url().includes('/api/ds/query') || response.request().failure()) {
      return;
    }
    // A page that moves on takes unread answers with it.
    const answer: QueryAnswer | undefined = await response.json().catch(() => undefined);
    for (const query of response.request().postDataJSON()?.queries ?? []) {
      const result = answer?.results?.[query.refId];
      if (result) {
        asked.push({ query, error: result.error, frames: result.frames ?? [] });
      }
    }
  });
  return asked;
}

function isEmpty({ frames }: Asked): boolean {
  return frames.every(({ data }) => data.values.every((column) => column.length === 0));
}

function describe({ query }: Asked): string {
  return `${query.queryType} ${query.signal ?? ''} ${JSON.stringify(query.filters)}`;
}

/** Opens a dashboard and returns when its panels have been answered. */
async function open(page: Page, asked: Asked[], name: string, parameters: Record<string, string> = {}) {
  const query = new URLSearchParams({ from: 'now-5m', to: 'now', refresh: '1h', ...parameters });
  await page.goto(`/d/modelserving-${name}?${query}`);
  await settled(page, asked);
}

/** Returns when nothing has been asked any more for a while. */
async function settled(page: Page, asked: Asked[]) {
  await expect(page.getByTestId(/^data-testid Panel header /).first()).toBeVisible();
  let before = -1;
  await expect
    .poll(
      async () => {
        const quiet = asked.length === before && asked.length > 0;
        before = asked.length;
        return quiet && (await page.getByLabel('Panel loading bar').count()) === 0;
      },
      { intervals: [1000], timeout: 90_000 }
    )
    .toBe(true);
}

test.use({ viewport: { width: 1600, height: 6500 } }); // all panels are in view, so all of them load

for (const name of dashboards) {
  test(`${name}: every panel answers, or says why it is empty`, async ({ page }) => {
    const asked = watch(page);
    await open(page, asked, name);
    if (name === 'model') {
      await page.getByText('Language model').click();
      await expect(page.getByText('Time to first token, percentiles')).toBeVisible();
      await settled(page, asked);
    }
    expect(asked.filter((one) => !isEmpty(one)).length).toBeGreaterThan(name === 'gpu' ? 3 : 8);
    for (const one of asked) {
      expect(one.error, describe(one)).toBeUndefined();
      if (isEmpty(one) && one.query.queryType !== 'events') {
        const notices = one.frames.flatMap(({ schema }) => schema.meta?.notices ?? []);
        expect(notices, `${describe(one)} is empty and does not say why`).not.toHaveLength(0);
      }
    }
    await expect(page.getByLabel('Panel status')).toHaveCount(0);
  });

  test(`${name}: what is selected reaches every query`, async ({ page }) => {
    const asked = watch(page);
    await open(page, asked, name, {
      'var-environment': 'production',
      'var-deployment': 'demo',
      'var-model': 'fraud-score',
    });
    expect(asked.length).toBeGreaterThan(8);
    for (const one of asked) {
      const filters = one.query.filters ?? {};
      expect(filters, describe(one)).toMatchObject({ environment: ['production'], deployment: ['demo'] });
      // Replicas that start have no model yet, and findings are about deployments.
      const ofDeployments = one.query.signal === 'replicas' || one.query.queryType === 'diagnosis';
      if (!ofDeployments || filters.model) {
        expect(filters.model, describe(one)).toEqual(['fraud-score']);
      }
      for (const { schema } of one.frames) {
        for (const field of schema.fields) {
          expect(field.labels?.model ?? 'fraud-score', describe(one)).toBe('fraud-score');
        }
      }
    }
  });
}

test('a row of the fleet leads to its model, and that to its metrics, in the same time range', async ({ page }) => {
  const asked = watch(page);
  await open(page, asked, 'fleet', { from: 'now-7m' });
  const row = page.getByRole('link', { name: 'Data link' }).filter({ hasText: 'churn-forecast' });
  await row.click();
  await settled(page, asked);
  const selection = [
    'from=now-7m',
    'to=now',
    'var-environment=production',
    'var-deployment=demo',
    'var-model=churn-forecast',
  ];
  for (const parameter of selection) {
    expect(page.url()).toContain(parameter);
  }
  expect(page.url()).toContain('/modelserving-model');
  await page.getByRole('link', { name: 'Metrics', exact: true }).click();
  await expect.poll(() => page.url()).toContain('/modelserving-metrics');
  for (const parameter of selection) {
    expect(page.url()).toContain(parameter);
  }
});

/**
 * A metrics page that tells of a load now and then. It is a fake: no server is behind it. It stands for one whose models are
 * loaded while somebody looks, at times that a test can choose.
 */
class FakeLoads {
  private loads = 0;
  private readonly server: Server = createServer((request, response) => {
    response.writeHead(request.url === '/metrics' ? 200 : 404, { 'content-type': 'text/plain; version=0.0.4' });
    response.end(
      request.url === '/metrics'
        ? [
            '# TYPE modelserving_model_resident gauge',
            'modelserving_model_resident{model="fake",version="1"} 1',
            '# TYPE modelserving_model_loads_total counter',
            `modelserving_model_loads_total{model="fake",version="1"} ${this.loads}`,
            '# TYPE modelserving_recorder_models_limit gauge',
            'modelserving_recorder_models_limit 10',
            '# TYPE modelserving_requests_total counter',
            `modelserving_requests_total{model="fake",version="1",start="hot",code="200"} ${Math.round(Date.now() / 1000) % 1e6}`,
            '',
          ].join('\n')
        : ''
    );
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  load() {
    this.loads++;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

test.describe('in an organisation that has nothing yet', () => {
  const fake = new FakeLoads();
  const uid = 'some-uid-of-its-own';
  let organisation: Record<string, string>;
  let id: number;

  test.beforeAll(async ({ request }) => {
    const url = await fake.start();
    const made = await send(request, 'POST', '/api/orgs', { name: `fresh ${Date.now()}` });
    id = made.orgId;
    organisation = { 'X-Grafana-Org-Id': String(id) };
    await send(request, 'POST', '/api/datasources', {
      name: 'Some name of its own',
      uid,
      type: pluginId,
      access: 'proxy',
      isDefault: true,
      jsonData: {
        mode: 'embedded',
        interval: '1s',
        scrapeTimeout: '1s',
        targets: [{ id: 'fake', url: `${url}/metrics`, managementUrl: url, environment: 'fake', deployment: 'fakes' }],
      },
    });
  });

  test.afterAll(async ({ request }) => {
    // The administrator cannot be in an organisation that goes.
    const response = await request.post(`${grafanaUrl}/api/user/using/1`, { headers: authorization });
    expect(response.ok(), await response.text()).toBe(true);
    organisation = {};
    await send(request, 'DELETE', `/api/orgs/${id}`);
    fake.stop();
  });

  async function send(request: APIRequestContext, method: string, path: string, data?: unknown) {
    const response = await request.fetch(grafanaUrl + path, {
      method,
      data,
      headers: { ...authorization, ...organisation },
    });
    expect(response.ok(), await response.text()).toBe(true);
    return response.json();
  }

  test('all dashboards are imported from the plugin, and work with a data source of any name', async ({
    request,
    browser,
  }) => {
    for (const name of dashboards) {
      await send(request, 'POST', '/api/dashboards/import', { pluginId, path: `dashboards/${name}.json`, inputs: [] });
      const stored = await send(request, 'GET', `/api/dashboards/uid/modelserving-${name}`);
      expect(JSON.stringify(stored)).not.toContain('${DS_');
    }
    const page = await inOrganisation(browser);
    const asked = watch(page);
    await expect(async () => {
      asked.length = 0;
      await open(page, asked, 'fleet', { orgId: String(id), from: 'now-1m' });
      expect(asked.filter((one) => !isEmpty(one)).length).toBeGreaterThan(2);
    }).toPass();
    for (const one of asked) {
      expect(one.error, describe(one)).toBeUndefined();
    }
    await page.context().close();
  });

  test('loads are marked in the panels of their model', async ({ browser }) => {
    const page = await inOrganisation(browser);
    const asked = watch(page);
    const parameters = { orgId: String(id), from: 'now-1m', 'var-model': 'fake' };
    await open(page, asked, 'model', parameters);
    await expect(page.getByTestId('data-testid annotation-marker')).toHaveCount(0);
    fake.load();
    await expect(async () => {
      await open(page, asked, 'model', parameters);
      await expect(page.getByTestId('data-testid annotation-marker').first()).toBeVisible({ timeout: 10_000 });
    }).toPass();
    await page.context().close();
  });

  async function inOrganisation(browser: Browser): Promise<Page> {
    const page = await administratorsPage(browser);
    await page.setViewportSize({ width: 1600, height: 4000 });
    const response = await page.request.post(`${grafanaUrl}/api/user/using/${id}`);
    expect(response.ok(), await response.text()).toBe(true);
    return page;
  }
});
