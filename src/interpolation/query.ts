import { ScopedVars } from '@grafana/data';
import { TemplateSrv } from '@grafana/runtime';
import { isTable } from '../query';
import { ModelServingQuery } from '../types';
import { interpolateFilters, interpolateList } from './filters';
import { interpolatePromql } from './promql';

/** The query for the backend: every template variable that Grafana has is replaced. */
export function interpolateQuery(
  templateSrv: TemplateSrv,
  stored: ModelServingQuery,
  scopedVars: ScopedVars
): ModelServingQuery {
  const query = isTable(stored) ? keepFiltersOnly(stored) : stored;
  const text = (value: string) => templateSrv.replace(value, scopedVars);
  const interpolated: ModelServingQuery = { ...query };
  if (query.signal !== undefined) {
    interpolated.signal = text(query.signal);
  }
  if (query.statistics !== undefined) {
    interpolated.statistics = interpolateList(templateSrv, query.statistics, scopedVars);
  }
  if (query.groupBy !== undefined) {
    interpolated.groupBy = interpolateList(templateSrv, query.groupBy, scopedVars);
  }
  if (query.eventTypes !== undefined) {
    interpolated.eventTypes = interpolateList(templateSrv, query.eventTypes, scopedVars);
  }
  if (query.filters !== undefined) {
    interpolated.filters = interpolateFilters(templateSrv, query.filters, scopedVars);
  }
  if (typeof query.limit === 'string') {
    interpolated.limit = parseLimit(text(query.limit));
  }
  if (query.window !== undefined) {
    interpolated.window = text(query.window);
  }
  if (query.legend !== undefined) {
    interpolated.legend = templateSrv.replace(query.legend, scopedVars, 'text');
  }
  if (query.expr !== undefined) {
    interpolated.expr = interpolatePromql(templateSrv, query.expr, scopedVars);
  }
  return interpolated;
}

/** Removes the fields of other query types, such as a window that would shorten the range of the table. */
function keepFiltersOnly(query: ModelServingQuery): ModelServingQuery {
  const {
    signal,
    statistics,
    groupBy,
    limit,
    includeOthers,
    window,
    instant,
    legend,
    expr,
    eventTypes,
    ...filtersOnly
  } = query;
  return filtersOnly;
}

/** A number if the text is one. Any other text stays, so that the backend names it in its error. */
function parseLimit(text: string): number | string | undefined {
  const trimmed = text.trim();
  if (trimmed === '') {
    return undefined;
  }
  const limit = Number(trimmed);
  return Number.isInteger(limit) ? limit : trimmed;
}
