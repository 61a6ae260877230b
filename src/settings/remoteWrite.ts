import { LabelNames, RemoteWriteSettings } from '../types';
import { durationProblem, Problem, urlProblem } from './problems';
import { ModelServingSettings } from './secrets';
import { withOptions } from './targets';

/** What the embedded engine calls the project's labels, and so what it writes. */
export const WRITTEN_LABELS: Required<LabelNames> = {
  environment: 'environment',
  deployment: 'deployment',
  replica: 'instance',
};

const NO_HISTORY = '0';

export function remoteWriteOf(settings: ModelServingSettings): RemoteWriteSettings {
  return settings.jsonData.remoteWrite ?? {};
}

export function changeRemoteWrite(
  settings: ModelServingSettings,
  patch: Partial<RemoteWriteSettings>
): ModelServingSettings {
  return withOptions(settings, { remoteWrite: { ...remoteWriteOf(settings), ...patch } });
}

/** The settings as Grafana's HTTP settings show them: their timeout is not the one of scrapes, which has the same name. */
export function asHttpSettings(settings: ModelServingSettings): ModelServingSettings {
  const { timeout: _, ...jsonData } = settings.jsonData;
  return { ...settings, jsonData: { ...jsonData, timeout: remoteWriteOf(settings).timeout } };
}

/** What Grafana's HTTP settings have changed, taken over. An emptied timeout arrives as a number that is none. */
export function fromHttpSettings(
  changed: ModelServingSettings,
  { jsonData: { timeout: ofScrapes } }: ModelServingSettings
): ModelServingSettings {
  const { timeout, ...jsonData } = changed.jsonData;
  const ofWrites = typeof timeout === 'number' && !Number.isNaN(timeout) ? timeout : undefined;
  const kept = ofScrapes === undefined ? jsonData : { ...jsonData, timeout: ofScrapes };
  return changeRemoteWrite({ ...changed, jsonData: kept }, { timeout: ofWrites });
}

export function writeUrlProblem(text: string | undefined): Problem {
  return urlProblem(text, 'http://mimir:8080/api/v1/push');
}

export function historyProblem(text: string | undefined): Problem {
  return text === NO_HISTORY ? undefined : durationProblem(text, { least: '1s', most: '100y' });
}
