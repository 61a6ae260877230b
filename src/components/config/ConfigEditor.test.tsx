import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { mockBackend } from '../../testing/backendSrvMock';
import { click, settingsWith, showEditor, type } from '../../testing/configEditor';
import { choose, openMenu } from '../../testing/select';

const PROFILES = [
  { id: 'triton', name: 'Triton Inference Server', port: 8002, path: '/metrics', managementPort: 8000 },
  { id: 'torchserve', name: 'TorchServe', port: 8082, path: '/metrics', managementPort: 8081 },
];

beforeEach(() => {
  mockBackend(() => ({ profiles: PROFILES }));
});

it('configures a first target', async () => {
  const current = await showEditor(settingsWith({}));
  expect(screen.queryByLabelText('Target 1 URL')).not.toBeInTheDocument();

  click('Add target');
  type('Target 1 URL', 'http://triton:8002/metrics');
  await choose('Target 1 profile', 'Triton Inference Server');
  type('Target 1 environment', 'production');
  type('Target 1 deployment', 'vision');
  type('Target 1 interval', '5s');
  type('Target 1 management URL', 'http://triton:8000');
  type('Target 1 API key', 'hunter2');
  type('Target 1 authorization scheme', 'Token');
  fireEvent.click(screen.getByLabelText('Target 1 skip TLS verification'));

  const { jsonData, secureJsonData } = current.settings;
  const [target] = jsonData.targets ?? [];
  expect(jsonData.mode).toBe('embedded');
  expect(target).toEqual({
    id: expect.stringMatching(/^[a-z0-9]{8}$/),
    url: 'http://triton:8002/metrics',
    profile: 'triton',
    environment: 'production',
    deployment: 'vision',
    interval: '5s',
    managementUrl: 'http://triton:8000',
    authScheme: 'Token',
    insecureSkipVerify: true,
  });
  expect(secureJsonData).toEqual({ [`apiKey.${target.id}`]: 'hunter2' });
  expect(JSON.stringify(jsonData)).not.toContain('hunter2');
});

it('configures scraping, history and limits', async () => {
  const current = await showEditor(settingsWith({ scrapeLimits: { labels: 10 } }));
  type('Scrape interval', '30s');
  type('Scrape timeout', '20s');
  type('Retention time', '30d');
  type('Retention size', '10GB');
  type('Body size', '32MB');
  type('Samples', '5000');
  type('Series', '70000');
  type('Labels', '');
  type('CA certificate', '-----BEGIN CERTIFICATE-----');
  fireEvent.click(screen.getByLabelText('File discovery'));

  expect(current.settings.jsonData).toEqual({
    mode: 'embedded',
    interval: '30s',
    scrapeTimeout: '20s',
    retentionTime: '30d',
    retentionSize: '10GB',
    fileDiscovery: true,
    scrapeLimits: { bodySize: '32MB', samples: 5000, labels: undefined },
    seriesLimit: 70000,
  });
  expect(current.settings.secureJsonData).toEqual({ caCertificate: '-----BEGIN CERTIFICATE-----' });
});

describe('shows problems while the user types:', () => {
  it.each([
    { label: 'Target 1 URL', text: 'triton', problem: /Enter the full URL/ },
    {
      label: 'Target 1 URL',
      text: 'http://me:hunter2@triton/metrics',
      problem: /Remove the user and password/,
    },
    { label: 'Target 1 URL', text: 'http://other/metrics', problem: /Target 2 has the same URL/ },
    { label: 'Target 1 management URL', text: 'triton', problem: /Enter the full URL/ },
    { label: 'Target 1 interval', text: 'often', problem: /Enter a duration/ },
    { label: 'Scrape interval', text: '15', problem: /Enter a duration/ },
    { label: 'Scrape timeout', text: '1m', problem: /must not exceed the interval of 15s/ },
    { label: 'Target 1 interval', text: '2h', problem: /between 1s and 1h/ },
    { label: 'Retention time', text: '30m', problem: /between 1h and 100y/ },
    { label: 'Body size', text: '2GB', problem: /between 1KB and 1GB/ },
    { label: 'Retention time', text: '15 days', problem: /Enter a duration/ },
    { label: 'Retention size', text: 'large', problem: /Enter a size/ },
    { label: 'Body size', text: '16', problem: /Enter a size/ },
    { label: 'Samples', text: '-1', problem: /whole number from 1 to 10000000/ },
    { label: 'Label value length', text: '1048577', problem: /whole number from 1 to 1048576/ },
    { label: 'Target 1 authorization scheme', text: 'Bearer hunter2', problem: /Enter one word/ },
  ])('$label $text', async ({ label, text, problem }) => {
    await showEditor(
      settingsWith({
        interval: '15s',
        targets: [
          { id: 'a', url: 'http://triton/metrics' },
          { id: 'b', url: 'http://other/metrics' },
        ],
      })
    );
    expect(screen.queryByText(problem)).not.toBeInTheDocument();
    type(label, text);
    expect(screen.getAllByText(problem)[0]).toBeVisible();
  });
});

