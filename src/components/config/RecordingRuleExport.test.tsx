import { act, screen } from '@testing-library/react';
import { mockBackend, resourceOf } from '../../testing/backendSrvMock';
import { click, settingsWith, showEditor, type } from '../../testing/configEditor';
import { downloadFile } from './downloadFile';

jest.mock('./downloadFile', () => ({ downloadFile: jest.fn() }));

const saved = jest.mocked(downloadFile);

beforeEach(() => saved.mockClear());

async function download() {
  await act(async () => click('Download recording rules'));
}

it('saves the recording rules for this data source, as they are chosen', async () => {
  const requests = mockBackend((request) =>
    resourceOf(request) === 'recording-rules' ? 'groups: []' : { profiles: [] }
  );
  await showEditor(settingsWith({ mode: 'prometheus' }));
  click('Recorded signals and intervals');
  type('Recording rules: Signals', 'all');
  type('Recording rules: Top interval', '20s');
  await download();
  const request = requests.find((r) => resourceOf(r) === 'recording-rules');
  expect(request).toMatchObject({
    url: '/api/datasources/uid/serving/resources/recording-rules',
    params: { signals: 'all', topInterval: '20s' },
  });
  expect(saved).toHaveBeenCalledWith('modelserving-serving-recording-rules.yaml', 'application/yaml', 'groups: []');
});

it('shows the error of a failed export', async () => {
  mockBackend((request) => {
    if (resourceOf(request) === 'recording-rules') {
      throw { status: 400, data: '{"message":"topN is \\"none\\": write a whole number"}' };
    }
    return { profiles: [] };
  });
  await showEditor(settingsWith({ mode: 'prometheus' }, { readOnly: true }));
  await download();
  expect(screen.getByText(/write a whole number/)).toBeVisible();
  expect(saved).not.toHaveBeenCalled();
});
