import { Mode, ModelServingOptions } from '../types';
import { ModelServingSettings } from './secrets';

export function modeOf({ jsonData }: ModelServingSettings): Mode {
  return jsonData.mode ?? 'embedded';
}

/** The settings with some options changed. The mode is written out, so that its default may change. */
export function withOptions(settings: ModelServingSettings, patch: Partial<ModelServingOptions>): ModelServingSettings {
  return { ...settings, jsonData: { ...settings.jsonData, mode: modeOf(settings), ...patch } };
}
