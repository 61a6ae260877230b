import { act, fireEvent, render, screen, waitFor } from '@testing-library/react';
import React from 'react';
import { BackendSrv, config, setBackendSrv } from '@grafana/runtime';
import { Subject } from 'rxjs';
import { ModelServingSettings } from '../../settings/secrets';
import { mockBackend, resourceOf } from '../../testing/backendSrvMock';
import { click, settingsWith, showEditor, type } from '../../testing/configEditor';
import { choose, enterCustom, openMenu } from '../../testing/select';
import { ModelServingOptions } from '../../types';
import { ConfigEditor } from './ConfigEditor';

const LABELS = [
  { name: 'namespace', values: ['prod', 'dev'] },
  { name: 'pod', values: ['triton-0', 'triton-1'] },
];

const CHOSEN = { mode: 'prometheus' } as const;

function answering(labels: () => unknown = () => ({ labels: LABELS })) {
  return mockBackend((request) => (resourceOf(request) === 'labels' ? labels() : { profiles: [] }));
}

function serverWith(jsonData: ModelServingOptions = {}, more: Partial<ModelServingSettings> = {}) {
  return settingsWith({ ...CHOSEN, ...jsonData }, { url: 'http://prometheus:9090', access: 'proxy', ...more });
}

const urlInput = () => screen.getByPlaceholderText('http://prometheus:9090');

/** The titles of the page's parts; some fields are groups as well. */
function headings() {
  const parts = screen.getAllByRole('group').filter((group) => !group.parentElement?.closest('fieldset'));
  return parts.map((part) => part.querySelector('legend')?.textContent);
}

beforeEach(() => answering());

it('changes the mode and back, and keeps what was set', async () => {
  const jsonData = {
    interval: '5s',
    scrapeTimeout: '2s',
    timeout: 30,
    targets: [{ id: 'a', url: 'http://a/metrics' }],
  };
  const current = await showEditor(settingsWith(jsonData, { url: '', access: 'proxy' }));
  expect(screen.getByRole('radio', { name: 'Embedded' })).toBeChecked();
  expect(headings()).toEqual([
    'Mode',
    'Targets',
    'Profiles',
    'Objectives',
    'Alert rules',
    'Scraping',
    'History',
    'Remote write',
    'Scrape limits',
  ]);

  fireEvent.click(screen.getByRole('radio', { name: 'Prometheus-compatible' }));
  expect(headings()).toEqual([
    'Mode',
    'Server',
    'Labels',
    'Profiles',
    'Objectives',
    'Alert rules',
    'Recording rules',
    'Queries',
    'Query cache',
    'Response limits',
  ]);
  expect(screen.queryByText(/Save a profile before you select it/)).not.toBeInTheDocument();
  fireEvent.change(urlInput(), { target: { value: 'http://thanos:10902' } });
  type('Default Error rate', '5%');
  expect(current.settings.jsonData.mode).toBe('prometheus');

  await act(async () => fireEvent.click(screen.getByRole('radio', { name: 'Embedded' })));
  expect(screen.getByLabelText('Target 1 URL')).toHaveValue('http://a/metrics');
  expect(current.settings).toMatchObject({ url: 'http://thanos:10902' });
  expect(current.settings.jsonData).toEqual({
    mode: 'embedded',
    ...jsonData,
    objectives: { default: { errorRate: '5%' }, overrides: [] },
  });
});

it('configures how a server is queried', async () => {
  const current = await showEditor(serverWith());
  fireEvent.change(urlInput(), { target: { value: 'http://mimir/prometheus' } });
  type('Scrape interval', '30s');
  type('Query timeout', '20s');
  await choose('Server type', 'Grafana Mimir');
  fireEvent.click(screen.getByRole('radio', { name: 'GET' }));
  type('Max query range', '7d');
  type('Max concurrent requests', '8');
  type('Custom query parameters', 'dedup=true');
  fireEvent.click(screen.getByLabelText('Query cache'));
  type('Overlap window', '5m');
  type('Maximum cache size', '64MB');
  type('Response size', '64MB');
  type('Response series', '1000');
  type('Response samples', '');

  expect(current.settings.url).toBe('http://mimir/prometheus');
  expect(current.settings.jsonData).toEqual({
    mode: 'prometheus',
    prometheus: {
      timeInterval: '30s',
      queryTimeout: '20s',
      prometheusType: 'Mimir',
      httpMethod: 'GET',
      maxQueryRange: '7d',
      maxConcurrentQueries: 8,
      customQueryParameters: 'dedup=true',
      incrementalQuerying: false,
      incrementalQueryOverlapWindow: '5m',
      queryCacheSize: '64MB',
      responseLimits: { bodySize: '64MB', series: 1000 },
    },
  });
});

