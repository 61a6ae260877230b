import { Mode } from '../types';
import { changeOptions } from './options';
import { WRITTEN_LABELS } from './remoteWrite';
import { ModelServingSettings } from './secrets';

/** The settings in another mode. Settings that only the former mode reads stay, in case the user changes back. */
export function changeMode(settings: ModelServingSettings, mode: Mode): ModelServingSettings {
  const changed = changeOptions(settings, { mode });
  return mode === 'prometheus' ? adoptWrittenLabels(changed) : changed;
}

/** A server that the embedded engine has written to has its labels, by their own names. */
function adoptWrittenLabels(settings: ModelServingSettings): ModelServingSettings {
  const { remoteWrite, prometheus = {} } = settings.jsonData;
  if (!remoteWrite?.enabled || prometheus.labels) {
    return settings;
  }
  return changeOptions(settings, { prometheus: { ...prometheus, labels: WRITTEN_LABELS } });
}
