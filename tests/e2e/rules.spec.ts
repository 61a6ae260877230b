// These tests put faults into the models of the shared Triton: they run after those that count its requests, by their name.
import { APIRequestContext, Browser, expect, test } from '@playwright/test';
import { copyFile, rm, writeFile } from 'fs/promises';
import { join } from 'path';
import { AskedThroughRecorder } from './askedThroughRecorder';
import { asyncQueue, FakeServer, healthyModel, modelCache, trained, trainingProfile } from './fakeServers';
import { administratorsPage, authorization, grafanaUrl, metricsUrl, tritonUrl } from './stack';

const uid = 'alerts-e2e';
const folder = 'Alerts tried';
const environment = 'trial';
/** A gateway's numbers give way to a server's of the same environment. */
const cacheEnvironment = 'trial-cache';
const headers = authorization;

/** The models of the real Triton in which faults are put. */
const slowModel = 'address-parser';
const failingModel = 'toxicity';
/** It is taken out of memory while clients still ask for it. */
const missingModel = 'summarizer';

const clients = new AskedThroughRecorder(tritonUrl, missingModel);
/** Another name of the same server, so that its models are looked at for a second deployment, too. */
const sameTriton = (url: string) => url.replace('127.0.0.1', 'localhost');

const servers = {
  cache: new FakeServer(modelCache(0, 0)),
  gone: new FakeServer(healthyModel('mistral')),
  training: new FakeServer(trained('1h')),
  queue: new FakeServer(asyncQueue('0')),
  restarted: new FakeServer(healthyModel('llama')),
  unloaded: new FakeServer(healthyModel('qwen')),
  gap: new FakeServer(healthyModel('gemma')),
};

/** Where Grafana reads provisioned rules. */
let provisioned: string;

async function dataSource(request: APIRequestContext): Promise<Record<string, unknown>> {
  const behind = { environment, deployment: 'recorded' };
  const targets = [
    { id: 'triton', url: metricsUrl, managementUrl: tritonUrl, environment, deployment: 'triton' },
    { id: 'recorder', url: await clients.start(request), managementUrl: '', ...behind },
    { id: 'recorded', url: sameTriton(metricsUrl), managementUrl: sameTriton(tritonUrl), ...behind },
  ];
  for (const [deployment, server] of Object.entries(servers)) {
    targets.push({
      id: deployment,
      url: await server.start(),
      managementUrl: '',
      environment: deployment === 'cache' ? cacheEnvironment : environment,
      deployment,
    });
  }
  return {
    uid,
    name: 'Alerts tried',
    type: 'coldhit-modelserving-datasource',
    access: 'proxy',
    jsonData: {
      mode: 'embedded',
      interval: '1s',
      scrapeTimeout: '1s',
      targets,
      profiles: [{ name: 'training.yaml', text: trainingProfile }],
      objectives: {
        default: { p95: 'none', errorRate: 'none', cacheHitRatio: 'none', staleness: '48h' },
        overrides: [
          { deployment: 'triton', model: slowModel, p95: '600ms' },
          // All requests fail: the budget burns at 1.5 times, soon after the fault and not long after its end.
          { deployment: 'triton', model: failingModel, errorRate: '65%' },
          { deployment: 'cache', cacheHitRatio: '80%' },
          { model: 'llama', p95: '200ms', errorRate: '1%' },
          { model: 'qwen', p95: '200ms', errorRate: '1%' },
          { model: 'gemma', p95: '200ms', errorRate: '1%' },
        ],
      },
    },
  };
}

interface ModelConfig {
  parameters: Record<string, { string_value: string }>;
}

/** Triton's configurations of the models in which faults are put, as they were. */
const healthyConfigs = new Map<string, ModelConfig>();

/** Loads one of Triton's models with a configuration. Its counters go on, which a model that is unloaded loses. */
async function loadModel(request: APIRequestContext, model: string, config: ModelConfig) {
  const response = await request.post(`${tritonUrl}/v2/repository/models/${model}/load`, {
    data: { parameters: { config: JSON.stringify(config) } },
  });
  expect(response.ok(), await response.text()).toBe(true);
}

/** Puts a fault into one of Triton's models: some of its parameters are others. */
async function breakModel(request: APIRequestContext, model: string, parameters: Record<string, string>) {
  const answer = await request.get(`${tritonUrl}/v2/models/${model}/config`);
  expect(answer.ok(), await answer.text()).toBe(true);
  const healthy: ModelConfig = await answer.json();
  healthyConfigs.set(model, healthy);
  const changed = Object.entries(parameters).map(([name, value]) => [name, { string_value: value }]);
  await loadModel(request, model, {
    ...healthy,
    parameters: { ...healthy.parameters, ...Object.fromEntries(changed) },
  });
}

