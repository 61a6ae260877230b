import { CoreApp, DataQueryRequest } from '@grafana/data';
import { lastValueFrom } from 'rxjs';
import { ModelServingDataSource } from './datasource';
import { mockBackend, resourceOf } from './testing/backendSrvMock';
import { newDataSource, SIGNALS, timeRange } from './testing/datasource';
import { ModelServingQuery, ModelServingVariableQuery } from './types';

const RANGE = timeRange(1_000, 61_000);

function variableRequest(query: Partial<ModelServingVariableQuery>): DataQueryRequest<ModelServingVariableQuery> {
  return {
    targets: [{ refId: 'V', ...query }],
    range: RANGE,
    scopedVars: {},
  } as unknown as DataQueryRequest<ModelServingVariableQuery>;
}

it('is a class with one argument, so that Grafana 10 does not treat it as an Angular data source', () => {
  expect(ModelServingDataSource).toHaveLength(1);
});

it('sends queries whose variables are replaced', async () => {
  const requests = mockBackend(() => ({ results: {} }));
  const datasource = newDataSource([
    { name: 'model', value: ['bert', 'gpt'], multi: true },
    { name: 'deployment', value: ['$__all'], options: ['vision'], includeAll: true },
    { name: 'environment', value: '' },
  ]);
  const target: ModelServingQuery = {
    refId: 'A',
    signal: 'requests',
    filters: { model: ['$model'], deployment: ['$deployment'], environment: ['$environment'] },
  };

  await lastValueFrom(
    datasource.query({
      targets: [target],
      range: RANGE,
      scopedVars: {},
      intervalMs: 1000,
      maxDataPoints: 100,
    } as unknown as DataQueryRequest<ModelServingQuery>)
  );

  expect(requests).toHaveLength(1);
  const [sent] = requests[0].data.queries;
  expect(sent).toMatchObject({ refId: 'A', signal: 'requests' });
  expect(sent.filters).toEqual({ model: ['bert', 'gpt'] });
});

it.each([
  { app: CoreApp.Explore, columns: [['model', 'requests']] },
  { app: CoreApp.Dashboard, columns: [['requests'], ['requests']] },
])('answers $app for one value a model', async ({ app, columns }) => {
  const frame = (model: string) => ({
    schema: {
      refId: 'A',
      meta: { type: 'numeric-multi', typeVersion: [0, 1] },
      fields: [{ name: 'requests', type: 'number', labels: { model } }],
    },
    data: { values: [[1]] },
  });
  mockBackend(() => ({ results: { A: { frames: [frame('bert'), frame('gpt')] } } }));
  const request = { app, targets: [{ refId: 'A', signal: 'requests', instant: true }], range: RANGE, scopedVars: {} };

  const { data } = await lastValueFrom(
    newDataSource().query(request as unknown as DataQueryRequest<ModelServingQuery>)
  );

  expect(data.map(({ fields }) => fields.map(({ name }: { name: string }) => name))).toEqual(columns);
});

it('runs complete queries only', () => {
  const datasource = newDataSource();
  expect(datasource.filterQuery({ refId: 'A', queryType: 'models' })).toBe(true);
  expect(datasource.filterQuery({ refId: 'A' })).toBe(false);
  expect(datasource.filterQuery({ refId: 'A', ...datasource.getDefaultQuery(CoreApp.Explore) })).toBe(true);
});

it('queries the table of models with its filters', () => {
  const datasource = newDataSource([{ name: 'deployment', value: ['vision', 'text'], multi: true }]);
  const query: ModelServingQuery = {
    refId: 'A',
    queryType: 'models',
    window: '5m',
    filters: { deployment: ['$deployment'] },
  };
  expect(datasource.applyTemplateVariables(query, {})).toEqual({
    refId: 'A',
    queryType: 'models',
    filters: { deployment: ['vision', 'text'] },
  });
  expect(datasource.getQueryDisplayText(query)).toBe('Models where deployment is $deployment');
});

