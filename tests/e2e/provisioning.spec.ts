// What a user mounts into Grafana is put into the provisioning folder of the stack's Grafana, for an organisation of its own.
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'fs/promises';
import { join } from 'path';
import { APIRequestContext, expect, test } from '@playwright/test';
import { FakeServer, healthyModel } from './fakeServers';
import { authorization, grafanaUrl } from './stack';

const mounted = join(__dirname, '../../provisioning');
const dashboardFiles = join(__dirname, '../../dashboards');
const kinds = ['datasources', 'dashboards', 'alerting'];
const server = new FakeServer(healthyModel('llama'));

let organisation: number;
let provisioning: string;
/** What Grafana is told by its environment where the files are mounted. */
let environment: Record<string, string>;

function headers() {
  return { ...authorization, 'X-Grafana-Org-Id': String(organisation) };
}

async function read(request: APIRequestContext, path: string) {
  const response = await request.get(grafanaUrl + path, { headers: headers() });
  expect(response.ok(), `${path}: ${await response.text()}`).toBe(true);
  return response.json();
}

async function reload(request: APIRequestContext) {
  for (const kind of kinds) {
    const response = await request.post(`${grafanaUrl}/api/admin/provisioning/${kind}/reload`, {
      headers: authorization,
    });
    expect(response.ok(), `${kind}: ${await response.text()}`).toBe(true);
  }
}

/** The file of one kind, for the organisation. */
async function mountedFile(kind: string): Promise<string> {
  let text = await readFile(join(mounted, kind, 'modelserving.yaml'), 'utf8');
  for (const [name, value] of Object.entries(environment)) {
    text = text.replaceAll('$' + name, value);
  }
  switch (kind) {
    case 'alerting':
      return text.replaceAll('orgId: 1', `orgId: ${organisation}`);
    case 'dashboards':
      return text
        .replace('- name: Model Serving\n', `- name: Mounted ${organisation}\n    orgId: ${organisation}\n`)
        .replace('/var/lib/grafana/dashboards/modelserving', test.info().outputPath('dashboards'));
    default:
      return text.replace('- name: Model Serving\n', `- name: Model Serving\n    orgId: ${organisation}\n`);
  }
}

test.beforeAll(async ({ request }) => {
  const made = await request.post(`${grafanaUrl}/api/orgs`, {
    headers: authorization,
    data: { name: `provisioned ${Date.now()}` },
  });
  expect(made.ok(), await made.text()).toBe(true);
  organisation = (await made.json()).orgId;
  const settings = await (await request.get(`${grafanaUrl}/api/admin/settings`, { headers: authorization })).json();
  provisioning = settings.paths.provisioning;
  environment = {
    MODELSERVING_METRICS_URL: await server.start(),
    MODELSERVING_MANAGEMENT_URL: "''",
    MODELSERVING_ENVIRONMENT: 'production',
    MODELSERVING_DEPLOYMENT: 'chat',
  };
});

test.afterAll(async ({ request }) => {
  await Promise.all(kinds.map((kind) => rm(join(provisioning, kind, 'mounted.yaml'), { force: true })));
  const deleted = await request.delete(`${grafanaUrl}/api/orgs/${organisation}`, { headers: authorization });
  expect(deleted.ok(), await deleted.text()).toBe(true);
  await reload(request);
  await server.stop();
});

test('what is mounted into a fresh Grafana gives data source, dashboards and rules that work', async ({ request }) => {
  test.setTimeout(5 * 60_000);
  const dashboards = test.info().outputPath('dashboards');
  await mkdir(dashboards, { recursive: true });
  const names = (await readdir(dashboardFiles)).filter((name) => name.endsWith('.json'));
  await Promise.all(names.map((name) => copyFile(join(dashboardFiles, name), join(dashboards, name))));
  for (const kind of kinds) {
    await writeFile(join(provisioning, kind, 'mounted.yaml'), await mountedFile(kind));
  }
  await reload(request);

  await expect(async () => {
    const { status, message } = await read(request, '/api/datasources/uid/modelserving/health');
    expect(status, message).toBe('OK');
    expect(message).toContain('1 model');
  }).toPass({ timeout: 60_000 });

  await expect(async () => {
    const found: Array<{ uid: string; folderTitle: string }> = await read(request, '/api/search?type=dash-db');
    expect(found.map(({ uid }) => `${uid}.json`).sort()).toEqual(names.map((name) => `modelserving-${name}`).sort());
    expect(new Set(found.map(({ folderTitle }) => folderTitle))).toEqual(new Set(['Model Serving']));
  }).toPass({ timeout: 60_000 });
  for (const name of names) {
    const stored = await read(request, `/api/dashboards/uid/modelserving-${name.replace('.json', '')}`);
    expect(stored.meta.provisioned, name).toBe(true);
    expect(JSON.stringify(stored.dashboard)).not.toContain('${DS_');
  }

  const written = (await readFile(join(mounted, 'alerting', 'modelserving.yaml'), 'utf8')).match(/^ +- uid: /gm);
  await expect(async () => {
    const { data } = await read(request, '/api/prometheus/grafana/api/v1/rules');
    const rules: Array<{ name: string; health: string; lastEvaluation: string; lastError?: string }> =
      data.groups.flatMap((group: { rules: unknown[] }) => group.rules);
    expect(rules).toHaveLength(written!.length);
    for (const { name, health, lastEvaluation, lastError } of rules) {
      expect(new Date(lastEvaluation).getFullYear(), `${name} was evaluated`).toBeGreaterThan(2000);
      expect(health, `${name}: ${lastError}`).toBe('ok');
    }
    // Each group is evaluated within a minute.
  }).toPass({ timeout: 180_000 });
});
