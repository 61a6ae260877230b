import { fireEvent, screen } from '@testing-library/react';
import { mockBackend } from '../../testing/backendSrvMock';
import { settingsWith, showEditor, type } from '../../testing/configEditor';

beforeEach(() => mockBackend(() => ({ profiles: [] })));

const urlInput = () => screen.queryByPlaceholderText('http://prometheus:9090');

it('sends nothing until it is enabled, and then requires a URL', async () => {
  const current = await showEditor(settingsWith({ scrapeTimeout: '2s' }, { url: '', access: 'proxy' }));
  expect(urlInput()).not.toBeInTheDocument();
  fireEvent.click(screen.getByLabelText('Enable remote write'));
  expect(screen.getByText(/Enter the URL of the server/)).toBeInTheDocument();
  fireEvent.change(urlInput()!, { target: { value: 'http://victoria:8428' } });
  expect(screen.queryByText(/Enter the URL of the server/)).not.toBeInTheDocument();
  type('Backfill window', '30d');
  fireEvent.click(screen.getByLabelText('Native histograms'));
  expect(current.settings.url).toBe('http://victoria:8428');
  expect(current.settings.jsonData).toEqual({
    mode: 'embedded',
    scrapeTimeout: '2s',
    remoteWrite: { enabled: true, history: '30d', nativeHistograms: true },
  });
});

it("takes the timeout from Grafana's HTTP settings", async () => {
  const initial = settingsWith({ remoteWrite: { enabled: true } }, { url: 'http://h', access: 'proxy' });
  const current = await showEditor(initial);
  const timeout = screen.getByPlaceholderText('Timeout in seconds');
  expect(timeout).toHaveValue(null);
  fireEvent.change(timeout, { target: { value: '20' } });
  expect(current.settings.jsonData).toEqual({ timeout: 20, remoteWrite: { enabled: true } });
  expect(timeout).toHaveValue(20);
  fireEvent.change(timeout, { target: { value: '' } });
  expect(current.settings.jsonData).toEqual({ remoteWrite: { enabled: true } });
});

it.each([
  { label: 'Remote-write URL', text: 'mimir', problem: /Enter the full URL/ },
  { label: 'Backfill window', text: 'everything', problem: /Enter a duration/ },
])('says what is wrong with $text as $label', async ({ label, text, problem }) => {
  await showEditor(settingsWith({ remoteWrite: { enabled: true } }, { url: 'http://h', access: 'proxy' }));
  type('Backfill window', '0');
  type(label, text);
  expect(screen.getByText(problem)).toBeInTheDocument();
});