describe('signals', () => {
  it('are requested once', async () => {
    const requests = mockBackend(() => ({ signals: SIGNALS }));
    const datasource = newDataSource();
    expect(await Promise.all([datasource.signals(), datasource.signals()])).toEqual([SIGNALS, SIGNALS]);
    expect(requests.map(resourceOf)).toEqual(['signals']);
  });

  it('are requested again after a failure', async () => {
    let broken = true;
    mockBackend(() => {
      if (broken) {
        throw new Error('no backend');
      }
      return { signals: SIGNALS };
    });
    const datasource = newDataSource();
    await expect(datasource.signals()).rejects.toThrow('no backend');
    broken = false;
    await expect(datasource.signals()).resolves.toEqual(SIGNALS);
  });
});

describe('variables', () => {
  it("take a label's values in the dashboard's range, filtered by other variables", async () => {
    const requests = mockBackend(() => ({ values: ['bert', 'resnet'], truncated: false }));
    const { variables } = newDataSource([
      { name: 'environment', value: ['production', 'staging'], multi: true },
      { name: 'deployment', value: '$__all', options: ['vision', 'text'], includeAll: true },
    ]);
    // Grafana calls the function without its object.
    const { query } = variables;

    const { data } = await lastValueFrom(
      query(
        variableRequest({
          label: 'model',
          filters: { environment: ['$environment'], deployment: ['$deployment'] },
        })
      )
    );

    expect(data).toEqual([
      { text: 'bert', value: 'bert' },
      { text: 'resnet', value: 'resnet' },
    ]);
    expect(requests.map(resourceOf)).toEqual(['values']);
    const { filters, ...params } = requests[0].params ?? {};
    expect(params).toEqual({ label: 'model', from: 1_000, to: 61_000 });
    expect(JSON.parse(filters)).toEqual({ environment: ['production', 'staging'] });
  });

  it('that depend on one without a value are not filtered by it', async () => {
    const requests = mockBackend(() => ({ values: [], truncated: false }));
    const { variables } = newDataSource([{ name: 'environment', value: [], multi: true }]);
    await lastValueFrom(
      variables.query(variableRequest({ label: 'model', filters: { environment: ['$environment'] } }))
    );
    expect(JSON.parse(requests[0].params?.filters)).toEqual({});
  });

  it('without a label have no values and send no request', async () => {
    const requests = mockBackend(() => ({}));
    const { variables } = newDataSource();
    expect(await lastValueFrom(variables.query(variableRequest({})))).toEqual({ data: [] });
    expect(requests).toEqual([]);
  });

  it('fail with the reason', async () => {
    mockBackend(() => {
      throw new Error('the data folder is full');
    });
    const { variables } = newDataSource();
    await expect(lastValueFrom(variables.query(variableRequest({ label: 'model' })))).rejects.toThrow('folder is full');
  });

  it('are found through metricFindQuery too', async () => {
    const requests = mockBackend(() => ({ values: ['bert'], truncated: false }));
    const datasource = newDataSource();
    const found = await datasource.metricFindQuery({ refId: 'V', label: 'model' }, { range: RANGE });
    expect(found).toEqual([{ text: 'bert', value: 'bert' }]);
    expect(requests[0].params).toEqual({ label: 'model', filters: '{}', from: 1_000, to: 61_000 });
  });
});

describe('annotations', () => {
  const { annotations } = newDataSource();
  const annotation = { name: 'Loads', enable: true, iconColor: 'blue' };

  it('query events', () => {
    expect(annotations.getDefaultQuery?.()).toEqual({ queryType: 'events', filters: {} });
    expect(annotations.prepareQuery?.(annotation)).toEqual({ refId: 'Anno', queryType: 'events' });
  });

  it('keep their filters', () => {
    const target: ModelServingQuery = { refId: 'B', queryType: 'signal', filters: { model: ['$model'] } };
    expect(annotations.prepareQuery?.({ ...annotation, target })).toEqual({ ...target, queryType: 'events' });
  });
});