it("has Grafana's own HTTP settings", async () => {
  const current = await showEditor(serverWith());
  click('Add header');
  fireEvent.change(screen.getByPlaceholderText('X-Custom-Header'), { target: { value: 'X-Scope-OrgID' } });
  fireEvent.blur(screen.getByPlaceholderText('X-Custom-Header'));
  fireEvent.change(screen.getByPlaceholderText('Timeout in seconds'), { target: { value: '40' } });
  expect(current.settings.jsonData).toMatchObject({ httpHeaderName1: 'X-Scope-OrgID', timeout: 40 });
  fireEvent.change(screen.getByPlaceholderText('Timeout in seconds'), { target: { value: '' } });
  expect(current.settings.jsonData).not.toHaveProperty('timeout');
  for (const option of ['Basic auth', 'With CA Cert', 'TLS Client Auth', 'Forward OAuth Identity']) {
    expect(screen.getByText(option)).toBeInTheDocument();
  }
});

describe('shows problems while the user types:', () => {
  it.each([
    { label: 'Scrape interval', text: '2h', problem: /between 1s and 1h/ },
    { label: 'Query timeout', text: '11m', problem: /between 100ms and 10m/ },
    { label: 'Custom query parameters', text: 'query=up', problem: /Remove query/ },
    { label: 'Max query range', text: 'month', problem: /Enter a duration/ },
    { label: 'Max concurrent requests', text: '33', problem: /from 1 to 32/ },
    { label: 'Overlap window', text: '2d', problem: /between 1s and 1d/ },
    { label: 'Maximum cache size', text: '1KB', problem: /between 1MB and 4GB/ },
    { label: 'Response size', text: '5GB', problem: /between 1KB and 4GB/ },
    { label: 'Response series', text: '-1', problem: /from 1 to 5000000/ },
    { label: 'Response samples', text: '1.5', problem: /from 1 to 200000000/ },
  ])('$label $text', async ({ label, text, problem }) => {
    await showEditor(serverWith());
    expect(screen.queryByText(problem)).not.toBeInTheDocument();
    type(label, text);
    expect(screen.getByText(problem)).toBeVisible();
  });

  it('the address', async () => {
    await showEditor(serverWith());
    fireEvent.change(urlInput(), { target: { value: 'http://me:hunter2@prometheus:9090' } });
    expect(screen.getByText(/Remove the user and password/)).toBeVisible();
  });
});

describe('labels', () => {
  it('are chosen among those of the saved server, with their values', async () => {
    const requests = answering();
    const current = await showEditor(serverWith());
    const sent = requests.filter((request) => resourceOf(request) === 'labels');
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ url: '/api/datasources/uid/serving/resources/labels', showErrorAlert: false });
    expect(await screen.findByText('namespace: prod, dev')).toBeVisible();
    expect(screen.getByText('job: no values found')).toBeVisible();

    await choose('Replica label', 'pod');
    expect(screen.getByText('pod: triton-0, triton-1')).toBeVisible();
    enterCustom('Deployment label', 'team');
    expect(screen.getByText('team: no values found')).toBeVisible();
    expect(current.settings.jsonData.prometheus).toEqual({ labels: { replica: 'pod', deployment: 'team' } });
  });

  it('need different names', async () => {
    await showEditor(serverWith());
    enterCustom('Deployment label', 'name-space');
    expect(screen.getByText(/Use letters, digits and underscores/)).toBeVisible();
    enterCustom('Deployment label', 'namespace');
    expect(screen.getByText(/The environment uses the same label/)).toBeVisible();
    expect(screen.getByText(/The deployment uses the same label/)).toBeVisible();
  });

  it('show that they are loading', async () => {
    const answer = new Subject<{ data: unknown }>();
    setBackendSrv({ fetch: () => answer } as unknown as BackendSrv);
    await showEditor(serverWith());
    expect(screen.getByText('Loading labels …')).toBeVisible();
    await act(async () => {
      answer.next({ data: { labels: LABELS } });
      answer.complete();
    });
    expect(screen.queryByText('Loading labels …')).not.toBeInTheDocument();
    expect(screen.getByText('namespace: prod, dev')).toBeVisible();
  });

  it('show that none were found', async () => {
    answering(() => ({ labels: [] }));
    await showEditor(serverWith());
    expect(await screen.findByText(/No series of model servers found/)).toBeVisible();
  });

  it('show why they cannot be loaded, and can still be typed', async () => {
    answering(() => {
      throw { data: { message: 'connection refused' } };
    });
    const current = await showEditor(serverWith());
    expect(await screen.findByText(/connection refused/)).toBeVisible();
    enterCustom('Environment label', 'env');
    expect(current.settings.jsonData.prometheus?.labels).toEqual({ environment: 'env' });
  });

  it('wait until the data source is saved', async () => {
    const requests = answering();
    const sent = () => requests.filter((request) => resourceOf(request) === 'labels').length;
    const embedded = settingsWith({}, { url: '', access: 'proxy' });
    const page = (options: ModelServingSettings) => <ConfigEditor options={options} onOptionsChange={() => {}} />;
    const { rerender } = await act(async () => render(page(embedded)));
    await act(async () => rerender(page(serverWith())));
    expect(screen.getByText(/Save the data source to see the labels/)).toBeVisible();
    expect(sent()).toBe(0);

    await act(async () => rerender(page(serverWith({}, { version: 2 }))));
    expect(await screen.findByText('namespace: prod, dev')).toBeVisible();
    expect(sent()).toBe(1);

    await act(async () => rerender(page(serverWith({}, { version: 2, url: 'http://other:9090' }))));
    expect(screen.getByText(/Save the data source to see the labels/)).toBeVisible();
    expect(screen.queryByText('namespace: prod, dev')).not.toBeInTheDocument();
    expect(sent()).toBe(1);
  });
});