async function changeResidency(request: APIRequestContext, model: string, change: 'load' | 'unload') {
  const response = await request.post(`${tritonUrl}/v2/repository/models/${model}/${change}`, { data: {} });
  expect(response.ok(), await response.text()).toBe(true);
}

async function repairModels(request: APIRequestContext) {
  for (const [model, config] of healthyConfigs) {
    await loadModel(request, model, config);
  }
  healthyConfigs.clear();
  await changeResidency(request, missingModel, 'load');
}

async function reloadRules(request: APIRequestContext) {
  const response = await request.post(`${grafanaUrl}/api/admin/provisioning/alerting/reload`, { headers });
  expect(response.ok(), await response.text()).toBe(true);
}

interface Alert {
  state: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

/** The rules of the folder with their alerts, as Grafana's own alerting has them. */
async function rulesInFolder(
  request: APIRequestContext
): Promise<Array<{ name: string; health: string; alerts: Alert[] }>> {
  const response = await request.get(`${grafanaUrl}/api/prometheus/grafana/api/v1/rules`, { headers });
  expect(response.ok(), await response.text()).toBe(true);
  const { data } = await response.json();
  return data.groups
    .filter((group: { file: string }) => group.file === folder)
    .flatMap(({ rules }: { rules: Array<{ name: string; health: string; alerts?: Alert[] }> }) =>
      rules.map((rule) => ({ ...rule, alerts: rule.alerts ?? [] }))
    );
}

/** What fires or could not be evaluated. */
async function alerts(request: APIRequestContext): Promise<Alert[]> {
  const rules = await rulesInFolder(request);
  return rules.flatMap((rule) => rule.alerts).filter(({ state }) => !state.startsWith('Normal'));
}

async function firing(request: APIRequestContext): Promise<string[]> {
  const all = (await alerts(request)).map(({ state, labels: { alertname, severity, deployment, model, objective } }) =>
    [alertname, severity, deployment, model, objective, state === 'Alerting' ? '' : state].filter(Boolean).join(' · ')
  );
  return [...new Set(all)].sort();
}

/** Downloads the rules with the button in the data source's settings. */
async function download(browser: Browser): Promise<string> {
  const page = await administratorsPage(browser);
  await page.goto(`/connections/datasources/edit/${uid}`);
  await page.getByRole('button', { name: 'Thresholds and timing' }).click();
  for (const [label, text] of Object.entries({
    Folder: folder,
    Interval: '10s',
    Window: '10s',
    For: '0s',
    Period: '1h',
    'Response time': '1h',
    'Minimum requests': '1', // in a window of 10 s
  })) {
    await page.getByLabel(`Rules: ${label}`, { exact: true }).fill(text);
  }
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download for Grafana' }).click(),
  ]);
  expect(file.suggestedFilename()).toBe(`modelserving-${uid}-grafana.yaml`);
  const path = await file.path();
  const [prometheus] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download for Prometheus' }).click(),
  ]);
  expect(prometheus.suggestedFilename()).toBe(`modelserving-${uid}-prometheus.yaml`);
  await page.getByLabel('Rules: Interval', { exact: true }).fill('7s');
  await page.getByRole('button', { name: 'Download for Grafana' }).click();
  await expect(page.getByText(/it must be between 10s and 4m/)).toBeVisible();
  const copy = test.info().outputPath('rules.yaml');
  await copyFile(path, copy);
  await page.context().close();
  return copy;
}

test.describe.configure({ mode: 'serial' });

test.beforeAll(async ({ request }) => {
  const settings = await (await request.get(`${grafanaUrl}/api/admin/settings`, { headers })).json();
  provisioned = join(settings.paths.provisioning, 'alerting', `${uid}.yaml`);
  const response = await request.post(`${grafanaUrl}/api/datasources`, { headers, data: await dataSource(request) });
  expect(response.ok(), await response.text()).toBe(true);
});

test.afterAll(async ({ request }) => {
  await repairModels(request);
  const uids = (await (await request.get(`${grafanaUrl}/api/v1/provisioning/alert-rules`, { headers })).json())
    .filter(({ data }: { data: Array<{ datasourceUid: string }> }) => data.some((query) => query.datasourceUid === uid))
    .map((rule: { uid: string }) => rule.uid);
  await writeFile(
    provisioned,
    JSON.stringify({ apiVersion: 1, deleteRules: uids.map((uid: string) => ({ orgId: 1, uid })) })
  );
  await reloadRules(request);
  await rm(provisioned);
  expect(await rulesInFolder(request)).toEqual([]);
  await request.delete(`${grafanaUrl}/api/datasources/uid/${uid}`, { headers });
  const folders = await (await request.get(`${grafanaUrl}/api/folders`, { headers })).json();
  for (const { uid, title } of folders) {
    if (title === folder) {
      await request.delete(`${grafanaUrl}/api/folders/${uid}`, { headers });
    }
  }
  await Promise.all([clients, ...Object.values(servers)].map((one) => one.stop()));
});

