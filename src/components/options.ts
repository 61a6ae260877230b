import { SelectableValue } from '@grafana/data';

/** Options of a select for plain texts. Chosen texts that are not offered come first, so that they stay visible. */
export function toOptions(offered: string[], chosen: string[] = []): Array<SelectableValue<string>> {
  const unoffered = chosen.filter((value) => !offered.includes(value));
  return [...new Set([...unoffered, ...offered])].map((value) => ({ label: value, value }));
}

/** The texts of chosen options. */
export function toValues(chosen: Array<SelectableValue<string>>): string[] {
  return chosen.flatMap(({ value }) => (value === undefined ? [] : [value]));
}
