import {
  CoreApp,
  DataQueryRequest,
  DataSourceInstanceSettings,
  LegacyMetricFindQueryOptions,
  MetricFindValue,
  ScopedVars,
  TimeRange,
} from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv, TemplateSrv } from '@grafana/runtime';
import { lastValueFrom } from 'rxjs';
import { eventAnnotations } from './annotations';
import { interpolateFilters } from './interpolation/filters';
import { interpolateQuery } from './interpolation/query';
import { defaultQuery, describeQuery, isComplete } from './query';
import {
  Filters,
  LabelValues,
  ModelServingOptions,
  ModelServingQuery,
  ModelServingVariableQuery,
  SignalInfo,
} from './types';
import { LabelValueVariables } from './variables';

export class ModelServingDataSource extends DataSourceWithBackend<ModelServingQuery, ModelServingOptions> {
  annotations = eventAnnotations;
  variables: LabelValueVariables;
  private readonly templateSrv: TemplateSrv = getTemplateSrv();
  private signalsAnswer?: Promise<SignalInfo[]>;

  // Grafana 10 takes a class with any other number of arguments for an Angular data source.
  constructor(instanceSettings: DataSourceInstanceSettings<ModelServingOptions>) {
    super(instanceSettings);
    this.variables = new LabelValueVariables(this);
  }

  getDefaultQuery(app: CoreApp): Partial<ModelServingQuery> {
    return defaultQuery(app);
  }

  filterQuery(query: ModelServingQuery): boolean {
    return isComplete(query);
  }

  getQueryDisplayText(query: ModelServingQuery): string {
    return describeQuery(query);
  }

  applyTemplateVariables(query: ModelServingQuery, scopedVars: ScopedVars): ModelServingQuery {
    return interpolateQuery(this.templateSrv, query, scopedVars);
  }

  /** The catalogue of signals: asked for once, and again only after a failure. */
  signals(): Promise<SignalInfo[]> {
    this.signalsAnswer ??= this.getResource<{ signals: SignalInfo[] }>('signals').then(
      ({ signals }) => signals,
      (error) => {
        this.signalsAnswer = undefined;
        throw error;
      }
    );
    return this.signalsAnswer;
  }

  /** The values of a label among the series of a time range that pass the filters, whose variables are replaced. */
  values(label: string, filters: Filters, range: TimeRange | undefined, scopedVars: ScopedVars): Promise<LabelValues> {
    return this.getResource<LabelValues>('values', {
      label: this.templateSrv.replace(label, scopedVars),
      filters: JSON.stringify(interpolateFilters(this.templateSrv, filters, scopedVars)),
      ...(range && { from: range.from.valueOf(), to: range.to.valueOf() }),
    });
  }

  /** References to the dashboard's variables, to be offered where a value is chosen. */
  variableReferences(): string[] {
    return this.templateSrv.getVariables().map(({ name }) => `$${name}`);
  }

  async metricFindQuery(
    query: ModelServingVariableQuery,
    options?: LegacyMetricFindQueryOptions
  ): Promise<MetricFindValue[]> {
    const request = {
      targets: [query],
      scopedVars: options?.scopedVars ?? {},
      range: options?.range,
    } as DataQueryRequest<ModelServingVariableQuery>;
    return (await lastValueFrom(this.variables.query(request))).data;
  }
}
