import { DataFrame, DataFrameType, DataQueryResponse, Field, FieldType, Labels } from '@grafana/data';

const STATISTIC = 'statistic';

// Grafana 10.1.0 lacks names for these types, although its packages have them.
const NUMBERS = 'numeric-multi' as DataFrameType;
const TABLE = 'numeric-long' as DataFrameType;

/**
 * The response for Explore, which would merge frames of single numbers into columns of one name without their labels. The
 * frames of a query become one table with a column per label.
 */
export function tabulateNumbers(response: DataQueryResponse): DataQueryResponse {
  const numbersOf = new Map<string | undefined, DataFrame[]>();
  for (const frame of response.data.filter(isNumber)) {
    numbersOf.set(frame.refId, [...(numbersOf.get(frame.refId) ?? []), frame]);
  }
  if (numbersOf.size === 0) {
    return response;
  }
  const others = response.data.filter((frame) => !isNumber(frame));
  return { ...response, data: [...others, ...[...numbersOf.values()].map(toTable)] };
}

function isNumber(frame: DataFrame): boolean {
  return frame.meta?.type === NUMBERS && frame.fields.length === 1;
}

/** The first frame has the notices and the executed queries of all frames. */
function toTable(frames: DataFrame[]): DataFrame {
  const numbers = frames.map(({ fields: [number] }) => number);
  const labels = numbers.map((number) => number.labels ?? {});
  const { displayNameFromDS: _, ...config } = numbers[0].config;
  const value: Field = { ...numbers[0], config, labels: undefined, values: numbers.map(({ values }) => values[0]) };
  delete value.state;
  return {
    ...frames[0],
    fields: [...columns(labels), value],
    length: frames.length,
    meta: { ...frames[0].meta, type: TABLE, preferredVisualisationType: 'table' },
  };
}

function columns(rows: Labels[]): Field[] {
  const names = [...new Set(rows.flatMap(Object.keys))];
  const fields = names.map((name) => ({
    name,
    type: FieldType.string,
    config: {},
    values: rows.map((row) => row[name] ?? ''),
  }));
  // A statistic that all numbers share is part of the query.
  return fields.filter(({ name, values }) => name !== STATISTIC || new Set(values).size > 1);
}
