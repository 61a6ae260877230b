import { ScopedVars } from '@grafana/data';
import { DashboardTemplateSrv, DashboardVariable } from '../testing/templateSrv';
import { Filters } from '../types';
import { interpolateFilters, interpolateList } from './filters';

const VARIABLES: DashboardVariable[] = [
  { name: 'one', value: 'resnet' },
  { name: 'two', value: ['resnet', 'bert'], multi: true },
  { name: 'only', value: ['resnet'], multi: true },
  { name: 'version', value: ['1', '2'], multi: true },
  { name: 'everything', value: ['$__all'], options: ['resnet', 'bert'], multi: true, includeAll: true },
  { name: 'everythingSingle', value: '$__all', options: ['resnet', 'bert'], includeAll: true },
  { name: 'everythingCustom', value: ['$__all'], allValue: '.*', options: ['resnet'], multi: true, includeAll: true },
  { name: 'unloaded', value: ['$__all'], options: [], multi: true, includeAll: true },
  { name: 'empty', value: '' },
  { name: 'none', value: [], multi: true },
  { name: 'blank', value: [''], multi: true },
  { name: 'missing', value: undefined },
  { name: 'odd', value: ['a.b*c(d)|e', 'say "hi"', "it's", 'two\nlines', 'back\\slash', '$1', ' '], multi: true },
  { name: 'long', value: 'prod', text: 'Production' },
];

const templateSrv = new DashboardTemplateSrv(VARIABLES);

describe('interpolateFilters', () => {
  const cases: Array<{ name: string; model: string[]; want: string[] | 'no filter'; scoped?: ScopedVars }> = [
    { name: 'text', model: ['resnet'], want: ['resnet'] },
    { name: 'no value yet', model: [], want: 'no filter' },
    { name: 'one value', model: ['$one'], want: ['resnet'] },
    { name: 'braces', model: ['${one}'], want: ['resnet'] },
    { name: 'brackets', model: ['[[one]]'], want: ['resnet'] },
    { name: 'several values', model: ['$two'], want: ['resnet', 'bert'] },
    { name: 'a multi-value variable with one value', model: ['$only'], want: ['resnet'] },
    { name: 'a variable and text', model: ['$two', 'gpt', 'bert'], want: ['resnet', 'bert', 'gpt'] },
    { name: 'text around a variable', model: ['v$version'], want: ['v1', 'v2'] },
    { name: 'several variables', model: ['${two}:${version}'], want: ['resnet:1', 'resnet:2', 'bert:1', 'bert:2'] },
    { name: 'regex format', model: ['${two:regex}'], want: ['resnet', 'bert'] },
    { name: 'pipe format', model: ['${two:pipe}'], want: ['resnet', 'bert'] },
    { name: 'csv format in brackets', model: ['[[two:csv]]'], want: ['resnet', 'bert'] },
    { name: 'json format', model: ['${two:json}'], want: ['resnet', 'bert'] },
    { name: 'text format', model: ['${long:text}'], want: ['Production'] },
    { name: 'All', model: ['$everything'], want: 'no filter' },
    { name: 'All of a single-value variable', model: ['$everythingSingle'], want: 'no filter' },
    { name: 'All with a format', model: ['${everything:regex}'], want: 'no filter' },
    { name: 'All with text format', model: ['${everything:text}'], want: 'no filter' },
    { name: 'All with a custom value', model: ['$everythingCustom'], want: 'no filter' },
    { name: 'All before the options are loaded', model: ['$unloaded'], want: 'no filter' },
    { name: 'All beside a value', model: ['$everything', 'gpt'], want: 'no filter' },
    { name: 'All inside a text', model: ['x-$everything'], want: ['x-resnet', 'x-bert'] },
    { name: 'All with a custom value inside a text', model: ['x-$everythingCustom'], want: 'no filter' },
    { name: 'an empty value', model: ['$empty'], want: 'no filter' },
    { name: 'no values', model: ['$none'], want: 'no filter' },
    { name: 'a blank among the values', model: ['$blank'], want: 'no filter' },
    { name: 'an undefined value', model: ['$missing'], want: ['$missing'] },
    { name: 'an empty value inside a text', model: ['v$empty'], want: ['v'] },
    { name: 'an empty value beside text', model: ['$empty', 'gpt'], want: ['gpt'] },
    { name: 'an unknown variable', model: ['$nobody'], want: ['$nobody'] },
    {
      name: 'special characters',
      model: ['$odd'],
      want: ['a.b*c(d)|e', 'say "hi"', "it's", 'two\nlines', 'back\\slash', '$1', ' '],
    },
    { name: 'text with special characters', model: ['a.*"\n\\d'], want: ['a.*"\n\\d'] },
    {
      name: "a repeated panel's own value",
      model: ['$everything'],
      scoped: { everything: { text: 'bert', value: 'bert' } },
      want: ['bert'],
    },
    {
      name: 'All as own value',
      model: ['$one'],
      scoped: { one: { text: 'All', value: '$__all' } },
      want: 'no filter',
    },
  ];

  it.each(cases)('$name', ({ model, want, scoped }) => {
    const filters = interpolateFilters(templateSrv, { model }, scoped ?? {});
    expect(filters).toEqual(want === 'no filter' ? {} : { model: want });
  });

  it("keeps a panel's own value although the dashboard's choice is All", () => {
    // Newer dashboards hand a repeated panel its value without naming it in the scoped variables.
    class RepeatedPanel extends DashboardTemplateSrv {
      replace(_target?: string, _scopedVars?: ScopedVars, format?: string | Function): string {
        return typeof format === 'function' ? format('bert', { name: 'everything' }) : 'bert';
      }
    }
    const filters = interpolateFilters(new RepeatedPanel(VARIABLES), { model: ['$everything'] }, {});
    expect(filters).toEqual({ model: ['bert'] });
  });

  it('treats each label alone and leaves its input as it is', () => {
    const filters: Filters = { environment: ['$everything'], model: ['$two'], version: [] };
    const before = JSON.stringify(filters);
    expect(interpolateFilters(templateSrv, filters, {})).toEqual({ model: ['resnet', 'bert'] });
    expect(JSON.stringify(filters)).toBe(before);
  });
});

describe('interpolateList', () => {
  it.each([
    { name: 'several values', list: ['$two', 'version'], want: ['resnet', 'bert', 'version'] },
    { name: 'All', list: ['$everything'], want: ['resnet', 'bert'] },
    { name: 'no value', list: ['$empty', 'model'], want: ['model'] },
    { name: 'the same twice', list: ['resnet', '$one'], want: ['resnet'] },
  ])('$name', ({ list, want }) => {
    expect(interpolateList(templateSrv, list, {})).toEqual(want);
  });
});
