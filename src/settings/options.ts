import { Mode, ModelServingOptions } from '../types';
import { ModelServingSettings } from './secrets';

export function modeOf({ jsonData }: ModelServingSettings): Mode {
  return jsonData.mode ?? 'embedded';
}

/** Changes options. The mode is always stored, so that its default may change. */
export function changeOptions(
  settings: ModelServingSettings,
  patch: Partial<ModelServingOptions>
): ModelServingSettings {
  return { ...settings, jsonData: { ...settings.jsonData, mode: modeOf(settings), ...patch } };
}
