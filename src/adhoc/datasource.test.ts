import { DataFrame, DataQueryRequest, DataQueryResponse } from '@grafana/data';
import { lastValueFrom } from 'rxjs';
import { answerRequests, resourceOf } from '../testing/backendSrv';
import { LABELS, newDataSource, SIGNALS, timeRange } from '../testing/datasource';
import { DashboardVariable } from '../testing/templateSrv';
import { AdHocFilter, ModelServingQuery } from '../types';

const BERT: AdHocFilter = { key: 'model', operator: '=', value: 'bert' };
const NOT_BERT: AdHocFilter = { key: 'model', operator: '!=', value: 'bert' };
const REFUSED = /"model != bert" cannot be applied: use =, or =\| \(one of\)/;
const RANGE = timeRange(1_000, 61_000);

const onDashboard = (filters: AdHocFilter[]): DashboardVariable => ({
  name: 'filters',
  value: undefined,
  adHoc: { datasource: 'serving', filters },
});

/** Grafana before 10.3 leaves the filters of a request out. */
function request(targets: ModelServingQuery[], filters?: AdHocFilter[]): DataQueryRequest<ModelServingQuery> {
  return {
    targets,
    filters,
    range: RANGE,
    scopedVars: {},
    intervalMs: 1000,
    maxDataPoints: 100,
  } as unknown as DataQueryRequest<ModelServingQuery>;
}

function answerWithFrames(refIds: string[]) {
  const frame = { schema: { fields: [{ name: 'Value', type: 'number' }] }, data: { values: [[1]] } };
  return answerRequests(() => ({
    results: Object.fromEntries(refIds.map((refId) => [refId, { status: 200, frames: [frame] }])),
  }));
}

function noticesOf({ data }: DataQueryResponse, refId: string): string[] {
  const frames = data.filter((frame: DataFrame) => frame.refId === refId);
  expect(frames).toHaveLength(1);
  return frames.flatMap((frame: DataFrame) => frame.meta?.notices?.map(({ text }) => text) ?? []);
}

describe('queries', () => {
  it.each(['signal', 'models', 'objectives', 'events'] as const)('of type %s are filtered', async (queryType) => {
    const requests = answerWithFrames(['A']);
    const datasource = newDataSource([onDashboard([BERT])]);
    const target: ModelServingQuery = {
      refId: 'A',
      queryType,
      signal: 'requests',
      filters: { deployment: ['text'], model: ['gpt', 'bert'] },
    };
    await lastValueFrom(datasource.query(request([target])));
    expect(requests).toHaveLength(1);
    expect(requests[0].data.queries[0]).toMatchObject({ filters: { deployment: ['text'], model: ['bert'] } });
  });

  it('are filtered where they have no filters of their own', () => {
    const datasource = newDataSource([onDashboard([BERT])]);
    expect(datasource.applyTemplateVariables({ refId: 'A', signal: 'requests' }, {})).toEqual({
      refId: 'A',
      signal: 'requests',
      filters: { model: ['bert'] },
    });
  });

  it('take the filters that Grafana hands over, rather than those of the variables', () => {
    const datasource = newDataSource([onDashboard([BERT]), { name: 'wanted', value: ['gpt', 't5'], multi: true }]);
    const query: ModelServingQuery = { refId: 'A', signal: 'requests' };
    const handedOver = [{ key: 'model', operator: '=|', value: '$wanted', values: ['$wanted', 'opt'] }];
    expect(datasource.applyTemplateVariables(query, {}, handedOver).filters).toEqual({ model: ['gpt', 't5', 'opt'] });
    expect(datasource.applyTemplateVariables(query, {}, []).filters).toBeUndefined();
  });

  it('keep the filters when they are taken to Explore', () => {
    const datasource = newDataSource([onDashboard([BERT])]);
    const stored: ModelServingQuery = { refId: 'A', signal: 'requests', datasource: { uid: '${datasource}' } };
    expect(datasource.interpolateVariablesInQueries([stored], {})).toEqual([
      {
        refId: 'A',
        signal: 'requests',
        filters: { model: ['bert'] },
        datasource: { type: 'coldhit-modelserving-datasource', uid: 'serving' },
      },
    ]);
  });

  it('match nothing where the filters exclude one another', () => {
    const datasource = newDataSource([onDashboard([BERT])]);
    const query = datasource.applyTemplateVariables({ refId: 'A', signal: 'x', filters: { model: ['gpt'] } }, {});
    expect(query.filters).toEqual({ model: ['(no model passes all filters)'] });
  });

  it('are refused other operators of a variable, in the panel', async () => {
    const requests = answerWithFrames(['A']);
    const datasource = newDataSource([onDashboard([NOT_BERT])]);
    const answer = datasource.query(request([{ refId: 'A', signal: 'requests' }]));
    await expect(lastValueFrom(answer)).rejects.toThrow(REFUSED);
    expect(requests).toEqual([]);
  });

  it('are refused other operators that Grafana hands over', () => {
    const datasource = newDataSource();
    expect(() => datasource.applyTemplateVariables({ refId: 'A', signal: 'x' }, {}, [NOT_BERT])).toThrow(REFUSED);
  });

  it('in PromQL are sent as they are, with a notice', async () => {
    const requests = answerWithFrames(['A', 'B']);
    const datasource = newDataSource([onDashboard([BERT])]);
    const targets: ModelServingQuery[] = [
      { refId: 'A', queryType: 'promql', expr: 'up' },
      { refId: 'B', queryType: 'signal', signal: 'requests' },
    ];
    const response = await lastValueFrom(datasource.query(request(targets)));
    expect(requests[0].data.queries[0].filters).toBeUndefined();
    expect(requests[0].data.queries[1].filters).toEqual({ model: ['bert'] });
    expect(noticesOf(response, 'A')).toEqual([expect.stringContaining('ad-hoc filters do not apply to PromQL')]);
    expect(noticesOf(response, 'B')).toEqual([]);
  });

  it.each([
    { name: 'none', filters: [] },
    { name: 'one that keeps everything', filters: [{ key: 'model', operator: '=~', value: '.*' }] },
  ])('in PromQL have no notice about filters where there is $name', async ({ filters }) => {
    answerWithFrames(['A']);
    const datasource = newDataSource([onDashboard(filters)]);
    const target: ModelServingQuery = { refId: 'A', queryType: 'promql', expr: 'up' };
    expect(noticesOf(await lastValueFrom(datasource.query(request([target]))), 'A')).toEqual([]);
  });

  it('in PromQL are not refused other operators, which they do not take either', () => {
    const datasource = newDataSource([onDashboard([NOT_BERT])]);
    const query: ModelServingQuery = { refId: 'A', queryType: 'promql', expr: 'up' };
    expect(datasource.applyTemplateVariables(query, {})).toEqual(query);
  });
});

