import { ModelServingSettings } from './secrets';

/** Removes the timeout if it was emptied: Grafana's HTTP settings then set it to NaN. */
export function dropEmptiedTimeout(settings: ModelServingSettings): ModelServingSettings {
  const { timeout, ...jsonData } = settings.jsonData;
  return Number.isNaN(timeout) ? { ...settings, jsonData } : settings;
}
