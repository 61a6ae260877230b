import { ScopedVars } from '@grafana/data';
import { TemplateSrv } from '@grafana/runtime';
import { Filters } from '../types';
import { ReferenceValue, resolve, splitReferences } from './references';

/**
 * The filters with every variable replaced by its values.
 *
 * The filter of a label is dropped if one of its values is only a variable whose choice is All, or if its variables have
 * no values, such as an empty text box.
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

/** A list, such as groupings, with every variable replaced by its values. Variables without values are omitted. */
export function interpolateList(templateSrv: TemplateSrv, list: string[], scopedVars: ScopedVars): string[] {
  return unique(list.flatMap((value) => expand(templateSrv, value, scopedVars).values));
}

interface Expansion {
  everything: boolean;
  values: string[];
}

function expand(templateSrv: TemplateSrv, text: string, scopedVars: ScopedVars): Expansion {
  const parts = splitReferences(text);
  const resolved = parts.map((part): ReferenceValue =>
    typeof part === 'string' ? { type: 'values', values: [part] } : resolve(templateSrv, part, scopedVars)
  );
  // "v$version" still filters if the choice is All, unless a custom All value hides the options.
  const everything = resolved.some(({ type, values }) => type === 'all' && (parts.length === 1 || values.length === 0));
  // Within a text, a variable without a value is empty, as everywhere in Grafana.
  const values = resolved.reduce(
    (texts, { values }) => texts.flatMap((start) => (values.length > 0 ? values : ['']).map((end) => start + end)),
    ['']
  );
  return { everything, values: values.filter((value) => value !== '') };
}

function unique(values: string[]): string[] {
  return [...new Set(values)];
}