describe('suggestions', () => {
  it('are the labels that no other filter has', async () => {
    answerRequests(() => ({ signals: SIGNALS }));
    const datasource = newDataSource();
    expect(await datasource.getTagKeys()).toEqual(LABELS.map((label) => ({ text: label, value: label })));
    const left = await datasource.getTagKeys({ filters: [BERT] });
    expect(left.map(({ text }) => text)).toEqual(LABELS.filter((label) => label !== 'model'));
  });

  it('are the values of what passes the other filters, in the time range', async () => {
    const requests = answerRequests(() => ({ values: ['bert', 'gpt'], truncated: false }));
    const datasource = newDataSource();
    const filters = [
      BERT,
      { key: 'environment', operator: '=|', value: 'a', values: ['a', 'b'] },
      { key: 'version', operator: '!=', value: '1' },
    ];
    const found = await datasource.getTagValues({ key: 'model', filters, timeRange: RANGE });
    expect(found).toEqual([
      { text: 'bert', value: 'bert' },
      { text: 'gpt', value: 'gpt' },
    ]);
    expect(requests.map(resourceOf)).toEqual(['values']);
    expect(requests[0].params).toMatchObject({ label: 'model', from: 1_000, to: 61_000 });
    expect(JSON.parse(requests[0].params?.filters)).toEqual({ environment: ['a', 'b'] });
  });

  it('are values of the label alone, where Grafana says no more', async () => {
    const requests = answerRequests(() => ({ values: ['cold', 'hot'], truncated: false }));
    await newDataSource().getTagValues({ key: 'start' });
    expect(requests[0].params).toEqual({ label: 'start', filters: '{}' });
  });
});

describe('default variables', () => {
  it('are ad-hoc filters on the data source', async () => {
    const datasource = newDataSource();
    expect(await datasource.getDefaultVariables()).toEqual([
      {
        kind: 'AdhocVariable',
        group: 'coldhit-modelserving-datasource',
        datasource: { name: 'serving' },
        spec: expect.objectContaining({ name: 'filters', label: 'Filters', hide: 'inControlsMenu', filters: [] }),
      },
    ]);
  });
});
