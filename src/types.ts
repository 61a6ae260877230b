import { DataSourceJsonData } from '@grafana/data';
import { DataQuery } from '@grafana/schema';

/** Queries that return a table. */
export type TableType = 'models' | 'objectives' | 'diagnosis';

export type QueryType = 'signal' | TableType | 'events' | 'promql';

/** Keeps series whose label has one of the values. A label without values filters nothing. */
export type Filters = Record<string, string[]>;

/**
 * A query as dashboards store it. Text fields may contain template variables until the query runs.
 * A table has filters only: its other fields stay for when the type changes back, and are not sent.
 */
export interface ModelServingQuery extends DataQuery {
  queryType?: QueryType;
  signal?: string;
  statistics?: string[];
  groupBy?: string[];
  filters?: Filters;
  /** Maximum number of series, ranked by traffic. A string only while it contains a template variable. */
  limit?: number | string;
  /** Adds one series that aggregates everything beyond the limit. */
  includeOthers?: boolean;
  /** Range of rates, such as 5m. Empty for the rate interval. */
  window?: string;
  instant?: boolean;
  legend?: string;
  /** Returns one row "No data" where there is no series, for panels with a row per series, such as a status history. */
  emptyAsRow?: boolean;
  /** Values based on fewer requests in the window are omitted. Alert rules set it. */
  minimumRequests?: number;
  /** PromQL, for queryType promql only. */
  expr?: string;
  /** For queryType events only: loads, evictions, scaling, restarts, losses. None is all of them. */
  eventTypes?: string[];
}

/** A filter of a dashboard's ad-hoc variable, in every Grafana version. */
export interface AdHocFilter {
  key: string;
  operator: string;
  value: string;
  /** The values of an operator that takes several. */
  values?: string[];
}

/** A variable takes the values of one label among the series that pass the filters. */
export interface ModelServingVariableQuery extends DataQuery {
  label?: string;
  filters?: Filters;
}

export interface TargetSettings {
  /** Stable for the target's life: names its secret. */
  id: string;
  url: string;
  /** A profile's id, or empty to detect it. */
  profile?: string;
  environment?: string;
  deployment?: string;
  /** Empty for the data source's interval. */
  interval?: string;
  managementUrl?: string;
  authScheme?: string;
  insecureSkipVerify?: boolean;
}

/** A user-defined profile. */
export interface ProfileSettings {
  /** Shown in error messages, such as features.yaml. */
  name: string;
  /** The profile itself, as YAML. */
  text: string;
}

export interface ScrapeLimits {
  bodySize?: string;
  samples?: number;
  labels?: number;
  labelNameLength?: number;
  labelValueLength?: number;
}

/** Objectives of a model: durations such as 200ms, shares such as 1% or 0.01, or none to switch one off. */
export interface ObjectiveFields {
  p95?: string;
  errorRate?: string;
  cacheHitRatio?: string;
  staleness?: string;
}

/** Patterns, where * is any number of characters and ? is one. An empty one matches every model. */
export interface ObjectivePatterns {
  environment?: string;
  deployment?: string;
  model?: string;
}

/** Changes fields for matching models. Empty fields fall through to the next match, then to the default. */
export interface ObjectiveOverride extends ObjectivePatterns, ObjectiveFields {}

export interface ObjectiveSettings {
  default?: ObjectiveFields;
  /** For each field, the first override that matches a model and sets the field wins. */
  overrides?: ObjectiveOverride[];
}

/** Who scrapes and stores: the plugin itself, or a Prometheus-compatible server that it queries. */
export type Mode = 'embedded' | 'prometheus';

/** The server's labels for environment, deployment and replica. An empty one has its default. */
export interface LabelNames {
  environment?: string;
  deployment?: string;
  replica?: string;
}

/** Limits of one response, which is rejected entirely if it exceeds one. */
export interface ResponseLimits {
  bodySize?: string;
  series?: number;
  samples?: number;
}

/** The cloud whose token is sent. */
export type Cloud = '' | 'google' | 'azure';

/**
 * How a Prometheus-compatible server is queried. Its address and authentication are in Grafana's HTTP settings. The names
 * are those of Grafana's own Prometheus data source where it has the setting.
 */
export interface PrometheusSettings {
  /** How often the server scrapes. */
  timeInterval?: string;
  /** Empty for the HTTP settings' timeout. */
  queryTimeout?: string;
  httpMethod?: string;
  /** Empty to detect it. */
  prometheusType?: string;
  /** Added to every query, as name=value&other=value. */
  customQueryParameters?: string;
  /** Longer ranges are split; empty for no limit. */
  maxQueryRange?: string;
  maxConcurrentQueries?: number;
  /** Whether results are cached, so that a refresh queries only new data. On unless false. */
  incrementalQuerying?: boolean;
  /** This much recent data is queried again, because late samples may still arrive. */
  incrementalQueryOverlapWindow?: string;
  queryCacheSize?: string;
  responseLimits?: ResponseLimits;
  labels?: LabelNames;
  cloud?: Cloud;
  azureTenant?: string;
  azureClient?: string;
  azureCloud?: string;
}

/** AWS signatures, in the names of Grafana's HTTP settings. */
export interface SigV4Settings {
  sigV4Auth?: boolean;
  sigV4AuthType?: string;
  sigV4Profile?: string;
  sigV4Region?: string;
  sigV4AssumeRoleArn?: string;
  sigV4ExternalId?: string;
}

/** Whether and how the embedded engine's samples are also sent to a server. Its URL, authentication and timeout are in Grafana's HTTP settings. */
export interface RemoteWriteSettings {
  enabled?: boolean;
  /** Where samples are sent; empty for the HTTP settings' URL followed by /api/v1/write. */
  url?: string;
  /** Stored history to send at first; empty for all. */
  history?: string;
  nativeHistograms?: boolean;
}

/** A missing setting has the backend's default. */
export interface ModelServingOptions extends DataSourceJsonData, SigV4Settings {
  mode?: Mode;
  prometheus?: PrometheusSettings;
  /** Of Grafana's HTTP settings, in seconds. */
  timeout?: number;
  interval?: string;
  scrapeTimeout?: string;
  retentionTime?: string;
  /** Empty for no limit. */
  retentionSize?: string;
  fileDiscovery?: boolean;
  remoteWrite?: RemoteWriteSettings;
  scrapeLimits?: ScrapeLimits;
  /** Series in memory from which on new ones are refused. */
  seriesLimit?: number;
  targets?: TargetSettings[];
  profiles?: ProfileSettings[];
  objectives?: ObjectiveSettings;
}

/**
 * Secrets by key: caCertificate and apiKey.<target id>; googleKey, azureClientSecret, and those of Grafana's HTTP settings.
 */
export type ModelServingSecrets = Record<string, string>;

export interface SignalInfo {
  id: string;
  name: string;
  group: string;
  unit: string;
  description: string;
  statistics: string[];
  defaultStatistics: string[];
  groupBy: string[];
}

export interface ProfileInfo {
  id: string;
  name: string;
  port?: number;
  path?: string;
  managementPort?: number;
}

export interface LabelValues {
  values: string[];
  /** Not all values are listed. */
  truncated: boolean;
}

/** A label of the model servers' series, with some of its values. */
export interface LabelPreview {
  name: string;
  values: string[];
}
