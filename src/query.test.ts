import { CoreApp } from '@grafana/data';
import { defaultQuery, describeQuery, isComplete } from './query';
import { ModelServingQuery } from './types';

const query = (fields: Partial<ModelServingQuery>): ModelServingQuery => ({ refId: 'A', ...fields });

describe('isComplete', () => {
  it.each([
    { name: 'a signal', fields: { queryType: 'signal', signal: 'requests' }, want: true },
    { name: 'a signal without a type', fields: { signal: 'requests' }, want: true },
    { name: 'no signal', fields: { queryType: 'signal' }, want: false },
    { name: 'a blank signal', fields: { queryType: 'signal', signal: ' ' }, want: false },
    { name: 'an empty query', fields: {}, want: false },
    { name: 'models', fields: { queryType: 'models' }, want: true },
    { name: 'objectives', fields: { queryType: 'objectives' }, want: true },
    { name: 'diagnosis', fields: { queryType: 'diagnosis' }, want: true },
    { name: 'events', fields: { queryType: 'events' }, want: true },
    { name: 'PromQL', fields: { queryType: 'promql', expr: 'up' }, want: true },
    { name: 'no PromQL', fields: { queryType: 'promql', signal: 'requests', expr: '\n' }, want: false },
  ] as Array<{ name: string; fields: Partial<ModelServingQuery>; want: boolean }>)('$name', ({ fields, want }) => {
    expect(isComplete(query(fields))).toBe(want);
  });
});

describe('describeQuery', () => {
  it.each([
    {
      fields: {
        signal: 'response_time',
        statistics: ['p95', 'mean'],
        groupBy: ['model', 'version'],
        filters: { environment: ['production', 'staging'], model: ['$model'], version: [] },
      },
      want: 'p95, mean of response_time by model, version where environment is production or staging and model is $model',
    },
    { fields: { signal: 'requests' }, want: 'requests' },
    { fields: {}, want: '' },
    { fields: { queryType: 'models', signal: 'requests', groupBy: ['model'] }, want: 'Models' },
    {
      fields: { queryType: 'models', filters: { deployment: ['vision'], model: [] } },
      want: 'Models where deployment is vision',
    },
    {
      fields: { queryType: 'objectives', window: '5m', filters: { environment: ['production'] } },
      want: 'Objectives where environment is production',
    },
    { fields: { queryType: 'objectives' }, want: 'Objectives' },
    { fields: { queryType: 'events' }, want: 'Events' },
    { fields: { queryType: 'events', kinds: ['scaling', 'restarts'] }, want: 'Events (scaling, restarts)' },
    { fields: { queryType: 'events', filters: { model: ['bert'] } }, want: 'Events where model is bert' },
    {
      fields: { queryType: 'diagnosis', filters: { deployment: ['vision'] } },
      want: 'Diagnosis where deployment is vision',
    },
    { fields: { queryType: 'promql', signal: 'requests', expr: ' sum(up)\n' }, want: 'sum(up)' },
    { fields: { queryType: 'promql' }, want: '' },
    {
      fields: { signal: 'requests', limit: '$top', window: '10m', instant: true, filters: { start: ['cold'] } },
      want: 'requests where start is cold, top $top, over 10m, one value',
    },
    { fields: { signal: 'requests', limit: 50, window: ' ', instant: false }, want: 'requests' },
    { fields: { queryType: 'forecast', filters: { model: ['bert'] } }, want: 'forecast where model is bert' },
  ] as Array<{ fields: object; want: string }>)('$want', ({ fields, want }) => {
    expect(describeQuery(query(fields))).toBe(want);
  });
});

describe('defaultQuery', () => {
  it('asks for the p95 response time by model and is complete', () => {
    const fields = defaultQuery(CoreApp.Explore);
    expect(fields).toMatchObject({ signal: 'response_time', statistics: ['p95'], groupBy: ['model'] });
    expect(fields.instant).toBeUndefined();
    expect(isComplete(query(fields))).toBe(true);
  });

  it('asks for one number a model in alert rules', () => {
    expect(defaultQuery(CoreApp.UnifiedAlerting)).toMatchObject({ instant: true, others: false });
  });
});
