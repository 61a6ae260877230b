import { CoreApp } from '@grafana/data';
import { Filters, ModelServingQuery, QueryType, TableType } from './types';

const DEFAULT_LIMIT = 50;

const DEFAULT_QUERY: Partial<ModelServingQuery> = {
  queryType: 'signal',
  signal: 'response_time',
  statistics: ['p95'],
  groupBy: ['model'],
  filters: {},
  limit: DEFAULT_LIMIT,
  includeOthers: true,
};

/** The default of a new query. An alert rule needs one number per model and no sum of the rest. */
export function defaultQuery(app?: CoreApp): Partial<ModelServingQuery> {
  const alerting = app === CoreApp.UnifiedAlerting || app === CoreApp.CloudAlerting;
  return alerting ? { ...DEFAULT_QUERY, instant: true, includeOthers: false } : { ...DEFAULT_QUERY };
}

export function queryTypeOf(query: ModelServingQuery): QueryType {
  return query.queryType ?? 'signal';
}

/** Whether a query returns a table. Such a query has filters only. */
export function isTable(query: ModelServingQuery): query is ModelServingQuery & { queryType: TableType } {
  return query.queryType === 'models' || query.queryType === 'objectives' || query.queryType === 'diagnosis';
}

/** Whether a query can be run. */
export function isComplete(query: ModelServingQuery): boolean {
  switch (queryTypeOf(query)) {
    case 'signal':
      return isFilled(query.signal);
    case 'promql':
      return isFilled(query.expr);
    case 'models':
    case 'objectives':
    case 'diagnosis':
    case 'events':
      return true;
    default:
      // The backend rejects unknown types.
      return true;
  }
}

function isFilled(text: string | undefined): boolean {
  return text !== undefined && text.trim() !== '';
}

/** One line that describes a query, for collapsed rows and query history. */
export function describeQuery(query: ModelServingQuery): string {
  const type = queryTypeOf(query);
  switch (type) {
    case 'signal':
      return describeSignal(query);
    case 'models':
      return 'Models' + describeFilters(query.filters);
    case 'objectives':
      return 'Objectives' + describeFilters(query.filters);
    case 'diagnosis':
      return 'Diagnosis' + describeFilters(query.filters);
    case 'events':
      return (
        (query.eventTypes?.length ? `Events (${query.eventTypes.join(', ')})` : 'Events') +
        describeFilters(query.filters)
      );
    case 'promql':
      return query.expr?.trim() ?? '';
    default:
      // A type that a newer version of the plugin has.
      return `${type}${describeFilters(query.filters)}`;
  }
}

function describeSignal(query: ModelServingQuery): string {
  if (!isFilled(query.signal)) {
    return '';
  }
  const statistics = query.statistics?.length ? `${query.statistics.join(', ')} of ` : '';
  const groupBy = query.groupBy?.length ? ` by ${query.groupBy.join(', ')}` : '';
  return `${statistics}${query.signal}${groupBy}${describeFilters(query.filters)}${describeOptions(query)}`;
}

function describeFilters(filters: Filters = {}): string {
  const conditions = Object.entries(filters)
    .filter(([, values]) => values.length > 0)
    .map(([label, values]) => `${label} is ${values.join(' or ')}`);
  return conditions.length > 0 ? ` where ${conditions.join(' and ')}` : '';
}

/** Options that differ from those of a new query. */
function describeOptions({ limit, window, instant }: ModelServingQuery): string {
  const options = [
    limit && limit !== DEFAULT_LIMIT ? `top ${limit}` : '',
    isFilled(window) ? `over ${window}` : '',
    instant ? 'one value' : '',
  ];
  return options.map((option) => option && `, ${option}`).join('');
}
