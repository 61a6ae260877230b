import { APIRequestContext, expect, test } from '@playwright/test';
import { ask, failuresOf, readCounts } from './stack';
import { scrapedSince, Stretch, watchStretch } from './stretch';

/** The stretch of traffic that is compared. */
const stretchSeconds = 60;
/** Each scrape of the server has it. */
const scraped = 'nv_inference_request_success{deployment="demo"}';

let stretch: Stretch;

test.describe.configure({ mode: 'serial' });

test.beforeAll(async ({ request }) => {
  test.setTimeout(3 * 60_000);
  stretch = await watchStretch(request, stretchSeconds, scraped);
});

/** One statistic of a signal by model over the stretch. */
async function byModel(request: APIRequestContext, signal: string, statistic: string): Promise<Map<string, number>> {
  const query = {
    queryType: 'signal',
    signal,
    statistics: [statistic],
    groupBy: ['model'],
    instant: true,
    window: `${Math.round(stretch.seconds)}s`,
  };
  const series = await ask(request, query, stretch);
  return new Map(series.map(({ labels, values }) => [labels.model, Number(values[0])]));
}

test('every request that was answered is in the counters', async ({ request }) => {
  const before = await readCounts(request);
  await scrapedSince(request, Date.now(), scraped);
  const query = { queryType: 'promql', expr: 'sum by (model) (nv_inference_request_success)', instant: true };
  const now = Date.now();
  const counters = await ask(request, query, { from: now - 60_000, to: now });
  const after = await readCounts(request);
  const counted = new Map(counters.map(({ labels, values }) => [labels.model, Number(values[0])]));
  for (const [model, counts] of Object.entries(before)) {
    const counter = counted.get(model);
    expect(counter, `${model} has no counter`).toBeDefined();
    expect(counter, model).toBeGreaterThanOrEqual(counts.ok);
    // The server may have counted what is still on its way to the driver.
    expect(counter, model).toBeLessThanOrEqual(after[model].ok + after[model].inFlight);
  }
});

test('request rates are those that were sent', async ({ request }) => {
  const rates = await byModel(request, 'requests', 'rate');
  for (const [model, counts] of Object.entries(stretch.counted)) {
    const answered = counts.ok + failuresOf(counts);
    const rate = answered / stretch.seconds;
    expect(rates.get(model), `${model}: no rate`).toBeDefined();
    // Both edges may be off by a scrape interval, in which the number of arrivals is random.
    const tolerance = 0.12 * rate + (3 * Math.sqrt(rate * 5)) / stretchSeconds + 0.02;
    expect(Math.abs(rates.get(model)! - rate), `${model}: ${rates.get(model)} for ${rate}`).toBeLessThan(tolerance);
  }
});

test('error rates are those that were seen', async ({ request }) => {
  const errorRates = await byModel(request, 'error_rate', 'mean');
  for (const [model, counts] of Object.entries(stretch.counted)) {
    const failures = failuresOf(counts);
    const answered = counts.ok + failures;
    const tolerance = failures === 0 ? 0.01 : 3 / Math.sqrt(answered * 5) / Math.sqrt(answered / failures) + 0.02;
    expect(errorRates.get(model), `${model}: no error rate`).toBeDefined();
    const share = failures / answered;
    expect(Math.abs(errorRates.get(model)! - share), `${model}: ${errorRates.get(model)} for ${share}`).toBeLessThan(
      tolerance
    );
  }
  expect(failuresOf(stretch.counted['churn-forecast']), 'the failing model has to fail').toBeGreaterThan(0);
  expect(errorRates.get('churn-forecast')).toBeGreaterThan(0);
});

test('mean response times are those that the client saw, less the way there and back', async ({ request }) => {
  const means = await byModel(request, 'response_time', 'mean');
  for (const [model, counts] of Object.entries(stretch.counted)) {
    const seen = counts.okLatencySeconds / counts.ok;
    const mean = means.get(model);
    expect(mean, `${model}: no mean`).toBeDefined();
    expect(mean, model).toBeLessThan(seen * 1.25 + 0.005);
    // On a busy machine a request takes up to some 30 ms longer than the server knows.
    expect(mean, model).toBeGreaterThan(seen * 0.7 - 0.03);
  }
});
