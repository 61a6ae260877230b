import { act, screen } from '@testing-library/react';
import { mockBackend, resourceOf } from '../../testing/backendSrvMock';
import { click, settingsWith, showEditor, type } from '../../testing/configEditor';
import { downloadFile } from './downloadFile';

jest.mock('./downloadFile', () => ({ downloadFile: jest.fn() }));

const saved = jest.mocked(downloadFile);

beforeEach(() => saved.mockClear());

async function download(name: string) {
  await act(async () => click(name));
}

function answering(rules: () => string) {
  return mockBackend((request) => (resourceOf(request) === 'rules' ? rules() : { profiles: [] }));
}

it.each([
  { button: 'Download for Grafana', format: 'grafana' },
  { button: 'Download for Prometheus', format: 'prometheus' },
])('$button saves the file for this data source', async ({ button, format }) => {
  const requests = answering(() => 'groups: []');
  await showEditor(settingsWith({}));
  await download(button);
  const request = requests.find((r) => resourceOf(r) === 'rules');
  expect(request).toMatchObject({ url: '/api/datasources/uid/serving/resources/rules', params: { format } });
  expect(saved).toHaveBeenCalledWith(`modelserving-serving-${format}.yaml`, 'application/yaml', 'groups: []');
});

it('exports the rules with the chosen thresholds', async () => {
  const requests = answering(() => 'groups: []');
  const current = await showEditor(settingsWith({}));
  expect(screen.queryByLabelText('Rules: GPU memory')).not.toBeInTheDocument();
  click('Thresholds and timing');
  expect(screen.getByLabelText('Rules: GPU memory')).toHaveAttribute('placeholder', '95%');
  type('Rules: Folder', 'On call');
  type('Rules: Cache hit ratio', '60%');
  await download('Download for Grafana');
  expect(requests.find((r) => resourceOf(r) === 'rules')?.params).toEqual({
    format: 'grafana',
    folder: 'On call',
    cacheHitRatio: '60%',
  });
  expect(current.settings.jsonData).toEqual({});
});

const REFUSAL = '{"message":"interval is \\"7s\\": it must be a multiple of 10s"}';

it.each([REFUSAL, { message: 'Bad Request', error: REFUSAL }])(
  'says why there are no rules, and goes on: %j',
  async (data) => {
    let fails = true;
    answering(() => {
      if (fails) {
        throw { status: 400, data };
      }
      return 'groups: []';
    });
    await showEditor(settingsWith({}));
    await download('Download for Grafana');
    expect(screen.getByText(/it must be a multiple of 10s/)).toBeVisible();
    expect(saved).not.toHaveBeenCalled();
    fails = false;
    await download('Download for Grafana');
    expect(screen.queryByText(/it must be a multiple of 10s/)).not.toBeInTheDocument();
    expect(saved).toHaveBeenCalledTimes(1);
  }
);

it('exports the rules of a provisioned data source too', async () => {
  answering(() => 'groups: []');
  await showEditor(settingsWith({}, { readOnly: true }));
  expect(screen.getByRole('button', { name: 'Download for Grafana' })).toBeEnabled();
});
