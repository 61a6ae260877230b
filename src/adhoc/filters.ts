import { AdHocFilter, Filters } from '../types';

/** Operators that select series whose label has the value, or one of the values. */
const OPERATORS = ['=', '=|'];

/**
 * Ad-hoc filters as filters of a query. Filters of one label are intersected.
 *
 * @throws Error for a filter whose operator is not supported. The message names the operators that are.
 */
export function toFilters(adHoc: AdHocFilter[]): Filters {
  const filters: Filters = {};
  for (const filter of adHoc.filter(isFiltering)) {
    if (!isApplicable(filter)) {
      throw new Error(
        `The ad-hoc filter "${filter.key} ${filter.operator} ${filter.value}" is not supported: use the operator = or, ` +
          `where Grafana offers it, =| (one of).`
      );
    }
    Object.assign(filters, intersectFilters(filters, { [filter.key]: valuesOf(filter) }));
  }
  return filters;
}

/** Whether queries support the operator of a filter. */
export function isApplicable({ operator }: AdHocFilter): boolean {
  return OPERATORS.includes(operator);
}

/** The intersection of two sets of filters. */
export function intersectFilters(one: Filters, other: Filters): Filters {
  const both: Filters = { ...one };
  for (const [label, values] of Object.entries(other)) {
    const known = one[label] ?? [];
    if (known.length === 0) {
      both[label] = values;
    } else if (values.length > 0) {
      const common = known.filter((value) => values.includes(value));
      // A list without values would filter nothing. No label has this value, which explains the empty panel.
      both[label] = common.length > 0 ? common : [`(no ${label} passes all filters)`];
    }
  }
  return both;
}

/** Whether a filter has an effect. An incomplete filter has none, nor has Grafana's own notation for no filter. */
export function isFiltering({ key, operator, value, values }: AdHocFilter): boolean {
  const complete = key !== '' && (value !== '' || Boolean(values?.length));
  return complete && !(operator === '=~' && value === '.*');
}

function valuesOf({ operator, value, values }: AdHocFilter): string[] {
  return operator === '=|' && values?.length ? values : [value];
}
