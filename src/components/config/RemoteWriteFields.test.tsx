import { fireEvent, screen } from '@testing-library/react';
import { answerRequests } from '../../testing/backendSrv';
import { settingsWith, showEditor, type } from '../../testing/configEditor';

beforeEach(() => answerRequests(() => ({ profiles: [] })));

const urlInput = () => screen.queryByPlaceholderText('http://prometheus:9090');

it('sends nothing until it is switched on, and asks for an address then', async () => {
  const current = await showEditor(settingsWith({ timeout: '2s' }, { url: '', access: 'proxy' }));
  expect(urlInput()).not.toBeInTheDocument();
  fireEvent.click(screen.getByLabelText('Send to a server'));
  expect(screen.getByText(/Write the address of the server/)).toBeInTheDocument();
  fireEvent.change(urlInput()!, { target: { value: 'http://victoria:8428' } });
  expect(screen.queryByText(/Write the address of the server/)).not.toBeInTheDocument();
  type('History to send', '30d');
  fireEvent.click(screen.getByLabelText('Native histograms'));
  expect(current.settings.url).toBe('http://victoria:8428');
  expect(current.settings.jsonData).toEqual({
    kind: 'embedded',
    timeout: '2s',
    remoteWrite: { on: true, history: '30d', nativeHistograms: true },
  });
});

it('keeps the time-out of scrapes apart from that of the HTTP settings', async () => {
  const initial = settingsWith({ timeout: '2s', remoteWrite: { on: true } }, { url: 'http://h', access: 'proxy' });
  const current = await showEditor(initial);
  const timeout = screen.getByPlaceholderText('Timeout in seconds');
  expect(timeout).toHaveValue(null);
  fireEvent.change(timeout, { target: { value: '20' } });
  expect(current.settings.jsonData).toMatchObject({ timeout: '2s', remoteWrite: { on: true, timeout: 20 } });
  expect(timeout).toHaveValue(20);
  fireEvent.change(timeout, { target: { value: '' } });
  expect(current.settings.jsonData.remoteWrite).toEqual({ on: true });
});

it.each([
  { label: 'Remote-write URL', text: 'mimir', problem: /Write the whole address/ },
  { label: 'History to send', text: 'everything', problem: /Write a duration/ },
])('says what is wrong with $text as $label', async ({ label, text, problem }) => {
  await showEditor(settingsWith({ remoteWrite: { on: true } }, { url: 'http://h', access: 'proxy' }));
  type('History to send', '0');
  type(label, text);
  expect(screen.getByText(problem)).toBeInTheDocument();
});