/** Rules are evaluated every 10 s over windows of 10 s to 30 s, and Triton's quantiles are over the last minute. */
const soon = { timeout: 150_000, intervals: [2000] };

test('faults fire exactly the right rules in Grafana, and end', async ({ browser, request }) => {
  test.setTimeout(8 * 60_000);
  await copyFile(await download(browser), provisioned);
  await reloadRules(request);
  await expect
    .poll(async () => (await rulesInFolder(request)).map(({ health }) => health), soon)
    .not.toContain('unknown');
  expect((await rulesInFolder(request)).length).toBeGreaterThan(15);
  expect(await firing(request)).toEqual([]);

  await test.step('faults', async () => {
    // Just over the objective, so that what is asked is still served.
    await breakModel(request, slowModel, { service_ms: '650', spread: '0.02' });
    await breakModel(request, failingModel, { fail_share: '1' });
    await changeResidency(request, missingModel, 'unload');
    servers.cache.page = modelCache(100, 30);
    servers.gone.page = undefined;
    servers.training.page = trained('72h');
    servers.queue.page = asyncQueue('+5');
    // None of these is a fault.
    servers.restarted.restart();
    servers.unloaded.page = healthyModel('another');
    servers.gap.page = undefined;
    setTimeout(() => (servers.gap.page = healthyModel('gemma')), 4000);
    await expect
      .poll(() => firing(request), soon)
      .toEqual([
        'Async queue growing · warning · queue · batch-embedder',
        'Cache hit below objective · warning · cache · iris',
        'Cache hit ratio low · critical · cache · iris',
        'Cold-load rate high · warning · cache · iris',
        'Deployment down · critical · gone',
        'Error budget burn (slow, 1x) · warning · cache · iris · cache_hit_ratio',
        `Error budget burn (slow, 1x) · warning · triton · ${failingModel} · error_rate`,
        `Error rate over objective · critical · triton · ${failingModel}`,
        'Evictions sustained · warning · cache',
        `Model missing · critical · recorded · ${missingModel}`,
        'Model stale · warning · training · churn',
        `Response time over objective · warning · triton · ${slowModel}`,
      ]);
  });

  await test.step('what the alerts say', async () => {
    const all = await alerts(request);
    const found = (name: string) => all.find(({ labels }) => labels.alertname === name)!;
    for (const { labels } of all) {
      expect(labels.environment).toBe(labels.deployment === 'cache' ? cacheEnvironment : environment);
      expect(labels.grafana_folder).toBe(folder);
    }
    const failing = found('Error rate over objective').annotations;
    expect(failing.summary).toMatch(
      new RegExp(`^${failingModel}: [\\d.]+% of requests fail, objective 65% \\(${environment}/triton\\)\\.$`)
    );
    expect(failing.runbook_url).toContain('docs/alerts.md#error-rate-over-objective');
    expect(failing.__dashboardUid__).toBe('modelserving-model');
    expect(found('Response time over objective').annotations.summary).toMatch(
      new RegExp(`^${slowModel}: p95 [\\dms. ]+, \\d+% over its 600ms objective \\(${environment}/triton\\)\\.$`)
    );
    expect(found('Model stale').annotations.summary).toMatch(
      /^churn: last trained [\d.]+ h ago, objective 48 h \(trial\/training\)\.$/
    );
    expect(found('Model missing').annotations.summary).toMatch(
      new RegExp(`^${missingModel}: not loaded on any server, and [\\d.]+% of its requests are rejected`)
    );
    expect(found('Async queue growing').annotations.summary).toMatch(
      /^batch-embedder: \d+ requests in the async queue and growing/
    );
    const link = new URL(failing.dashboard);
    expect(link.origin).toBe(grafanaUrl);
    expect(link.searchParams.get('var-model')).toBe(failingModel);
    expect(link.searchParams.get('var-datasource')).toBe(uid);
    const page = await administratorsPage(browser);
    await page.goto(failing.dashboard);
    await expect(page.getByTestId(/^data-testid Panel header /).first()).toBeVisible();
    await page.context().close();
  });

  await test.step('all is well again', async () => {
    await repairModels(request);
    servers.cache.page = modelCache(100, 0);
    servers.gone.page = healthyModel('mistral');
    servers.training.page = trained('1h');
    servers.queue.page = asyncQueue('0');
    await expect.poll(() => firing(request), soon).toEqual([]);
  });
});
