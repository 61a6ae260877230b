import { AdHocFilter, Filters } from '../types';
import { intersectFilters, toFilters } from './filters';

const filter = (key: string, operator: string, value: string, values?: string[]): AdHocFilter => ({
  key,
  operator,
  value,
  values,
});

describe('toFilters', () => {
  const cases: Array<{ name: string; adHoc: AdHocFilter[]; want: Filters }> = [
    { name: 'none', adHoc: [], want: {} },
    { name: 'one value', adHoc: [filter('model', '=', 'bert')], want: { model: ['bert'] } },
    {
      name: 'several labels',
      adHoc: [filter('model', '=', 'bert'), filter('start', '=', 'cold')],
      want: { model: ['bert'], start: ['cold'] },
    },
    {
      name: 'one of several values',
      adHoc: [filter('model', '=|', 'bert', ['bert', 'gpt'])],
      want: { model: ['bert', 'gpt'] },
    },
    { name: 'one of one value', adHoc: [filter('model', '=|', 'bert')], want: { model: ['bert'] } },
    { name: 'values that = leaves over', adHoc: [filter('model', '=', 'bert', ['gpt'])], want: { model: ['bert'] } },
    {
      name: 'one label twice',
      adHoc: [filter('model', '=|', 'bert', ['bert', 'gpt']), filter('model', '=', 'gpt')],
      want: { model: ['gpt'] },
    },
    {
      name: 'one label twice, with nothing in common',
      adHoc: [filter('model', '=', 'bert'), filter('model', '=', 'gpt')],
      want: { model: ['(no model passes all filters)'] },
    },
    {
      name: 'a filter that is still being typed',
      adHoc: [filter('', '=', 'bert'), filter('model', '!=', ''), filter('version', '=|', '', [])],
      want: {},
    },
    { name: 'everything, as Grafana writes it', adHoc: [filter('model', '=~', '.*')], want: {} },
  ];
  it.each(cases)('$name', ({ adHoc, want }) => {
    expect(toFilters(adHoc)).toEqual(want);
  });

  it.each(['!=', '=~', '!~', '<', '>', '<=', '!=|', 'groupBy'])('refuses %s and says what can be used', (operator) => {
    const adHoc = [filter('start', '=', 'cold'), filter('model', operator, 'bert')];
    expect(() => toFilters(adHoc)).toThrow(
      `The ad-hoc filter "model ${operator} bert" cannot be applied: use =, or =| (one of)`
    );
  });
});

describe('intersectFilters', () => {
  it.each([
    { name: 'nothing', one: {}, other: {}, want: {} },
    { name: 'one alone', one: { model: ['a'] }, other: {}, want: { model: ['a'] } },
    { name: 'the other alone', one: {}, other: { model: ['a'] }, want: { model: ['a'] } },
    {
      name: 'different labels',
      one: { model: ['a'] },
      other: { start: ['hot'] },
      want: { model: ['a'], start: ['hot'] },
    },
    { name: 'a label without values', one: { model: [] }, other: { model: ['a'] }, want: { model: ['a'] } },
    { name: 'the other without values', one: { model: ['a'] }, other: { model: [] }, want: { model: ['a'] } },
    {
      name: 'what is in both',
      one: { model: ['a', 'b', 'c'] },
      other: { model: ['c', 'a'] },
      want: { model: ['a', 'c'] },
    },
    {
      name: 'nothing in common',
      one: { model: ['a'] },
      other: { model: ['b'] },
      want: { model: ['(no model passes all filters)'] },
    },
  ] as Array<{ name: string; one: Filters; other: Filters; want: Filters }>)('$name', ({ one, other, want }) => {
    const before = JSON.stringify([one, other]);
    expect(intersectFilters(one, other)).toEqual(want);
    expect(JSON.stringify([one, other])).toBe(before);
  });
});
