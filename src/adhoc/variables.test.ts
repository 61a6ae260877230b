import { DashboardTemplateSrv } from '../testing/templateSrv';
import { AdHocFilter } from '../types';
import { filtersOfVariables } from './variables';

const BERT: AdHocFilter = { key: 'model', operator: '=', value: 'bert' };
const COLD: AdHocFilter = { key: 'start', operator: '=', value: 'cold' };

const OURS = { uid: 'serving', name: 'Model Serving' };

const on = (datasource: string | null, filters: AdHocFilter[]) => ({
  name: 'filters',
  value: undefined,
  adHoc: { datasource, filters },
});

it.each([
  { name: 'its uid', datasource: 'serving', found: true },
  { name: 'a variable that holds its uid', datasource: '${uid}', found: true },
  { name: 'a variable that holds its name', datasource: '$name', found: true },
  { name: 'another uid', datasource: 'prometheus', found: false },
  { name: 'a variable that holds another uid', datasource: '${other}', found: false },
  { name: 'the default data source, which it is not', datasource: 'default', found: false },
  { name: 'no data source', datasource: null, found: false },
])('filters on $name: $found', ({ datasource, found }) => {
  const templateSrv = new DashboardTemplateSrv([
    { name: 'uid', value: 'serving' },
    { name: 'name', value: 'Model Serving' },
    { name: 'other', value: 'prometheus' },
    on(datasource, [BERT]),
  ]);
  expect(filtersOfVariables(templateSrv, OURS, {})).toEqual(found ? [BERT] : []);
});

it('filters on the default data source, which it is', () => {
  const templateSrv = new DashboardTemplateSrv([on('default', [BERT])]);
  expect(filtersOfVariables(templateSrv, { ...OURS, isDefault: true }, {})).toEqual([BERT]);
});

it('filters of several variables', () => {
  const templateSrv = new DashboardTemplateSrv([on('serving', [BERT]), on('prometheus', []), on('serving', [COLD])]);
  expect(filtersOfVariables(templateSrv, OURS, {})).toEqual([BERT, COLD]);
});
