import { Cloud, LabelNames, PrometheusSettings } from '../types';
import { withOptions } from './options';
import { ModelServingSettings } from './secrets';

/** What the backend uses for what is empty. */
export const PROMETHEUS_DEFAULTS = {
  timeInterval: '15s',
  httpMethod: 'POST',
  maxConcurrentQueries: 4,
  incrementalQuerying: true,
  incrementalQueryOverlapWindow: '2m',
  queryCacheSize: '128MB',
  responseLimits: { bodySize: '256MB', series: 50_000, samples: 10_000_000 },
  labels: { environment: 'namespace', deployment: 'job', replica: 'instance' },
  azureCloud: 'public',
};

interface Named<T extends string = string> {
  value: T;
  label: string;
}

/** Types of servers, by the names that settings hold: the first four as in Grafana's own Prometheus data source. */
export const PROMETHEUS_TYPES: Named[] = [
  { value: 'Prometheus', label: 'Prometheus' },
  { value: 'Cortex', label: 'Cortex' },
  { value: 'Mimir', label: 'Grafana Mimir' },
  { value: 'Thanos', label: 'Thanos' },
  { value: 'VictoriaMetrics', label: 'VictoriaMetrics' },
  { value: 'VictoriaMetricsCluster', label: 'VictoriaMetrics cluster' },
  { value: 'Amazon', label: 'Amazon Managed Service for Prometheus' },
  { value: 'Google', label: 'Google Cloud Managed Service for Prometheus' },
  { value: 'Azure', label: 'Azure Monitor managed service for Prometheus' },
  { value: 'GrafanaCloud', label: 'Grafana Cloud' },
];

export const HTTP_METHODS: Named[] = [
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
