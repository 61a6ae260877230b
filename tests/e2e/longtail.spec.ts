import { APIRequestContext, expect, test } from '@playwright/test';
import {
  ask,
  authorization,
  dataSourceUid,
  grafanaUrl,
  ModelCounts,
  readCounts,
  readRouterCounts,
  RouterCounts,
  Series,
  tailCountsUrl,
} from './stack';
import { scrapedSince, Stretch, watchStretch } from './stretch';

const stretchSeconds = 60;
/** Each scrape of the recorder has it. */
const scraped = 'modelserving_recorder_models_limit';
const deployment = 'long-tail';
const starts = ['hot', 'cold'];

let stretch: Stretch;

test.describe.configure({ mode: 'serial' });

test.beforeAll(async ({ request }) => {
  test.setTimeout(3 * 60_000);
  stretch = await watchStretch(request, stretchSeconds, scraped, tailCountsUrl);
});

/** Where the recorder tells what it saw. */
async function recorderMetricsUrl(request: APIRequestContext): Promise<string> {
  const response = await request.get(`${grafanaUrl}/api/datasources/uid/${dataSourceUid}/resources/targets`, {
    headers: authorization,
  });
  const targets: Array<{ id: string; url: string }> = (await response.json()).targets;
  return targets.find(({ id }) => id === 'recorder')!.url;
}

/** The recorder's requests by `model start code`, as its page has them. */
async function readRecorder(request: APIRequestContext, url: string): Promise<Record<string, number>> {
  const response = await request.get(url);
  expect(response.ok(), await response.text()).toBe(true);
  const counts: Record<string, number> = {};
  for (const [, labels, value] of (await response.text()).matchAll(/^modelserving_requests_total\{(.*)\} (\S+)$/gm)) {
    const label = Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, text]) => [name, text]));
    expect(label.start_source, labels).toBe('header');
    const key = `${label.model} ${label.start} ${label.code}`;
    counts[key] = (counts[key] ?? 0) + Number(value);
  }
  return counts;
}

