import { DataSourceJsonData } from '@grafana/data';
import { DataQuery } from '@grafana/schema';

/** Queries whose answer is a table with one row a model. */
export type TableType = 'models' | 'objectives' | 'diagnosis';

export type QueryType = 'signal' | TableType | 'events' | 'promql';

/** Keeps series whose label has one of the values. A label without values filters nothing. */
export type Filters = Record<string, string[]>;

/**
 * What dashboards hold and the backend answers. Text fields may hold template variables until a query runs.
 * A table has filters only: other fields wait for the type to change back and are not sent.
 */
export interface ModelServingQuery extends DataQuery {
  queryType?: QueryType;
  signal?: string;
  statistics?: string[];
  groupBy?: string[];
  filters?: Filters;
  /** At most so many series, the busiest; a string only while it holds a template variable. */
  limit?: number | string;
  /** Folds what is beyond the limit into one series. */
  others?: boolean;
  /** What rates are taken over, such as 5m; empty for the rate interval. */
  window?: string;
  instant?: boolean;
  legend?: string;
  /** PromQL, for queryType promql only. */
  expr?: string;
}

/** What a dashboard's ad-hoc filter variable holds, in every Grafana version. */
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
  tlsSkipVerify?: boolean;
}

/** A profile of the user's own. */
export interface ProfileSettings {
  /** What error messages call it, such as features.yaml. */
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

/** What a model is held to: durations such as 200ms, shares such as 1% or 0.01, none for what it is not held to. */
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

/** Changes fields for the models that match. An empty field is left to the overrides below it and to the default. */
export interface ObjectiveOverride extends ObjectivePatterns, ObjectiveFields {}

export interface ObjectiveSettings {
  default?: ObjectiveFields;
  /** The first one that matches a model and has a field wins for that field. */
  overrides?: ObjectiveOverride[];
}

/** Whatever is left out has the backend's default. */
export interface ModelServingOptions extends DataSourceJsonData {
  kind?: 'embedded';
  interval?: string;
  timeout?: string;
  retentionTime?: string;
  /** Empty for no bound by size. */
  retentionSize?: string;
  fileDiscovery?: boolean;
  limits?: ScrapeLimits;
  targets?: TargetSettings[];
  profiles?: ProfileSettings[];
  objectives?: ObjectiveSettings;
}

/** Secrets by key: caCertificate, and apiKey.<target id>. */
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
  /** There are more values than were listed. */
  truncated: boolean;
}
