import { ScopedVars } from '@grafana/data';
import { TemplateSrv } from '@grafana/runtime';
import { Filters } from '../types';
import { Resolved, resolve, splitReferences } from './references';

/**
 * The filters with every variable replaced by its values.
 *
 * A value that is nothing but a variable whose choice is All drops its label's filter, and so does a variable that has no
 * value, such as a text box that was left empty, where it is all that the filter has.
 */
export function interpolateFilters(templateSrv: TemplateSrv, filters: Filters, scopedVars: ScopedVars): Filters {
  const interpolated: Filters = {};
  for (const [label, values] of Object.entries(filters)) {
    const expanded = values.map((value) => expand(templateSrv, value, scopedVars));
    if (values.length === 0 || expanded.some(({ everything }) => everything)) {
      continue;
    }
    const found = unique(expanded.flatMap((one) => one.values));
    if (found.length > 0) {
      interpolated[label] = found;
    }
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
  // Within a text a variable without a value is empty, as Grafana has it everywhere.
  const values = resolved.reduce(
    (texts, { values }) => texts.flatMap((start) => (values.length > 0 ? values : ['']).map((end) => start + end)),
    ['']
  );
  return { everything, values: values.filter((value) => value !== '') };
}

function unique(values: string[]): string[] {
  return [...new Set(values)];
}
