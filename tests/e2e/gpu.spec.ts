import { expect, test } from '@playwright/test';
import { ask, authorization, dataSourceUid, grafanaUrl, Series } from './stack';

// The GPUs are fakes: the real NVML endpoint reads them from a library that plays NVIDIA's. Triton and its processes are real.

const filters = { deployment: ['demo'] };
/** The models that the stack puts on a GPU of their own. Those of the others share the first, and of the third nobody knows the processes. */
const withProcesses = ['speech-to-text', 'summarizer', 'translation'];

const theirGPU = 'GPU-fa4e0001-0000-4000-8000-000000000000';

const newest = ({ values }: Series) => Number(values[values.length - 1]);

test('the shares of the models add up to the utilization of the GPUs', async ({ request }) => {
  const models = new Set<string>();
  await expect(async () => {
    const range = { from: Date.now() - 60_000, to: Date.now() - 5_000 };
    const instant = { queryType: 'signal', instant: true, statistics: ['mean'], window: '30s', filters };
    const [all] = await ask(request, { ...instant, signal: 'gpu_utilization' }, range);
    const shares = await ask(request, { ...instant, signal: 'model_gpu_utilization', groupBy: ['model'] }, range);
    const sum = shares.reduce((total, share) => total + newest(share), 0);
    expect(newest(all)).toBeGreaterThan(0.3);
    expect(sum).toBeCloseTo(newest(all), 6);
    for (const { labels } of shares) {
      models.add(labels.model);
    }
    expect([...models]).toEqual(expect.arrayContaining([...withProcesses, 'sentiment', 'fraud-score', 'others']));
  }).toPass({ timeout: 90_000, intervals: [2000] });
});

test('a model with processes of its own has their part of their GPU', async ({ request }) => {
  const range = { from: Date.now() - 60_000, to: Date.now() - 5_000 };
  const instant = { queryType: 'signal', instant: true, statistics: ['mean'], window: '30s', filters };
  const byGPU = await ask(request, { ...instant, signal: 'gpu_utilization', groupBy: ['gpu'] }, range);
  const shares = await ask(
    request,
    {
      ...instant,
      signal: 'model_gpu_utilization',
      groupBy: ['model', 'gpu'],
      filters: { ...filters, model: withProcesses },
    },
    range
  );
  const onIt = shares.filter(({ labels }) => labels.gpu === theirGPU);
  const part = Object.fromEntries(onIt.map((share) => [share.labels.model, newest(share)]));
  const whole = newest(byGPU.find(({ labels }) => labels.gpu === theirGPU)!);
  // Two processes each, at 16, 9 and 4 % of the multiprocessors, beside 3 % that belong to no model.
  const processes = 2 * 16 + 2 * 9 + 2 * 4 + 3;
  expect(part['summarizer']).toBeCloseTo((whole * 32) / processes, 3);
  expect(part['speech-to-text']).toBeCloseTo((whole * 18) / processes, 3);
  expect(part['translation']).toBeCloseTo((whole * 8) / processes, 3);
});

test('a thousand requests have their price in energy', async ({ request }) => {
  const range = { from: Date.now() - 60_000, to: Date.now() - 5_000 };
  const instant = { queryType: 'signal', instant: true, window: '30s', filters };
  const [power] = await ask(request, { ...instant, signal: 'gpu_power', statistics: ['mean'] }, range);
  const [requests] = await ask(request, { ...instant, signal: 'requests', statistics: ['rate'] }, range);
  const [energy] = await ask(
    request,
    { ...instant, signal: 'energy_per_thousand_requests', statistics: ['mean'] },
    range
  );
  expect(newest(power)).toBeGreaterThan(800);
  expect(newest(energy)).toBeCloseTo((1000 * newest(power)) / newest(requests), 3);
});

test('Save & test says which GPUs were found', async ({ request }) => {
  const response = await request.get(`${grafanaUrl}/api/datasources/uid/${dataSourceUid}/health`, {
    headers: authorization,
  });
  expect(await response.text()).toMatch(/NVML endpoint with \d+ models and 3 GPUs/);
});

test.describe('the dashboard', () => {
  test.use({ viewport: { width: 1600, height: 3000 } });
  test('shows each model beside the GPUs', async ({ page }) => {
    await page.goto('/d/modelserving-gpu?from=now-5m&to=now&refresh=1h&var-deployment=demo');
    const panel = page.getByTestId(/Panel header GPU utilization by model/);
    await expect(panel).toBeVisible();
    for (const model of [...withProcesses, 'sentiment', 'others']) {
      await expect(panel.getByText(model, { exact: true }).first()).toBeVisible();
    }
    await expect(
      page
        .getByTestId(/Panel header Energy per thousand requests/)
        .getByText('summarizer')
        .first()
    ).toBeVisible();
  });
});
