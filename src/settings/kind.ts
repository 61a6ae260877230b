import { Kind } from '../types';
import { WRITTEN_LABELS } from './remoteWrite';
import { ModelServingSettings } from './secrets';

export function kindOf({ jsonData }: ModelServingSettings): Kind {
  return jsonData.kind ?? 'embedded';
}

/** The settings as another kind. What only the former kind reads stays, for who changes back, but for a name both use. */
export function changeKind(settings: ModelServingSettings, kind: Kind): ModelServingSettings {
  // A text of the embedded engine's, a number of Grafana's HTTP settings: neither can read the other's.
  const { timeout: _, ...jsonData } = settings.jsonData;
  const changed = { ...settings, jsonData: { ...jsonData, kind } };
  return kind === 'prometheus' ? withWrittenLabels(changed) : changed;
}

/** A server that the embedded engine has written to has its labels, by their own names. */
function withWrittenLabels(settings: ModelServingSettings): ModelServingSettings {
  const { remoteWrite, prometheus = {} } = settings.jsonData;
  if (!remoteWrite?.on || prometheus.labels) {
    return settings;
  }
  return { ...settings, jsonData: { ...settings.jsonData, prometheus: { ...prometheus, labels: WRITTEN_LABELS } } };
}

/** The embedded engine's time-out as it was typed. */
export function scrapeTimeoutOf({ jsonData }: ModelServingSettings): string | undefined {
  return typeof jsonData.timeout === 'string' ? jsonData.timeout : undefined;
}