describe('a cloud', () => {
  it('requires a service account key for Google, and https', async () => {
    const current = await showEditor(serverWith());
    await choose('Cloud token', 'Google');
    expect(screen.getByText(/requires https/)).toBeVisible();
    expect(screen.getByText('Enter the JSON key of a service account.')).toBeVisible();
    type('Service account key', '{"private_key": "hunter2"}');
    fireEvent.change(urlInput(), { target: { value: 'https://monitoring.googleapis.com' } });
    expect(screen.queryByText('Enter the JSON key of a service account.')).not.toBeInTheDocument();
    expect(screen.queryByText(/requires https/)).not.toBeInTheDocument();
    expect(current.settings.secureJsonData).toEqual({ googleKey: '{"private_key": "hunter2"}' });
    expect(JSON.stringify(current.settings.jsonData)).not.toContain('hunter2');
  });

  it('requires an app registration for Azure', async () => {
    const current = await showEditor(serverWith({}, { url: 'https://x.prometheus.monitor.azure.com' }));
    await choose('Cloud token', 'Azure');
    for (const problem of ['Enter the tenant ID.', 'Enter the client ID.', 'Enter the client secret.']) {
      expect(screen.getByText(problem)).toBeVisible();
    }
    type('Tenant ID', 'tenant');
    type('Client ID', 'client');
    type('Client secret', 'hunter2');
    await choose('Azure cloud', 'China');
    expect(screen.queryByText(/^Enter the .* ID|^Enter the client secret/)).not.toBeInTheDocument();
    expect(current.settings.jsonData.prometheus).toEqual({
      cloud: 'azure',
      azureTenant: 'tenant',
      azureClient: 'client',
      azureCloud: 'china',
    });
    expect(current.settings.secureJsonData).toEqual({ azureClientSecret: 'hunter2' });
  });

  it('does not require a secret that is stored', async () => {
    await showEditor(serverWith({ prometheus: { cloud: 'google' } }, { secureJsonFields: { googleKey: true } }));
    expect(screen.getByLabelText('Service account key')).toBeDisabled();
    expect(screen.queryByText('Enter the JSON key of a service account.')).not.toBeInTheDocument();
  });
});

describe('AWS signatures', () => {
  const allowed = { ...config };
  afterEach(() => Object.assign(config, allowed));

  it('are available if Grafana has them enabled', async () => {
    await showEditor(serverWith({ sigV4Auth: true }));
    expect(screen.queryByText('SigV4 auth')).not.toBeInTheDocument();
    expect(screen.queryByLabelText('AWS region')).not.toBeInTheDocument();
  });

  it('have the providers that Grafana allows', async () => {
    Object.assign(config, { sigV4AuthEnabled: true, awsAllowedAuthProviders: ['default', 'keys'] });
    config.awsAssumeRoleEnabled = true;
    const current = await showEditor(serverWith({ sigV4Auth: true }));
    expect(screen.getByText('Enter the region of the workspace.')).toBeVisible();
    type('AWS region', 'eu-central-1');
    openMenu('Authentication provider');
    expect(screen.queryByText('Credentials file')).not.toBeInTheDocument();
    fireEvent.click(await screen.findByText('Access and secret key'));
    type('Access key ID', 'AKIA');
    type('Secret access key', 'hunter2');
    type('Role to assume', 'arn:aws:iam::1:role/reader');
    await waitFor(() => expect(screen.queryByText('Enter the region of the workspace.')).not.toBeInTheDocument());
    expect(current.settings.jsonData).toEqual({
      mode: 'prometheus',
      sigV4Auth: true,
      sigV4Region: 'eu-central-1',
      sigV4AuthType: 'keys',
      sigV4AssumeRoleArn: 'arn:aws:iam::1:role/reader',
    });
    expect(current.settings.secureJsonData).toEqual({ sigV4AccessKey: 'AKIA', sigV4SecretKey: 'hunter2' });
  });
});

it('shows a provisioned server without letting it be changed', async () => {
  const labels = { environment: 'env' };
  await showEditor(serverWith({ prometheus: { prometheusType: 'Thanos', labels } }, { readOnly: true }));
  for (const label of [
    'Scrape interval',
    'Maximum cache size',
    'Response size',
    'Query cache',
    'Environment label',
    'Server type',
  ]) {
    expect(screen.getByLabelText(label)).toBeDisabled();
  }
  expect(screen.getByRole('radio', { name: 'Embedded' })).toBeDisabled();
  expect(screen.getByText('Thanos')).toBeVisible();
  expect(screen.getByText('env')).toBeVisible();
});
