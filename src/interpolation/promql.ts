import { ScopedVars } from '@grafana/data';
import { TemplateSrv } from '@grafana/runtime';

interface FormattedVariable {
  multi?: boolean;
  includeAll?: boolean;
}

/**
 * PromQL with every variable replaced, for use inside quotes. A variable that can have several values becomes a regular
 * expression, for use with =~. Any other variable becomes its value. Grafana applies explicit formats, as in ${model:csv}.
 */
export function interpolatePromql(templateSrv: TemplateSrv, expr: string, scopedVars: ScopedVars): string {
  return templateSrv.replace(expr, scopedVars, formatForPromql);
}

/** A regular expression without matches: a choice without values does not select everything. */
const NOTHING = '[^\\x00-\\x{10FFFF}]';

function formatForPromql(value: unknown, variable?: FormattedVariable): string {
  const several = Array.isArray(value) || variable?.multi || variable?.includeAll;
  if (!several) {
    return escapeForQuotes(String(value));
  }
  const texts = (Array.isArray(value) ? value : [value]).map(String).filter((text) => text !== '');
  if (texts.length === 0) {
    return escapeForQuotes(NOTHING);
  }
  const alternatives = texts.map((text) => escapeForQuotes(escapeRegex(text)));
  return alternatives.length === 1 ? alternatives[0] : `(${alternatives.join('|')})`;
}

function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** Escapes a text for both types of PromQL quotes, which reject the \" and \' of each other. */
function escapeForQuotes(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/"/g, '\\x22').replace(/'/g, '\\x27').replace(/\n/g, '\\n');
}
