import React, { useState } from 'react';
import { act, fireEvent, render, screen } from '@testing-library/react';
import { BackendSrvRequest } from '@grafana/runtime';
import { answerRequests, resourceOf } from '../../testing/backendSrv';
import { newDataSource, SIGNALS, timeRange } from '../../testing/datasource';
import { choose, enterCustom, openMenu } from '../../testing/select';
import { DashboardVariable } from '../../testing/templateSrv';
import { ModelServingQuery } from '../../types';
import { QueryEditor } from './QueryEditor';

const RANGE = timeRange(1_000, 61_000);

/** Shows the editor as a panel does, and gives the query as it is at any time and how often it was run. */
async function showEditor(initial: Partial<ModelServingQuery>, variables: DashboardVariable[] = []) {
  const datasource = newDataSource(variables);
  const current = { query: { refId: 'A', ...initial } as ModelServingQuery, runs: 0 };
  const onRunQuery = () => {
    current.runs += 1;
  };
  function Panel() {
    const [query, setQuery] = useState(current.query);
    current.query = query;
    return (
      <QueryEditor datasource={datasource} query={query} onChange={setQuery} onRunQuery={onRunQuery} range={RANGE} />
    );
  }
  await act(async () => {
    render(<Panel />);
  });
  return current;
}

function commit(label: string, text: string) {
  const input = screen.getByLabelText(label);
  fireEvent.change(input, { target: { value: text } });
  fireEvent.blur(input);
}

/** Another type's editor asks the backend for what it offers. */
async function chooseType(name: string) {
  await act(async () => {
    fireEvent.click(screen.getByRole('radio', { name }));
  });
}

const answer = (request: BackendSrvRequest) =>
  resourceOf(request) === 'signals' ? { signals: SIGNALS } : { values: ['bert', 'resnet'], truncated: false };

let requests: BackendSrvRequest[];
beforeEach(() => {
  requests = answerRequests(answer);
});