interface Moment {
  driver: Record<string, ModelCounts>;
  recorder: Record<string, number>;
  router: Record<string, RouterCounts>;
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

/** Everybody's counts at a moment in which no request was under way. */
async function quietMoment(request: APIRequestContext): Promise<Moment> {
  const url = await recorderMetricsUrl(request);
  let moment: Moment | undefined;
  await expect(async () => {
    const before = await readCounts(request, tailCountsUrl);
    for (const [model, { inFlight }] of Object.entries(before)) {
      expect(inFlight, `requests to ${model} are under way`).toBe(0);
    }
    const recorder = await readRecorder(request, url);
    const router = await readRouterCounts(request);
    expect(await readCounts(request, tailCountsUrl)).toEqual(before);
    // Whoever counts a request when it has ended may do so a moment after the driver had its answer.
    const sent = sum(Object.values(before).map((counts) => counts.sent));
    expect(sum(Object.values(recorder)), 'the recorder has counted these and no others').toBe(sent);
    expect(sum(Object.values(router).map(({ hot, cold }) => hot + cold)), 'and the router').toBe(sent);
    moment = { driver: before, recorder, router };
  }).toPass({ timeout: 60_000, intervals: [20] });
  return moment!;
}

test('driver, recorder and router counted the same requests, one by one', async ({ request }) => {
  const { driver, recorder, router } = await quietMoment(request);
  let cold = 0;
  for (const [model, counts] of Object.entries(driver)) {
    expect(counts.unanswered, model).toBe(0);
    for (const start of starts) {
      const answered = counts.byStart[start]?.answered ?? 0;
      const recorded = Object.entries(recorder)
        .filter(([key]) => key.startsWith(`${model} ${start} `))
        .reduce((sum, [, count]) => sum + count, 0);
      expect(recorded, `${model}, ${start}: the recorder`).toBe(answered);
      expect(router[model][start as 'hot' | 'cold'], `${model}, ${start}: the router`).toBe(answered);
    }
    expect(
      Object.keys(counts.byStart).every((start) => starts.includes(start)),
      `every answer of ${model} is hot or cold`
    ).toBe(true);
    for (const [code, count] of [['200', counts.ok] as const, ...Object.entries(counts.failed)]) {
      const recorded = starts.reduce((sum, start) => sum + (recorder[`${model} ${start} ${code}`] ?? 0), 0);
      expect(recorded, `${model}: code ${code}`).toBe(count);
    }
    cold += counts.byStart.cold?.answered ?? 0;
  }
  expect(cold, 'some requests had to wait').toBeGreaterThan(3);
});

test('the router kept to its slots, and every cold request had its load', async ({ request }) => {
  const { router } = await quietMoment(request);
  let resident = 0;
  for (const [model, counts] of Object.entries(router)) {
    expect(counts.loadedByOthers + counts.unloadedByOthers, `only the router touched ${model}`).toBe(0);
    expect(counts.loads, `${model}: one load serves one request or more`).toBeLessThanOrEqual(counts.cold);
    resident += counts.resident ? 1 : 0;
  }
  expect(resident).toBeGreaterThan(0);
  expect(resident).toBeLessThanOrEqual(4);
  expect(Object.keys(router)).toHaveLength(12);
});

test('every request that the recorder counted is in the plugin', async ({ request }) => {
  const before = await readCounts(request, tailCountsUrl);
  await scrapedSince(request, Date.now(), scraped);
  const query = { queryType: 'promql', expr: 'sum by (model, start) (modelserving_requests_total)', instant: true };
  const now = Date.now();
  const counters = await ask(request, query, { from: now - 60_000, to: now });
  const after = await readCounts(request, tailCountsUrl);
  for (const [model, counts] of Object.entries(before)) {
    for (const [start, { answered }] of Object.entries(counts.byStart)) {
      const counter = counters.find(({ labels }) => labels.model === model && labels.start === start)?.values[0];
      expect(counter, `${model}, ${start}`).toBeGreaterThanOrEqual(answered);
      expect(counter, `${model}, ${start}`).toBeLessThanOrEqual(
        after[model].byStart[start].answered + after[model].inFlight
      );
    }
  }
});

/** A signal over the stretch, in the long tail alone. */
function overStretch(
  request: APIRequestContext,
  signal: string,
  statistic: string,
  groupBy: string[]
): Promise<Series[]> {
  const query = {
    queryType: 'signal',
    signal,
    statistics: [statistic],
    groupBy,
    filters: { deployment: [deployment] },
    instant: true,
    window: `${Math.round(stretch.seconds)}s`,
  };
  return ask(request, query, stretch);
}

/** What was answered in the stretch, over all models. */
function answered(start: string) {
  return Object.values(stretch.counted).reduce(
    (sum, { byStart }) => ({
      count: sum.count + (byStart[start]?.answered ?? 0),
      seconds: sum.seconds + (byStart[start]?.latencySeconds ?? 0),
    }),
    { count: 0, seconds: 0 }
  );
}

/** How far a count of a stretch may be off: its edges are known to within a scrape, in which arrivals are random. */
function edges(count: number) {
  return 3 * Math.sqrt(2 * (count / stretch.seconds) * 5) + 1.5;
}

test('requests are counted once, by start, though recorder and server both count them', async ({ request }) => {
  const byStart = await overStretch(request, 'requests', 'rate', ['start']);
  expect(byStart.map(({ labels }) => labels.start).sort()).toEqual(['cold', 'hot']);
  for (const { labels, values } of byStart) {
    const { count } = answered(labels.start);
    expect(Math.abs(Number(values[0]) * stretch.seconds - count), `${labels.start}: ${count}`).toBeLessThan(
      edges(count)
    );
  }
  const [all] = await overStretch(request, 'requests', 'rate', []);
  const count = answered('hot').count + answered('cold').count;
  expect(Math.abs(Number(all.values[0]) * stretch.seconds - count), `all: ${count}`).toBeLessThan(edges(count));
});

test('the cold-hit rate is the share that was seen', async ({ request }) => {
  const [rate] = await overStretch(request, 'cold_hit_rate', 'mean', []);
  const [hitRatio] = await overStretch(request, 'cache_hit_ratio', 'mean', []);
  const cold = answered('cold').count;
  const all = cold + answered('hot').count;
  expect(Math.abs(Number(rate.values[0]) - cold / all), `${cold} of ${all}`).toBeLessThan(edges(cold) / all + 0.02);
  expect(Number(hitRatio.values[0])).toBeCloseTo(1 - Number(rate.values[0]), 6);
});

test('response times by start are those that the client saw', async ({ request }) => {
  const means = await overStretch(request, 'response_time', 'mean', ['start']);
  const mean = (start: string) => Number(means.find(({ labels }) => labels.start === start)?.values[0]);
  const hot = answered('hot');
  // On a busy machine a request takes up to some 30 ms longer than the recorder knows.
  expect(mean('hot')).toBeLessThan((hot.seconds / hot.count) * 1.3 + 0.01);
  expect(mean('hot')).toBeGreaterThan((hot.seconds / hot.count) * 0.7 - 0.03);
  // The few cold ones differ by seconds, and those at the edges belong to one stretch or the other.
  const cold = answered('cold');
  expect(Math.abs(mean('cold') - cold.seconds / cold.count)).toBeLessThan((0.5 * cold.seconds) / cold.count);
  const quantiles = await overStretch(request, 'response_time', 'p50', ['start']);
  const median = (start: string) => Number(quantiles.find(({ labels }) => labels.start === start)?.values[0]);
  expect(median('cold'), 'a load takes much longer than an inference').toBeGreaterThan(5 * median('hot'));
});

test('loads that the plugin saw are among those that the router made', async ({ request }) => {
  const now = Date.now();
  const query = {
    queryType: 'promql',
    expr: `sum by (model) (modelserving_model_loads_total{deployment="${deployment}"})`,
    instant: true,
  };
  const seen = await ask(request, query, { from: now - 60_000, to: now });
  const router = await readRouterCounts(request);
  let loads = 0;
  for (const { labels, values } of seen) {
    // A model that is loaded and gone again between two looks is not seen.
    expect(values[0], labels.model).toBeLessThanOrEqual(
      router[labels.model].loads + (router[labels.model].resident ? 0 : 1)
    );
    loads += Number(values[0]);
  }
  expect(loads).toBeGreaterThan(0);
});

test("the team's own training times show which model is stale", async ({ request }) => {
  const staleness = await overStretch(request, 'prediction_staleness', 'last', ['model']);
  const stale = staleness.filter(({ values }) => Number(values[0]) > 48 * 3600).map(({ labels }) => labels.model);
  expect(staleness).toHaveLength(12);
  expect(stale).toEqual(['demand-pt']);
  const violations = await overStretch(request, 'slo_violation', 'mean', ['model', 'objective']);
  const objectives = [...new Set(violations.map(({ labels }) => labels.objective))];
  expect(objectives.length, objectives.join()).toBeGreaterThan(2);
  const violated = violations.filter(({ values }) => Number(values[0]) > 1);
  expect(violated.map(({ labels }) => labels.model)).toContain('demand-pt');
  expect(violated.length, 'some are violated, not all').toBeLessThan(violations.length);
});
