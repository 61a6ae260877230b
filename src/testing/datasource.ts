import { DataSourceInstanceSettings, dateTime, TimeRange } from '@grafana/data';
import { setTemplateSrv } from '@grafana/runtime';
import { ModelServingDataSource } from '../datasource';
import { ModelServingOptions, SignalInfo } from '../types';
import { DashboardTemplateSrv, DashboardVariable } from './templateSrv';

export const SIGNALS: SignalInfo[] = [
  {
    id: 'requests',
    name: 'Requests',
    group: 'Volume',
    unit: 'reqps',
    description: 'Requests that ended, per second.',
    statistics: ['rate'],
    defaultStatistics: ['rate'],
    groupBy: ['environment', 'deployment', 'model', 'version', 'start', 'status'],
  },
  {
    id: 'response_time',
    name: 'Response time',
    group: 'Latency',
    unit: 's',
    description: 'End to end.',
    statistics: ['p50', 'p95', 'mean'],
    defaultStatistics: ['p95'],
    groupBy: ['environment', 'deployment', 'model', 'version'],
  },
  {
    id: 'gpu_power',
    name: 'GPU power',
    group: 'Compute',
    unit: 'watt',
    description: 'Power that the GPU draws.',
    statistics: ['last', 'mean', 'max'],
    defaultStatistics: ['last'],
    groupBy: ['environment', 'deployment', 'gpu'],
  },
  {
    id: 'slo_violation',
    name: 'SLO violation',
    group: 'Objectives',
    unit: 'none',
    description: "Value divided by the model's objective.",
    statistics: ['mean'],
    defaultStatistics: ['mean'],
    groupBy: ['environment', 'deployment', 'model', 'objective'],
  },
];

/** The labels of all the signals. */
export const LABELS = ['environment', 'deployment', 'model', 'version', 'start', 'status', 'gpu', 'objective'];

/** A data source on a dashboard that has the variables. */
export function newDataSource(variables: DashboardVariable[] = []): ModelServingDataSource {
  setTemplateSrv(new DashboardTemplateSrv(variables));
  return new ModelServingDataSource({
    uid: 'serving',
    type: 'coldhit-modelserving-datasource',
    name: 'Model Serving',
    jsonData: {},
  } as DataSourceInstanceSettings<ModelServingOptions>);
}

export function timeRange(from: number, to: number): TimeRange {
  const range = { from: dateTime(from), to: dateTime(to) };
  return { ...range, raw: range };
}
