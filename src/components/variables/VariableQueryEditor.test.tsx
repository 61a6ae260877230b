import React, { useState } from 'react';
import { act, render, screen } from '@testing-library/react';
import { mockBackend, resourceOf } from '../../testing/backendSrvMock';
import { LABELS, newDataSource, SIGNALS } from '../../testing/datasource';
import { choose, openMenu } from '../../testing/select';
import { DashboardVariable } from '../../testing/templateSrv';
import { ModelServingVariableQuery } from '../../types';
import { VariableQueryEditor } from './VariableQueryEditor';

async function showEditor(initial: unknown, variables: DashboardVariable[] = []) {
  const datasource = newDataSource(variables);
  const current = { query: initial as ModelServingVariableQuery };
  function Page() {
    const [query, setQuery] = useState(current.query);
    current.query = query;
    return (
      <VariableQueryEditor datasource={datasource} query={query} onChange={setQuery} onRunQuery={() => undefined} />
    );
  }
  await act(async () => {
    render(<Page />);
  });
  return current;
}

beforeEach(() => {
  mockBackend((request) =>
    resourceOf(request) === 'signals' ? { signals: SIGNALS } : { values: ['production'], truncated: false }
  );
});

it('starts from an empty query, which Grafana passes as an empty text', async () => {
  const current = await showEditor('');
  await choose('Label', 'model');
  expect(current.query).toEqual({ refId: expect.stringMatching(/.+/), label: 'model', filters: {} });
});

it('offers every label once', async () => {
  await showEditor({ refId: 'V' });
  openMenu('Label');
  for (const label of LABELS) {
    expect(await screen.findAllByText(label)).toHaveLength(1);
  }
});

it('filters by other variables', async () => {
  const current = await showEditor({ refId: 'V', label: 'model' }, [{ name: 'environment', value: 'production' }]);
  await choose('Add filter', 'environment');
  await choose('Filter environment', '$environment');
  expect(current.query).toEqual({ refId: 'V', label: 'model', filters: { environment: ['$environment'] } });
});

it('does not filter by the label itself', async () => {
  const current = await showEditor({ refId: 'V', label: 'model', filters: { deployment: ['vision'], gpu: ['0'] } });
  await choose('Label', 'deployment');
  expect(current.query).toEqual({ refId: 'V', label: 'deployment', filters: { gpu: ['0'] } });
});
