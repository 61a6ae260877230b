import { ModelServingOptions } from '../types';
import { changeKind, kindOf, scrapeTimeoutOf } from './kind';
import { ModelServingSettings } from './secrets';
import { withOptions } from './targets';

function settingsWith(jsonData: ModelServingOptions): ModelServingSettings {
  return { url: 'http://prometheus:9090', jsonData } as ModelServingSettings;
}

it.each([
  { jsonData: {}, want: 'embedded' },
  { jsonData: { kind: 'embedded' }, want: 'embedded' },
  { jsonData: { kind: 'prometheus' }, want: 'prometheus' },
] as const)('the kind of $jsonData is $want, and stays it', ({ jsonData, want }) => {
  const settings = settingsWith(jsonData);
  expect(kindOf(settings)).toBe(want);
  expect(withOptions(settings, { profiles: [] }).jsonData.kind).toBe(want);
});

it('keeps what the other kind reads, but for the timeout, which both write in their own way', () => {
  const targets = [{ id: 'a', url: 'http://a/metrics' }];
  const embedded = settingsWith({ kind: 'embedded', timeout: '5s', interval: '10s', targets });
  const prometheus = changeKind(embedded, 'prometheus');
  expect(prometheus).toEqual({ ...embedded, jsonData: { kind: 'prometheus', interval: '10s', targets } });
  const withTimeout = withOptions(prometheus, { timeout: 30, prometheus: { interval: '1m' } });
  expect(changeKind(withTimeout, 'embedded').jsonData).toEqual({
    kind: 'embedded',
    interval: '10s',
    targets,
    prometheus: { interval: '1m' },
  });
});

it('takes over the labels of what the embedded engine has written, unless others were chosen', () => {
  const remoteWrite = { on: true };
  const labels = { environment: 'environment', deployment: 'deployment', replica: 'instance' };
  expect(changeKind(settingsWith({ remoteWrite }), 'prometheus').jsonData.prometheus).toEqual({ labels });
  const chosen = { labels: { environment: 'stage' } };
  expect(changeKind(settingsWith({ remoteWrite, prometheus: chosen }), 'prometheus').jsonData.prometheus).toEqual(
    chosen
  );
  expect(changeKind(settingsWith({ remoteWrite: { on: false } }), 'prometheus').jsonData.prometheus).toBeUndefined();
});

it.each([
  { timeout: '5s', want: '5s' },
  { timeout: 30, want: undefined },
  { timeout: undefined, want: undefined },
])('scrapeTimeoutOf($timeout)', ({ timeout, want }) => {
  expect(scrapeTimeoutOf(settingsWith({ timeout }))).toBe(want);
});
