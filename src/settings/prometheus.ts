import { Cloud, LabelNames, PrometheusSettings } from '../types';
import { ModelServingSettings } from './secrets';
import { withOptions } from './targets';

/** What the backend uses for what is empty. */
export const PROMETHEUS_DEFAULTS = {
  interval: '15s',
  method: 'POST',
  parallel: 4,
  incremental: { overlap: '2m', memory: '128MB' },
  limits: { bodySize: '256MB', series: 50_000, samples: 10_000_000 },
  labels: { environment: 'namespace', deployment: 'job', replica: 'instance' },
  azureCloud: 'public',
};

interface Named<T extends string = string> {
  value: T;
  label: string;
}

/** Kinds of servers, by the names that settings hold. */
export const FLAVOURS: Named[] = [
  { value: 'prometheus', label: 'Prometheus' },
  { value: 'mimir', label: 'Grafana Mimir' },
  { value: 'cortex', label: 'Cortex' },
  { value: 'thanos', label: 'Thanos' },
  { value: 'victoriametrics', label: 'VictoriaMetrics' },
  { value: 'victoriametrics-cluster', label: 'VictoriaMetrics cluster' },
  { value: 'amazon', label: 'Amazon Managed Service for Prometheus' },
  { value: 'google', label: 'Google Cloud Managed Service for Prometheus' },
  { value: 'azure', label: 'Azure Monitor managed service for Prometheus' },
  { value: 'grafana-cloud', label: 'Grafana Cloud' },
];

export const METHODS: Named[] = [
  { value: 'POST', label: 'POST' },
  { value: 'GET', label: 'GET' },
];

export const CLOUDS: Array<Named<Cloud>> = [
  { value: '', label: 'None' },
  { value: 'google', label: 'Google' },
  { value: 'azure', label: 'Azure' },
];

export const AZURE_CLOUDS: Named[] = [
  { value: 'public', label: 'Public' },
  { value: 'government', label: 'US Government' },
  { value: 'china', label: 'China' },
];

export const LABEL_FIELDS: Array<keyof LabelNames> = ['environment', 'deployment', 'replica'];

export function prometheusOf(settings: ModelServingSettings): PrometheusSettings {
  return settings.jsonData.prometheus ?? {};
}

export function changePrometheus(
  settings: ModelServingSettings,
  patch: Partial<PrometheusSettings>
): ModelServingSettings {
  return withOptions(settings, { prometheus: { ...prometheusOf(settings), ...patch } });
}

/** What each of the project's labels is called, with the defaults. */
export function labelNamesOf(names: LabelNames = {}): Required<LabelNames> {
  const defaults = PROMETHEUS_DEFAULTS.labels;
  return {
    environment: names.environment || defaults.environment,
    deployment: names.deployment || defaults.deployment,
    replica: names.replica || defaults.replica,
  };
}
