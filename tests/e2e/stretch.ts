import { APIRequestContext, expect } from '@playwright/test';
import { ask, countsUrl, ModelCounts, readCounts } from './stack';

/** A stretch of traffic that is compared. Scrapes are 5 s apart, so its edges are known to within that. */
export interface Stretch {
  from: number;
  to: number;
  seconds: number;
  /** What the load driver counted between the two, by model. */
  counted: Record<string, ModelCounts>;
}

/** Lets traffic go on for a while and answers what was counted, once a scrape has seen all of it. */
export async function watchStretch(
  request: APIRequestContext,
  seconds: number,
  scraped: string,
  url = countsUrl
): Promise<Stretch> {
  const before = await readCounts(request, url);
  const from = Date.now();
  await expect
    .poll(() => Date.now() - from, { timeout: 2 * seconds * 1000, intervals: [1000] })
    .toBeGreaterThan(seconds * 1000);
  const after = await readCounts(request, url);
  const to = Date.now();
  await scrapedSince(request, to, scraped);
  const counted = Object.entries(after).map(([model, counts]) => [model, difference(counts, before[model])]);
  return { from, to, seconds: (to - from) / 1000, counted: Object.fromEntries(counted) };
}

function difference(after: ModelCounts, before: ModelCounts | undefined): ModelCounts {
  if (!before) {
    return after;
  }
  const failed = Object.entries(after.failed).map(([code, count]) => [code, count - (before.failed[code] ?? 0)]);
  const byStart = Object.entries(after.byStart).map(([start, { answered, latencySeconds }]) => {
    const earlier = before.byStart[start] ?? { answered: 0, latencySeconds: 0 };
    return [start, { answered: answered - earlier.answered, latencySeconds: latencySeconds - earlier.latencySeconds }];
  });
  return {
    sent: after.sent - before.sent,
    inFlight: after.inFlight,
    ok: after.ok - before.ok,
    failed: Object.fromEntries(failed),
    unanswered: after.unanswered - before.unanswered,
    okLatencySeconds: after.okLatencySeconds - before.okLatencySeconds,
    byStart: Object.fromEntries(byStart),
  };
}

/** Waits until a scrape of a metric has happened after a time, in unix milliseconds. */
export async function scrapedSince(request: APIRequestContext, time: number, metric: string) {
  const query = { queryType: 'promql', expr: `max(timestamp(${metric}))`, instant: true };
  await expect
    .poll(async () => (await ask(request, query, { from: time - 60_000, to: Date.now() }))[0]?.values[0] ?? 0, {
      timeout: 60_000,
    })
    .toBeGreaterThan(time / 1000);
}
