import { LabelNames, RemoteWriteSettings } from '../types';
import bounds from './bounds.json';
import { durationProblem, Problem, urlProblem } from './problems';
import { changeOptions } from './options';
import { ModelServingSettings } from './secrets';

/** The labels of the samples that the embedded engine writes. */
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
  return changeOptions(settings, { remoteWrite: { ...remoteWriteOf(settings), ...patch } });
}

export function writeUrlProblem(text: string | undefined): Problem {
  return urlProblem(text, 'http://mimir:8080/api/v1/push', 'Use basic authentication or a custom HTTP header instead.');
}

export function historyProblem(text: string | undefined): Problem {
  return text === NO_HISTORY ? undefined : durationProblem(text, bounds.remoteWrite.history);
}
