import { ScopedVars } from '@grafana/data';
import { TemplateSrv } from '@grafana/runtime';

interface FormattedVariable {
  multi?: boolean;
  includeAll?: boolean;
}

/**
 * PromQL with every variable replaced, for use inside quotes. A variable that may have several values becomes a regular
 * expression (use it with =~), any other one its value. An explicit format, as in ${model:csv}, is left to Grafana.
 */
export function interpolatePromql(templateSrv: TemplateSrv, expr: string, scopedVars: ScopedVars): string {
  return templateSrv.replace(expr, scopedVars, formatForPromql);
}

/** A regular expression that nothing matches: a choice without values is not a choice of everything. */
const NOTHING = '[^\\x00-\\x{10FFFF}]';

function formatForPromql(value: unknown, variable?: FormattedVariable): string {
  const several = Array.isArray(value) || variable?.multi || variable?.includeAll;
  if (!several) {
    return quotable(String(value));
  }
  const texts = (Array.isArray(value) ? value : [value]).map(String).filter((text) => text !== '');
  if (texts.length === 0) {
    return quotable(NOTHING);
  }
  const alternatives = texts.map((text) => quotable(literalExpression(text)));
  return alternatives.length === 1 ? alternatives[0] : `(${alternatives.join('|')})`;
}

function literalExpression(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** Escapes so that the text means itself in both kinds of PromQL quotes, which refuse each other's \" and \'. */
function quotable(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/"/g, '\\x22').replace(/'/g, '\\x27').replace(/\n/g, '\\n');
}
