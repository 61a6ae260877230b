import {
  CoreApp,
  DataQueryRequest,
  DataQueryResponse,
  DataSourceInstanceSettings,
  LegacyMetricFindQueryOptions,
  MetricFindValue,
  ScopedVars,
  TimeRange,
} from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv, TemplateSrv } from '@grafana/runtime';
import { defer, lastValueFrom, map, Observable } from 'rxjs';
import { AdHocVariable, defaultAdHocVariable } from './adhoc/defaultVariable';
import { intersectFilters, isApplicable, isFiltering, toFilters } from './adhoc/filters';
import { addUnfilteredNotice } from './adhoc/notices';
import { adHocFiltersOf } from './adhoc/variables';
import { eventAnnotations } from './annotations';
import { tabulateNumbers } from './explore/tables';
import { interpolateFilters } from './interpolation/filters';
import { interpolateQuery } from './interpolation/query';
import { labelsOf } from './labels';
import { defaultQuery, describeQuery, isComplete, queryTypeOf } from './query';
import {
  AdHocFilter,
  Filters,
  LabelValues,
  ModelServingOptions,
  ModelServingQuery,
  ModelServingVariableQuery,
  SignalInfo,
} from './types';
import { LabelValueVariables } from './variables';

/** What Grafana passes when it requests the labels or values of ad-hoc filters. Grafana 10.1 passes the label alone. */
interface TagOptions {
  filters?: AdHocFilter[];
  timeRange?: TimeRange;
}

export class ModelServingDataSource extends DataSourceWithBackend<ModelServingQuery, ModelServingOptions> {
  annotations = eventAnnotations;
  variables: LabelValueVariables;
  private readonly templateSrv: TemplateSrv = getTemplateSrv();
  private signalsRequest?: Promise<SignalInfo[]>;

  // Grafana 10 treats a class with any other number of arguments as an Angular data source.
  constructor(private readonly instanceSettings: DataSourceInstanceSettings<ModelServingOptions>) {
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

  /** Panels show why a query could not be sent, such as for an ad-hoc filter that cannot be applied. */
  query(request: DataQueryRequest<ModelServingQuery>): Observable<DataQueryResponse> {
    const sent = defer(() => super.query(request));
    const response$ = request.app === CoreApp.Explore ? sent.pipe(map(tabulateNumbers)) : sent;
    const unfiltered = request.targets.filter((target) => queryTypeOf(target) === 'promql').map(({ refId }) => refId);
    const { filters } = request as { filters?: AdHocFilter[] };
    if (unfiltered.length === 0 || !this.adHocFilters(request.scopedVars, filters).some(isFiltering)) {
      return response$;
    }
    return response$.pipe(map((response) => addUnfilteredNotice(response, new Set(unfiltered))));
  }

  applyTemplateVariables(
    stored: ModelServingQuery,
    scopedVars: ScopedVars,
    requestFilters?: AdHocFilter[]
  ): ModelServingQuery {
    const query = interpolateQuery(this.templateSrv, stored, scopedVars);
    const adHoc = this.adHocFilters(scopedVars, requestFilters);
    if (queryTypeOf(query) === 'promql' || adHoc.length === 0) {
      return query;
    }
    const filters = interpolateFilters(this.templateSrv, toFilters(adHoc), scopedVars);
    return { ...query, filters: intersectFilters(query.filters ?? {}, filters) };
  }

  /** A panel's queries for Explore, which has no variables, not even the one that selects the data source. */
  interpolateVariablesInQueries(
    queries: ModelServingQuery[],
    scopedVars: ScopedVars,
    filters?: AdHocFilter[]
  ): ModelServingQuery[] {
    return queries.map((query) => ({
      ...this.applyTemplateVariables(query, scopedVars, filters),
      datasource: this.getRef(),
    }));
  }

  /** The labels for ad-hoc filters: all but those of other filters. */
  async getTagKeys({ filters = [] }: TagOptions = {}): Promise<MetricFindValue[]> {
    const labels = labelsOf(await this.signals());
    return toFindValues(labels.filter((label) => !filters.some(({ key }) => key === label)));
  }

  /** The values of a label among the series that pass the other filters. */
  async getTagValues({ key, filters = [], timeRange }: TagOptions & { key: string }): Promise<MetricFindValue[]> {
    // A filter that queries reject does not prevent the choice of another one.
    const others = filters.filter((filter) => filter.key !== key && isApplicable(filter));
    const { values } = await this.values(key, toFilters(others), timeRange, {});
    return toFindValues(values);
  }

  /** Variables for every dashboard that uses the data source, which Grafana requests from version 13 on. */
  async getDefaultVariables(): Promise<AdHocVariable[]> {
    return [defaultAdHocVariable(this)];
  }

  private adHocFilters(scopedVars: ScopedVars, requestFilters?: AdHocFilter[]): AdHocFilter[] {
    return requestFilters ?? adHocFiltersOf(this.templateSrv, this.instanceSettings, scopedVars);
  }

  /** The catalogue of signals, requested once, and again only after a failure. */
  signals(): Promise<SignalInfo[]> {
    this.signalsRequest ??= this.getResource<{ signals: SignalInfo[] }>('signals').then(
      ({ signals }) => signals,
      (error) => {
        this.signalsRequest = undefined;
        throw error;
      }
    );
    return this.signalsRequest;
  }

  /** The values of a label among the series of a time range that pass the filters, whose variables are replaced. */
  values(label: string, filters: Filters, range: TimeRange | undefined, scopedVars: ScopedVars): Promise<LabelValues> {
    return this.getResource<LabelValues>('values', {
      label: this.templateSrv.replace(label, scopedVars),
      filters: JSON.stringify(interpolateFilters(this.templateSrv, filters, scopedVars)),
      ...(range && { from: range.from.valueOf(), to: range.to.valueOf() }),
    });
  }

  /** References to the dashboard's variables, offered where a value is chosen. */
  variableReferences(): string[] {
    const variables = this.templateSrv.getVariables().filter(({ type }) => type !== 'adhoc');
    return variables.map(({ name }) => `$${name}`);
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

function toFindValues(texts: string[]): MetricFindValue[] {
  return texts.map((text) => ({ text, value: text }));
}
