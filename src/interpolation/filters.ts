import { ScopedVars } from '@grafana/data';
import { TemplateSrv } from '@grafana/runtime';
import { Filters } from '../types';
import { Resolved, resolve, splitReferences } from './references';

/**
 * The filters with every variable replaced by its values.
 *
 * A value that is nothing but a variable whose choice is All drops its label's filter. A variable that has no value keeps
 * its own text as the value, so that the query matches nothing instead of everything.
 */
export function interpolateFilters(templateSrv: TemplateSrv, filters: Filters, scopedVars: ScopedVars): Filters {
  const interpolated: Filters = {};
  for (const [label, values] of Object.entries(filters)) {
    const expanded = values.map((value) => expand(templateSrv, value, scopedVars));
    if (values.length === 0 || expanded.some(({ everything }) => everything)) {
      continue;
    }
    const found = unique(expanded.flatMap((one) => one.values));
    interpolated[label] = found.length > 0 ? found : values;
  }
  return interpolated;
}

/** A list, such as groupings, with every variable replaced by its values; one that has none is left out. */
export function interpolateList(templateSrv: TemplateSrv, list: string[], scopedVars: ScopedVars): string[] {
  return unique(list.flatMap((value) => expand(templateSrv, value, scopedVars).values));
}

interface Expansion {
  everything: boolean;
  values: string[];
}

function expand(templateSrv: TemplateSrv, text: string, scopedVars: ScopedVars): Expansion {
  const parts = splitReferences(text);
  const resolved = parts.map((part): Resolved =>
    typeof part === 'string' ? { kind: 'values', values: [part] } : resolve(templateSrv, part, scopedVars)
  );
  // "v$version" still says something when the choice is All, unless a custom All value hides what there is.
  const everything = resolved.some(({ kind, values }) => kind === 'all' && (parts.length === 1 || values.length === 0));
  const values = resolved.reduce(
    (texts, { values }) => texts.flatMap((start) => values.map((end) => start + end)),
    ['']
  );
  return { everything, values: values.filter((value) => value !== '') };
}

function unique(values: string[]): string[] {
  return [...new Set(values)];
}