describe('signal', () => {
  const RESPONSE_TIME = {
    queryType: 'signal',
    signal: 'response_time',
    statistics: ['p95'],
    groupBy: ['model'],
  } as const;
  const query = (): Partial<ModelServingQuery> => ({ ...RESPONSE_TIME, statistics: ['p95'], groupBy: ['model'] });

  it('is chosen by name within its group', async () => {
    const current = await showEditor({ queryType: 'signal' });
    openMenu('Signal');
    for (const group of ['Volume', 'Latency', 'Compute']) {
      expect(await screen.findByText(group)).toBeInTheDocument();
    }
    fireEvent.click(screen.getByText('Response time'));
    expect(current.query).toMatchObject({ queryType: 'signal', signal: 'response_time', statistics: ['p95'] });
    expect(current.runs).toBe(1);
  });

  it('takes statistics and groupings along that the new one has', async () => {
    const current = await showEditor({
      ...query(),
      statistics: ['p95', 'mean'],
      groupBy: ['model', 'deployment', '$by'],
    });
    await choose('Signal', 'GPU power');
    expect(current.query).toMatchObject({ signal: 'gpu_power', statistics: ['mean'], groupBy: ['deployment', '$by'] });
    await choose('Signal', 'Requests');
    expect(current.query).toMatchObject({ signal: 'requests', statistics: ['rate'], groupBy: ['deployment', '$by'] });
  });

  it("offers its own statistics and labels and the dashboard's variables", async () => {
    const current = await showEditor(query(), [{ name: 'statistic', value: 'p50' }]);
    openMenu('Statistics');
    expect(await screen.findByText('p50')).toBeInTheDocument();
    expect(screen.queryByText('max')).not.toBeInTheDocument();
    fireEvent.click(screen.getByText('$statistic'));
    await choose('Group by', 'version');
    expect(current.query).toMatchObject({ statistics: ['p95', '$statistic'], groupBy: ['model', 'version'] });
  });

  it('filters by suggested, typed and variable values', async () => {
    const current = await showEditor({ ...query(), filters: { deployment: ['vision'] } }, [
      { name: 'model', value: 'x' },
    ]);
    await choose('Add filter', 'environment');
    expect(current.query.filters).toEqual({ deployment: ['vision'], environment: [] });
    await choose('Add filter', 'model');
    enterCustom('Filter environment', 'a "b"\\.*');
    await choose('Filter model', 'bert');
    await choose('Filter model', '$model');
    expect(current.query.filters).toEqual({
      deployment: ['vision'],
      environment: ['a "b"\\.*'],
      model: ['bert', '$model'],
    });

    const asked = requests.filter((request) => resourceOf(request) === 'values').at(-1);
    expect(asked?.params).toMatchObject({ label: 'model', from: 1_000, to: 61_000 });
    expect(JSON.parse(asked?.params?.filters)).toEqual({ deployment: ['vision'], environment: ['a "b"\\.*'] });

    fireEvent.click(screen.getByLabelText('Remove filter deployment'));
    expect(current.query.filters).toEqual({ environment: ['a "b"\\.*'], model: ['bert', '$model'] });
  });

  it('filters by start', async () => {
    const current = await showEditor({ queryType: 'signal', signal: 'requests' });
    requests = answerRequests((request) =>
      resourceOf(request) === 'values' ? { values: ['cold', 'hot', 'unknown'], truncated: false } : answer(request)
    );
    await choose('Add filter', 'start');
    await choose('Filter start', 'cold');
    expect(current.query.filters).toEqual({ start: ['cold'] });
    expect(requests.at(-1)?.params).toMatchObject({ label: 'start' });
  });

  it('offers variables as values, but not ad-hoc filters, which have none', async () => {
    await showEditor({ ...query(), filters: { model: [] } }, [
      { name: 'wanted', value: 'x' },
      { name: 'filters', value: undefined, adHoc: { datasource: 'serving', filters: [] } },
    ]);
    openMenu('Filter model');
    expect(await screen.findByText('$wanted')).toBeInTheDocument();
    expect(screen.queryByText('$filters')).not.toBeInTheDocument();
  });

  it('says why values are not suggested', async () => {
    requests = answerRequests((request) => {
      if (resourceOf(request) === 'values') {
        throw { data: { message: 'the engine is starting' } };
      }
      return answer(request);
    });
    await showEditor({ ...query(), filters: { model: [] } });
    openMenu('Filter model');
    expect(await screen.findByText(/the engine is starting/)).toBeVisible();
  });

  it('says why there are no signals', async () => {
    answerRequests(() => {
      throw { data: { message: 'Plugin unavailable' } };
    });
    await showEditor(query());
    expect(await screen.findByText('Plugin unavailable')).toBeVisible();
  });

  it('has a limit, others, a window, instant and a legend', async () => {
    const current = await showEditor({ ...query(), limit: 50 });
    commit('Limit', '7');
    commit('Window', '10m');
    commit('Legend', '{{model}} on $host');
    fireEvent.click(screen.getByLabelText('Others'));
    fireEvent.click(screen.getByLabelText('Instant'));
    expect(current.query).toMatchObject({
      limit: 7,
      window: '10m',
      legend: '{{model}} on $host',
      others: false,
      instant: true,
    });
    expect(current.runs).toBe(5);

    commit('Limit', '$top');
    expect(current.query.limit).toBe('$top');
    commit('Limit', '');
    expect(current.query.limit).toBeUndefined();
  });

  it.each([
    { label: 'Limit', text: 'many', problem: /Write a whole number/ },
    { label: 'Window', text: 'long', problem: /Write a duration/ },
  ])('refuses $label $text in words', async ({ label, text, problem }) => {
    await showEditor(query());
    commit(label, text);
    expect(screen.getByText(problem)).toBeVisible();
  });

  it('is run once when Enter is pressed and the field is left', async () => {
    const current = await showEditor(query());
    const input = screen.getByLabelText('Window');
    fireEvent.change(input, { target: { value: '5m' } });
    expect(current.runs).toBe(0);
    fireEvent.keyDown(input, { key: 'Enter' });
    fireEvent.blur(input);
    expect(current.query.window).toBe('5m');
    expect(current.runs).toBe(1);
  });
});

