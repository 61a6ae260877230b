import { ModelServingSettings } from './secrets';

/** The settings as Grafana's HTTP settings changed them. An emptied timeout arrives as NaN. */
export function withoutEmptiedTimeout(settings: ModelServingSettings): ModelServingSettings {
  const { timeout, ...jsonData } = settings.jsonData;
  return Number.isNaN(timeout) ? { ...settings, jsonData } : settings;
}
