import { Cloud, LabelNames, PrometheusSettings } from '../types';
import bounds from './bounds.json';
import { changeOptions } from './options';
import { ModelServingSettings } from './secrets';

const { responseLimits, labels, ...accepted } = bounds.prometheus;

/** What the backend uses for empty fields. */
export const PROMETHEUS_DEFAULTS = {
  timeInterval: accepted.timeInterval.default,
  httpMethod: 'POST',
  maxConcurrentQueries: accepted.maxConcurrentQueries.default,
  incrementalQuerying: true,
  incrementalQueryOverlapWindow: accepted.incrementalQueryOverlapWindow.default,
  queryCacheSize: accepted.queryCacheSize.default,
  responseLimits: {
    bodySize: responseLimits.bodySize.default,
    series: responseLimits.series.default,
    samples: responseLimits.samples.default,
  },
  labels: {
    environment: labels.environment.default,
    deployment: labels.deployment.default,
    replica: labels.replica.default,
  },
  azureCloud: 'public',
};

interface Choice<T extends string = string> {
  value: T;
  label: string;
}

/** Types of servers, by the names that settings hold: the first four as in Grafana's own Prometheus data source. */
export const PROMETHEUS_TYPES: Choice[] = [
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

export const HTTP_METHODS: Choice[] = [
  { value: 'POST', label: 'POST' },
  { value: 'GET', label: 'GET' },
];

export const CLOUDS: Array<Choice<Cloud>> = [
  { value: '', label: 'None' },
  { value: 'google', label: 'Google' },
  { value: 'azure', label: 'Azure' },
];

export const AZURE_CLOUDS: Choice[] = [
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
  return changeOptions(settings, { prometheus: { ...prometheusOf(settings), ...patch } });
}

/** The server's labels for environment, deployment and replica, with the defaults filled in. */
export function labelNamesOf(names: LabelNames = {}): Required<LabelNames> {
  const defaults = PROMETHEUS_DEFAULTS.labels;
  return {
    environment: names.environment || defaults.environment,
    deployment: names.deployment || defaults.deployment,
    replica: names.replica || defaults.replica,
  };
}