it('removes a target together with its stored key', async () => {
  const current = await showEditor(
    settingsWith(
      {
        targets: [
          { id: 'a', url: 'http://a/metrics' },
          { id: 'b', url: 'http://b/metrics' },
        ],
      },
      { secureJsonFields: { 'apiKey.a': true, 'apiKey.b': true } }
    )
  );
  click('Remove target 1');

  expect(current.settings.jsonData.targets).toEqual([{ id: 'b', url: 'http://b/metrics' }]);
  expect(current.settings.secureJsonData).toEqual({ 'apiKey.a': '' });
  expect(current.settings.secureJsonFields).toEqual({ 'apiKey.a': false, 'apiKey.b': true });
  expect(screen.getByLabelText('Target 1 URL')).toHaveValue('http://b/metrics');
});

it('drops an unsaved key when its target is removed', async () => {
  const current = await showEditor(settingsWith({ targets: [{ id: 'a', url: '' }] }));
  type('Target 1 API key', 'hunter2');
  click('Remove target 1');
  expect(current.settings.secureJsonData).toEqual({});
});

it('replaces a stored key', async () => {
  const current = await showEditor(
    settingsWith({ targets: [{ id: 'a', url: '' }] }, { secureJsonFields: { 'apiKey.a': true } })
  );
  expect(screen.getByLabelText('Target 1 API key')).toBeDisabled();
  click('Reset');
  type('Target 1 API key', 'hunter3');
  expect(current.settings.secureJsonData).toEqual({ 'apiKey.a': 'hunter3' });
});

it('duplicates a target under an id of its own and without its key', async () => {
  const original = { id: 'a', url: 'http://a/metrics', environment: 'production', insecureSkipVerify: true };
  const current = await showEditor(
    settingsWith(
      { targets: [original, { id: 'z', url: 'http://z/metrics' }] },
      { secureJsonFields: { 'apiKey.a': true } }
    )
  );
  click('Duplicate target 1');

  const targets = current.settings.jsonData.targets ?? [];
  expect(targets.map(({ url }) => url)).toEqual(['http://a/metrics', 'http://a/metrics', 'http://z/metrics']);
  expect(targets[1]).toEqual({ ...original, id: expect.any(String) });
  expect(new Set(targets.map(({ id }) => id)).size).toBe(3);
  expect(screen.getByLabelText('Target 1 API key')).toBeDisabled();
  expect(screen.getByLabelText('Target 2 API key')).toBeEnabled();
});

it('offers the profiles of the backend', async () => {
  const requests = mockBackend(() => ({ profiles: PROFILES }));
  await showEditor(settingsWith({ targets: [{ id: 'a', url: '' }] }));
  expect(requests).toHaveLength(1);
  expect(requests[0].url).toBe('/api/datasources/uid/serving/resources/profiles');
  openMenu('Target 1 profile');
  for (const name of ['Triton Inference Server', 'TorchServe']) {
    expect(await screen.findByText(name)).toBeInTheDocument();
  }
});

it('keeps a chosen profile and shows the error if the profiles cannot be loaded', async () => {
  mockBackend(() => {
    throw { data: { message: 'Plugin unavailable' } };
  });
  const current = await showEditor(settingsWith({ targets: [{ id: 'a', url: '', profile: 'triton' }] }));
  const warning = await screen.findByText(/Plugin unavailable/);
  expect(warning).toBeVisible();
  openMenu('Target 1 profile');
  expect(await screen.findByText('Detect')).toBeInTheDocument();
  expect(screen.getAllByText('triton').length).toBeGreaterThan(0);
  fireEvent.click(screen.getByText('Detect'));
  await waitFor(() => expect(current.settings.jsonData.targets?.[0].profile).toBe(''));
});

it("shows a target without an interval the data source's", async () => {
  await showEditor(settingsWith({ targets: [{ id: 'a', url: 'http://a/metrics' }] }));
  expect(screen.getByLabelText('Target 1 interval')).toHaveAttribute('placeholder', '15s');
  type('Scrape interval', '30s');
  expect(screen.getByLabelText('Target 1 interval')).toHaveAttribute('placeholder', '30s');
});

it('shows provisioned settings without letting them be changed', async () => {
  await showEditor(
    settingsWith(
      { targets: [{ id: 'a', url: 'http://a/metrics' }] },
      { readOnly: true, secureJsonFields: { 'apiKey.a': true, caCertificate: true } }
    )
  );
  expect(screen.getByLabelText('Target 1 URL')).toHaveValue('http://a/metrics');
  const target = within(screen.getByRole('region', { name: 'Target 1' }));
  // A download changes nothing, nor does what folds fields up.
  const changing = screen
    .getAllByRole('button')
    .filter((button) => !button.textContent?.startsWith('Download') && !button.hasAttribute('aria-expanded'));
  for (const control of [...target.getAllByRole('textbox'), ...changing]) {
    expect(control).toBeDisabled();
  }
  for (const label of [
    'Scrape interval',
    'Retention size',
    'Samples',
    'File discovery',
    'CA certificate',
    'Target 1 profile',
  ]) {
    expect(screen.getByLabelText(label)).toBeDisabled();
  }
});
