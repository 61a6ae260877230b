import { ScopedVars, TypedVariableModel } from '@grafana/data';
import { TemplateSrv } from '@grafana/runtime';
import { AdHocFilter } from '../types';

export interface DashboardVariable {
  name: string;
  /** $__all for the choice All. */
  value: string | string[] | undefined;
  /** What there is to choose from. */
  options?: string[];
  /** A custom value for All. */
  allValue?: string;
  multi?: boolean;
  includeAll?: boolean;
  /** What is shown for the value. */
  text?: string;
  /** Makes it a variable of ad-hoc filters. */
  adHoc?: { datasource: string | null; filters: AdHocFilter[] };
}

const REFERENCE = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\${(\w+)(?:\.([^:^}]+))?(?::([^}]+))?}/g;
const ALL = '$__all';

const FORMATS: Record<string, (values: string[]) => string> = {
  glob: (values) => (values.length > 1 ? `{${values.join(',')}}` : values.join('')),
  csv: (values) => values.join(','),
  raw: (values) => values.join(','),
  pipe: (values) => values.join('|'),
  json: (values) => JSON.stringify(values),
  regex: (values) => {
    const escaped = values.map((value) => value.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'));
    return escaped.length > 1 ? `(${escaped.join('|')})` : escaped.join('');
  },
};

/** Replaces variables as a dashboard does: a custom All value is put in raw, unknown variables stay as they are. */
export class DashboardTemplateSrv implements TemplateSrv {
  constructor(private readonly variables: DashboardVariable[] = []) {}

  getVariables(): TypedVariableModel[] {
    return this.variables.map(({ name, value, text, adHoc }) =>
      adHoc
        ? { name, type: 'adhoc', datasource: adHoc.datasource && { uid: adHoc.datasource }, filters: adHoc.filters }
        : { name, type: 'query', current: { value, text: text ?? value } }
    ) as unknown as TypedVariableModel[];
  }

  replace(target = '', scopedVars: ScopedVars = {}, defaultFormat?: string | Function): string {
    return target.replace(REFERENCE, (match, plain, bracketed, bracketFormat, braced, _path, bracedFormat) => {
      const name = plain ?? bracketed ?? braced;
      const variable = this.variables.find((candidate) => candidate.name === name);
      const format = bracketFormat ?? bracedFormat ?? defaultFormat ?? 'glob';
      const scoped = scopedVars[name];
      if (scoped) {
        return formatValue(scoped.value, format, variable, scoped.text);
      }
      if (!variable || variable.value === undefined) {
        return match;
      }
      if (!isAll(variable.value)) {
        return formatValue(variable.value, format, variable, variable.text);
      }
      if (variable.allValue && format !== 'text') {
        return variable.allValue;
      }
      return formatValue(variable.options ?? [], format, variable, 'All');
    });
  }

  containsTemplate(target = ''): boolean {
    return target.search(REFERENCE) >= 0;
  }

  updateTimeRange() {}
}

function isAll(value: string | string[] | undefined): boolean {
  return value === ALL || (Array.isArray(value) && value[0] === ALL);
}

function formatValue(
  value: string | string[],
  format: string | Function,
  variable: DashboardVariable | undefined,
  text: string | undefined
): string {
  if (typeof format === 'function') {
    return format(value, variable ?? {}, formatValue);
  }
  const values = Array.isArray(value) ? value : [value];
  return format === 'text' ? (text ?? values.join(' + ')) : FORMATS[format](values);
}
