import { DataFrame, DataFrameType, FieldType, Labels } from '@grafana/data';
import { tabulateNumbers } from './tables';

jest.mock('@grafana/data', () => {
  // What Grafana 10.1.0 has at run time.
  const { NumericMulti, NumericLong, ...known } = jest.requireActual('@grafana/data').DataFrameType;
  return { ...jest.requireActual('@grafana/data'), DataFrameType: known };
});

const NUMBERS = 'numeric-multi' as DataFrameType;

function numberOf(refId: string, labels: Labels, value: number, notice?: string): DataFrame {
  return {
    refId,
    length: 1,
    meta: {
      type: NUMBERS,
      executedQueryString: 'sum(up)',
      ...(notice && { notices: [{ severity: 'info', text: notice }] }),
    },
    fields: [
      {
        name: 'requests',
        type: FieldType.number,
        config: { unit: 'reqps', displayNameFromDS: labels.model },
        labels,
        values: [value],
      },
    ],
  };
}

function rowsOf(frame: DataFrame): unknown[][] {
  return Array.from({ length: frame.length }, (_, row) => frame.fields.map(({ values }) => values[row]));
}

it('shows the labels of each number', () => {
  const { data } = tabulateNumbers({
    data: [
      numberOf('A', { model: 'bert', statistic: 'rate' }, 3, 'means are shown'),
      numberOf('A', { model: 'gpt', statistic: 'rate' }, 5),
    ],
  });
  expect(data).toHaveLength(1);
  const [table] = data as DataFrame[];
  expect(table.fields.map(({ name }) => name)).toEqual(['model', 'requests']);
  expect(rowsOf(table)).toEqual([
    ['bert', 3],
    ['gpt', 5],
  ]);
  // A column is not called after its first row.
  expect(table.fields[1].config).toEqual({ unit: 'reqps' });
  expect(table.meta).toMatchObject({
    type: 'numeric-long',
    preferredVisualisationType: 'table',
    executedQueryString: 'sum(up)',
    notices: [{ text: 'means are shown' }],
  });
});

it('distinguishes statistics if there are several, and leaves missing labels empty', () => {
  const { data } = tabulateNumbers({
    data: [numberOf('A', { statistic: 'p50' }, 1), numberOf('A', { statistic: 'p95', model: 'bert' }, 2)],
  });
  expect(data[0].fields.map(({ name }: { name: string }) => name)).toEqual(['statistic', 'model', 'requests']);
  expect(rowsOf(data[0])).toEqual([
    ['p50', '', 1],
    ['p95', 'bert', 2],
  ]);
});

it('makes a table of each query and keeps series, tables and empty responses', () => {
  const series: DataFrame = { refId: 'B', fields: [], length: 0, meta: { type: DataFrameType.TimeSeriesMulti } };
  const empty: DataFrame = { refId: 'C', fields: [], length: 0, meta: { type: NUMBERS } };
  const { data } = tabulateNumbers({
    data: [numberOf('A', { model: 'bert' }, 1), series, empty, numberOf('D', { model: 'gpt' }, 2)],
  });
  expect(data.map(({ refId, length }: DataFrame) => [refId, length])).toEqual([
    ['B', 0],
    ['C', 0],
    ['A', 1],
    ['D', 1],
  ]);
  expect(data).toEqual(expect.arrayContaining([series, empty]));
});
