import { DashboardTemplateSrv } from '../testing/templateSrv';
import { ModelServingQuery } from '../types';
import { interpolateQuery } from './query';

const templateSrv = new DashboardTemplateSrv([
  { name: 'signal', value: 'queue_time' },
  { name: 'statistic', value: ['p50', 'p99'], multi: true },
  { name: 'label', value: ['model', 'version'], multi: true },
  { name: 'model', value: ['resnet', 'bert'], multi: true },
  { name: 'kind', value: 'scaling' },
  { name: 'top', value: '5' },
  { name: 'half', value: '2.5' },
  { name: 'empty', value: '' },
  { name: 'span', value: '10m' },
]);

it('replaces variables in every field', () => {
  const query: ModelServingQuery = {
    refId: 'A',
    queryType: 'signal',
    signal: '$signal',
    statistics: ['$statistic', 'mean'],
    groupBy: ['$label'],
    filters: { model: ['$model'] },
    limit: '$top',
    includeOthers: true,
    window: '$span',
    instant: false,
    legend: '$model {{version}}',
    expr: 'up{model=~"$model"}',
    eventTypes: ['$kind', 'restarts'],
  };
  const before = JSON.stringify(query);

  expect(interpolateQuery(templateSrv, query, {})).toEqual({
    refId: 'A',
    queryType: 'signal',
    signal: 'queue_time',
    statistics: ['p50', 'p99', 'mean'],
    groupBy: ['model', 'version'],
    filters: { model: ['resnet', 'bert'] },
    limit: 5,
    includeOthers: true,
    window: '10m',
    instant: false,
    legend: 'resnet + bert {{version}}',
    expr: 'up{model=~"(resnet|bert)"}',
    eventTypes: ['scaling', 'restarts'],
  });
  expect(JSON.stringify(query)).toBe(before);
});

it.each(['models', 'objectives'] as const)('sends nothing of the table of %s but its filters', (queryType) => {
  const query: ModelServingQuery = {
    refId: 'A',
    hide: false,
    queryType,
    signal: '$signal',
    statistics: ['$statistic'],
    groupBy: ['$label'],
    filters: { deployment: ['vision'], model: ['$model'], version: [] },
    limit: '$nobody',
    includeOthers: true,
    window: '$span',
    instant: false,
    legend: '$model',
    expr: 'up',
  };
  expect(interpolateQuery(templateSrv, query, {})).toEqual({
    refId: 'A',
    hide: false,
    queryType,
    filters: { deployment: ['vision'], model: ['resnet', 'bert'] },
  });
});

it('adds nothing to a query that leaves fields out', () => {
  expect(interpolateQuery(templateSrv, { refId: 'A' }, {})).toEqual({ refId: 'A' });
});

it.each([
  { limit: 50, want: 50 },
  { limit: '$top', want: 5 },
  { limit: '$empty', want: undefined },
  { limit: '$half', want: '2.5' },
  { limit: '$nobody', want: '$nobody' },
])('limit $limit becomes $want', ({ limit, want }) => {
  expect(interpolateQuery(templateSrv, { refId: 'A', limit }, {}).limit).toBe(want);
});

it("takes a panel's own values first", () => {
  const query = { refId: 'A', filters: { model: ['$model'] }, window: '$__interval' };
  const scoped = { model: { text: 'gpt', value: 'gpt' }, __interval: { text: '30s', value: '30s' } };
  expect(interpolateQuery(templateSrv, query, scoped)).toMatchObject({ filters: { model: ['gpt'] }, window: '30s' });
});
