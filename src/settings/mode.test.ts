import { ModelServingOptions } from '../types';
import { changeMode } from './mode';
import { modeOf, changeOptions } from './options';
import { ModelServingSettings } from './secrets';

function settingsWith(jsonData: ModelServingOptions): ModelServingSettings {
  return { url: 'http://prometheus:9090', jsonData } as ModelServingSettings;
}

it.each([
  { jsonData: {}, want: 'embedded' },
  { jsonData: { mode: 'embedded' }, want: 'embedded' },
  { jsonData: { mode: 'prometheus' }, want: 'prometheus' },
] as const)('the mode of $jsonData is $want, and stays it', ({ jsonData, want }) => {
  const settings = settingsWith(jsonData);
  expect(modeOf(settings)).toBe(want);
  expect(changeOptions(settings, { profiles: [] }).jsonData.mode).toBe(want);
});

it('keeps what the other mode reads', () => {
  const targets = [{ id: 'a', url: 'http://a/metrics' }];
  const embedded = settingsWith({ mode: 'embedded', scrapeTimeout: '5s', timeout: 30, interval: '10s', targets });
  const prometheus = changeMode(embedded, 'prometheus');
  expect(prometheus).toEqual({ ...embedded, jsonData: { ...embedded.jsonData, mode: 'prometheus' } });
  expect(changeMode(prometheus, 'embedded')).toEqual(embedded);
});

it('takes over the labels of what the embedded engine has written, unless others were chosen', () => {
  const remoteWrite = { enabled: true };
  const labels = { environment: 'environment', deployment: 'deployment', replica: 'instance' };
  expect(changeMode(settingsWith({ remoteWrite }), 'prometheus').jsonData.prometheus).toEqual({ labels });
  const chosen = { labels: { environment: 'stage' } };
  const settings = settingsWith({ remoteWrite, prometheus: chosen });
  expect(changeMode(settings, 'prometheus').jsonData.prometheus).toEqual(chosen);
  const disabled = settingsWith({ remoteWrite: { enabled: false } });
  expect(changeMode(disabled, 'prometheus').jsonData.prometheus).toBeUndefined();
});
