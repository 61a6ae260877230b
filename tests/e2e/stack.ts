import { APIRequestContext, Browser, expect, Page } from '@playwright/test';

/** What runs is told by `go tool mage test` through the environment. */
function told(name: string): string {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set: run the browser tests with go tool mage test`);
  }
  return value;
}

export const grafanaUrl = told('GRAFANA_URL');
export const dashboardUrl = told('DASHBOARD_URL');
export const metricsUrl = told('TRITON_METRICS_URL');
export const tritonUrl = told('TRITON_URL');
export const dataSourceUid = told('DATA_SOURCE_UID');
export const countsUrl = told('COUNTS_URL');
/** What the long tail's load driver and its router counted is on the same server. */
export const tailCountsUrl = new URL('/long-tail/counts', countsUrl).href;
const routerCountsUrl = new URL('/router/counts', countsUrl).href;

/** The login that the stack gives its Grafana, which listens on the loopback interface alone. */
const administrator = { user: 'admin', password: 'admin' };
export const authorization = {
  Authorization: `Basic ${Buffer.from(`${administrator.user}:${administrator.password}`).toString('base64')}`,
};

/** A page of a browser in which the administrator is logged in. */
export async function administratorsPage(browser: Browser): Promise<Page> {
  const context = await browser.newContext({ baseURL: grafanaUrl });
  const response = await context.request.post('/login', { data: administrator });
  expect(response.ok(), await response.text()).toBe(true);
  return context.newPage();
}

/** What the load driver counted of one model. */
export interface ModelCounts {
  sent: number;
  inFlight: number;
  ok: number;
  failed: Record<string, number>;
  unanswered: number;
  okLatencySeconds: number;
  byStart: Record<string, StartCounts>;
}

/** The answers with one start, hot or cold, from a response header; '' where none did. */
interface StartCounts {
  answered: number;
  latencySeconds: number;
}

async function readModels<T>(request: APIRequestContext, url: string): Promise<Record<string, T>> {
  const response = await request.get(url);
  expect(response.ok(), await response.text()).toBe(true);
  return (await response.json()).models;
}

export function readCounts(request: APIRequestContext, url = countsUrl): Promise<Record<string, ModelCounts>> {
  return readModels(request, url);
}

/** What the router did for one model. */
export interface RouterCounts {
  hot: number;
  cold: number;
  loads: number;
  failedLoads: number;
  evictions: number;
  loadedByOthers: number;
  unloadedByOthers: number;
  resident: boolean;
  inProgress: number;
}

export function readRouterCounts(request: APIRequestContext): Promise<Record<string, RouterCounts>> {
  return readModels(request, routerCountsUrl);
}

export function failuresOf(counts: ModelCounts): number {
  return Object.values(counts.failed).reduce((sum, count) => sum + count, 0);
}

interface Field {
  name: string;
  type: string;
  labels?: Record<string, string>;
  config?: { displayNameFromDS?: string; unit?: string };
}

export interface Frame {
  schema: { refId?: string; fields: Field[]; meta?: { notices?: Array<{ severity: string; text: string }> } };
  data: { values: Array<Array<number | string | null>> };
}

/** Grafana's answer to queries, by refId. */
export interface QueryAnswer {
  results: Record<string, { status?: number; error?: string; frames?: Frame[] }>;
}

export interface Series {
  labels: Record<string, string>;
  values: Array<number | null>;
}

/** Every number field of an answer with its labels. */
function seriesOf(frames: Frame[] = []): Series[] {
  return frames.flatMap(({ schema, data }) =>
    schema.fields.flatMap((field, index) =>
      field.type === 'number'
        ? [{ labels: field.labels ?? {}, values: data.values[index] as Array<number | null> }]
        : []
    )
  );
}

/** Asks one query as the administrator. The range is in unix milliseconds. */
export async function ask(
  request: APIRequestContext,
  query: Record<string, unknown>,
  range: { from: number; to: number }
): Promise<Series[]> {
  const response = await request.post(`${grafanaUrl}/api/ds/query`, {
    headers: authorization,
    data: {
      from: String(range.from),
      to: String(range.to),
      queries: [{ refId: 'A', datasource: { uid: dataSourceUid }, intervalMs: 5000, maxDataPoints: 100, ...query }],
    },
  });
  const answer: QueryAnswer = await response.json();
  expect(answer.results?.A?.error, JSON.stringify(answer)).toBeUndefined();
  return seriesOf(answer.results.A.frames);
}

/** Collects the answers to the queries that a page sends. */
export function watchAnswers(page: Page): QueryAnswer[] {
  const answers: QueryAnswer[] = [];
  page.on('response', async (response) => {
    if (response.url().includes('/api/ds/query') && !response.request().failure()) {
      // A page that moves on takes unread answers with it.
      const answer = await response.json().catch(() => undefined);
      if (answer) {
        answers.push(answer);
      }
    }
  });
  return answers;
}

/** The models in answers, over all panels. */
export function modelsIn(answers: QueryAnswer[]): string[] {
  const frames = answers.flatMap(({ results }) =>
    Object.values(results ?? {}).flatMap((result) => result.frames ?? [])
  );
  const models = seriesOf(frames).flatMap(({ labels }) => (labels.model ? [labels.model] : []));
  return [...new Set(models)].sort();
}
