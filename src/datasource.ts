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
import { noticeUnfiltered } from './adhoc/notices';
import { filtersOfVariables } from './adhoc/variables';
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

/** What Grafana knows when it asks for the labels or values of ad-hoc filters; 10.1 knows the label alone. */
interface TagOptions {
  filters?: AdHocFilter[];
  timeRange?: TimeRange;
}

export class ModelServingDataSource extends DataSourceWithBackend<ModelServingQuery, ModelServingOptions> {
  annotations = eventAnnotations;
  variables: LabelValueVariables;
  private readonly templateSrv: TemplateSrv = getTemplateSrv();
  private signalsAnswer?: Promise<SignalInfo[]>;

  // Grafana 10 takes a class with any other number of arguments for an Angular data source.
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
    const asked = defer(() => super.query(request));
    const answer = request.app === CoreApp.Explore ? asked.pipe(map(tabulateNumbers)) : asked;
    const unfiltered = request.targets.filter((target) => queryTypeOf(target) === 'promql').map(({ refId }) => refId);
    const { filters } = request as { filters?: AdHocFilter[] };
    if (unfiltered.length === 0 || !this.adHocFilters(request.scopedVars, filters).some(isFiltering)) {
      return answer;
    }
    return answer.pipe(map((response) => noticeUnfiltered(response, new Set(unfiltered))));
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

  /** What a panel's queries are in Explore, which knows no variables: not even the one that says which data source it is. */
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

  /** The labels that ad-hoc filters can be made of: all but those that another filter has. */
  async getTagKeys({ filters = [] }: TagOptions = {}): Promise<MetricFindValue[]> {
    const labels = labelsOf(await this.signals());
    return toFindValues(labels.filter((label) => !filters.some(({ key }) => key === label)));
  }

  /** The values of a label to filter by, of what passes the other filters. */
  async getTagValues({ key, filters = [], timeRange }: TagOptions & { key: string }): Promise<MetricFindValue[]> {
    // A filter that queries refuse does not keep anyone from choosing another one.
    const others = filters.filter((filter) => filter.key !== key && isApplicable(filter));
    const { values } = await this.values(key, toFilters(others), timeRange, {});
    return toFindValues(values);
  }

  /** Variables for every dashboard that uses the data source, which Grafana asks for from version 13 on. */
  async getDefaultVariables(): Promise<AdHocVariable[]> {
    return [defaultAdHocVariable(this)];
  }

  private adHocFilters(scopedVars: ScopedVars, requestFilters?: AdHocFilter[]): AdHocFilter[] {
    return requestFilters ?? filtersOfVariables(this.templateSrv, this.instanceSettings, scopedVars);
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