describe('query type', () => {
  it('changes to PromQL and back without losing the signal', async () => {
    const current = await showEditor({ signal: 'requests', groupBy: ['model'] });
    await chooseType('PromQL');
    fireEvent.change(screen.getByRole('textbox', { name: 'PromQL' }), { target: { value: 'sum(up)' } });
    expect(current.query).toMatchObject({ queryType: 'promql', expr: 'sum(up)' });
    fireEvent.blur(screen.getByRole('textbox', { name: 'PromQL' }));
    expect(current.runs).toBe(2);
    await chooseType('Signal');
    expect(current.query).toMatchObject({ queryType: 'signal', signal: 'requests', expr: 'sum(up)' });
  });

  it('starts a signal query where there was none', async () => {
    const current = await showEditor({ queryType: 'promql', expr: 'up' });
    await chooseType('Signal');
    expect(current.query).toMatchObject({ queryType: 'signal', signal: 'response_time', statistics: ['p95'] });
  });

  it('offers the tables right after signal', async () => {
    await showEditor({});
    const names = screen.getAllByRole('radio').map((radio) => radio.getAttribute('aria-label'));
    expect(names).toEqual(['Signal', 'Models', 'Objectives', 'Diagnosis', 'Events', 'PromQL']);
  });

  it.each([
    { name: 'Models', queryType: 'models', help: /^One row a model over the whole time range/ },
    { name: 'Objectives', queryType: 'objectives', help: /that it is held to. They are set in the data source/ },
    { name: 'Diagnosis', queryType: 'diagnosis', help: /wrong with the scaling of a deployment/ },
  ])(
    'asks for the table of $queryType with filters of any label, and nothing else',
    async ({ name, queryType, help }) => {
      const current = await showEditor({});
      const ofSignal = ['Statistics', 'Group by', 'Limit', 'Window', 'Legend'];
      ofSignal.forEach((label) => expect(screen.getByLabelText(label)).toBeInTheDocument());
      await chooseType(name);
      expect(current.query).toEqual({ refId: 'A', queryType });
      expect(screen.getByText(help)).toBeInTheDocument();
      ofSignal.forEach((label) => expect(screen.queryByLabelText(label)).not.toBeInTheDocument());
      await choose('Add filter', 'objective');
      expect(current.query).toEqual({ refId: 'A', queryType, filters: { objective: [] } });
      expect(current.runs).toBe(2);
    }
  );

  it.each(['Objectives', 'Events', 'PromQL', 'Signal'])(
    'keeps the filters from models to %s and back',
    async (name) => {
      const filters = { deployment: ['vision'], model: ['$model'] };
      const current = await showEditor({ queryType: 'models', filters });
      await chooseType(name);
      expect(current.query.filters).toEqual(filters);
      await chooseType('Models');
      expect(current.query).toMatchObject({ queryType: 'models', filters });
      expect(screen.getByRole('button', { name: 'Remove filter deployment' })).toBeInTheDocument();
    }
  );

  it('asks for events with filters of any label', async () => {
    const current = await showEditor({});
    await chooseType('Events');
    await choose('Add filter', 'gpu');
    expect(current.query).toMatchObject({ queryType: 'events', filters: { gpu: [] } });
  });

  it('asks for the kinds of events that are chosen', async () => {
    const current = await showEditor({ queryType: 'events', filters: { model: ['bert'] } });
    await choose('Kinds', 'scaling');
    expect(current.query).toMatchObject({ queryType: 'events', kinds: ['scaling'], filters: { model: ['bert'] } });
    await choose('Kinds', 'restarts');
    expect(current.query.kinds).toEqual(['scaling', 'restarts']);
    expect(current.runs).toBe(2);
  });
});
