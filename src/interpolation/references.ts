import { ScopedVars } from '@grafana/data';
import { TemplateSrv } from '@grafana/runtime';

const ALL = '$__all';

/** Formats that join several values into one text. They have no effect where values are listed one by one. */
const JOINING_FORMATS = new Set([
  'raw',
  'csv',
  'pipe',
  'regex',
  'glob',
  'distributed',
  'lucene',
  'json',
  'doublequote',
  'singlequote',
  'sqlstring',
]);

/** $name, [[name]], [[name:format]], ${name}, ${name.field} and ${name:format}, as Grafana reads them. */
const REFERENCE = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\${(\w+)(?:\.([^:^}]+))?(?::([^}]+))?}/g;

interface Reference {
  /** As written. */
  text: string;
  name: string;
  /** The text passed to Grafana, without a joining format. */
  target: string;
}

/** Splits a text into literal text and references to variables, in order. */
export function splitReferences(text: string): Array<string | Reference> {
  const parts: Array<string | Reference> = [];
  let end = 0;
  for (const match of text.matchAll(REFERENCE)) {
    if (match.index > end) {
      parts.push(text.slice(end, match.index));
    }
    const name = match[1] ?? match[2] ?? match[4];
    const format = match[3] ?? match[6];
    const joined = format !== undefined && JOINING_FORMATS.has(format.split(':')[0]) && match[5] === undefined;
    parts.push({ text: match[0], name, target: joined ? '${' + name + '}' : match[0] });
    end = match.index + match[0].length;
  }
  if (end < text.length) {
    parts.push(text.slice(end));
  }
  return parts;
}

/**
 * The values of a reference, or all values (the choice All). An unknown variable has its own text as its value. A
 * variable without a value has an empty list.
 */
export type ReferenceValue = { type: 'values' | 'all'; values: string[] };

export function resolve(templateSrv: TemplateSrv, reference: Reference, scopedVars: ScopedVars): ReferenceValue {
  let captured: unknown;
  const replaced = templateSrv.replace(reference.target, scopedVars, (value: unknown) => {
    captured = value;
    return '';
  });
  const values = captured === undefined ? textValues(replaced) : listValues(captured);
  // A panel repeated by the variable has a single value, even if the choice on the dashboard is All.
  const ownValue = captured !== undefined && !Array.isArray(captured) && captured !== ALL;
  const all = !ownValue && isAllChosen(templateSrv, reference.name, scopedVars);
  return { type: all ? 'all' : 'values', values: all && captured === undefined ? [] : values };
}

function textValues(replaced: string): string[] {
  return replaced === '' ? [] : [replaced];
}

function listValues(captured: unknown): string[] {
  const list = Array.isArray(captured) ? captured : [captured];
  return list.filter((value) => value !== null && value !== undefined && value !== '').map(String);
}

function isAllChosen(templateSrv: TemplateSrv, name: string, scopedVars: ScopedVars): boolean {
  const scoped = scopedVars[name];
  if (scoped) {
    return isAll(scoped.value);
  }
  const variable = templateSrv.getVariables().find((candidate) => candidate.name === name);
  if (!variable || !('current' in variable)) {
    return false;
  }
  const { current } = variable;
  return typeof current === 'object' && current !== null && 'value' in current && isAll(current.value);
}

function isAll(value: unknown): boolean {
  return value === ALL || (Array.isArray(value) && value.length === 1 && value[0] === ALL);
}
