import { screen, within } from '@testing-library/react';
import { mockBackend } from '../../testing/backendSrvMock';
import { click, settingsWith, showEditor, type } from '../../testing/configEditor';
import shared from '../../testing/objectives.json';
import { ObjectiveOverride } from '../../types';

const LLAMA: ObjectiveOverride = { model: 'llama-*', p95: '2s' };
const STAGING: ObjectiveOverride = { environment: 'staging', staleness: 'none' };
const CHAT: ObjectiveOverride = { deployment: 'chat', model: 'llama-?b', cacheHitRatio: '95%' };

beforeEach(() => {
  mockBackend(() => ({ profiles: [] }));
});

it("shows the backend's defaults where nothing is set", async () => {
  await showEditor(settingsWith({}));
  for (const [label, text] of [
    ['Default p95 response time', shared.defaults.p95],
    ['Default Error rate', shared.defaults.errorRate],
    ['Default Cache-hit ratio', shared.defaults.cacheHitRatio],
    ['Default Staleness', shared.defaults.staleness],
  ]) {
    expect(screen.getByLabelText(label)).toHaveValue('');
    expect(screen.getByLabelText(label)).toHaveAttribute('placeholder', text);
  }
  expect(screen.queryByRole('table', { name: 'Objective overrides' })).not.toBeInTheDocument();
});

it('sets the default objectives', async () => {
  const current = await showEditor(settingsWith({ interval: '30s', objectives: { overrides: [LLAMA] } }));
  type('Default p95 response time', '500ms');
  type('Default Error rate', '0.5%');
  type('Default Cache-hit ratio', 'none');
  type('Default Staleness', '7d');
  expect(current.settings.jsonData).toEqual({
    mode: 'embedded',
    interval: '30s',
    objectives: {
      default: { p95: '500ms', errorRate: '0.5%', cacheHitRatio: 'none', staleness: '7d' },
      overrides: [LLAMA],
    },
  });
});

it('adds an override and sets every field of it', async () => {
  const current = await showEditor(settingsWith({ objectives: { default: { p95: '1s' }, overrides: [STAGING] } }));
  click('Add override');
  type('Override 2 environment', 'prod*');
  type('Override 2 deployment', 'chat');
  type('Override 2 model', 'llama-*');
  type('Override 2 p95 response time', '2s');
  type('Override 2 error rate', '5%');
  type('Override 2 cache-hit ratio', '0.95');
  type('Override 2 staleness', 'none');
  expect(current.settings.jsonData.objectives).toEqual({
    default: { p95: '1s' },
    overrides: [
      STAGING,
      {
        environment: 'prod*',
        deployment: 'chat',
        model: 'llama-*',
        p95: '2s',
        errorRate: '5%',
        cacheHitRatio: '0.95',
        staleness: 'none',
      },
    ],
  });
});

it.each([
  { button: 'Move override 1 down', want: [STAGING, LLAMA, CHAT] },
  { button: 'Move override 2 down', want: [LLAMA, CHAT, STAGING] },
  { button: 'Move override 2 up', want: [STAGING, LLAMA, CHAT] },
  { button: 'Move override 3 up', want: [LLAMA, CHAT, STAGING] },
  { button: 'Remove override 1', want: [STAGING, CHAT] },
  { button: 'Remove override 3', want: [LLAMA, STAGING] },
])('$button', async ({ button, want }) => {
  const current = await showEditor(settingsWith({ objectives: { overrides: [LLAMA, STAGING, CHAT] } }));
  click(button);
  expect(current.settings.jsonData.objectives?.overrides).toEqual(want);
  want.forEach((override, i) => {
    expect(screen.getByLabelText(`Override ${i + 1} model`)).toHaveValue(override.model ?? '');
  });
  const rows = within(screen.getByRole('table', { name: 'Objective overrides' })).getAllByRole('row');
  expect(rows).toHaveLength(want.length + 1);
});

it('moves no override beyond the ends', async () => {
  await showEditor(settingsWith({ objectives: { overrides: [LLAMA, STAGING] } }));
  expect(screen.getByRole('button', { name: 'Move override 1 up' })).toBeDisabled();
  expect(screen.getByRole('button', { name: 'Move override 1 down' })).toBeEnabled();
  expect(screen.getByRole('button', { name: 'Move override 2 up' })).toBeEnabled();
  expect(screen.getByRole('button', { name: 'Move override 2 down' })).toBeDisabled();
});

it.each([
  { label: 'Default p95 response time', text: '200', problem: /Enter a duration, such as 200ms/ },
  { label: 'Default Error rate', text: '1', problem: /more than 0% and less than 100%/ },
  { label: 'Default Cache-hit ratio', text: 'high', problem: /Enter a share, such as 1%/ },
  { label: 'Default Staleness', text: '0s', problem: /between 1ms and 100y/ },
  { label: 'Override 1 p95 response time', text: 'off', problem: /Enter a duration, such as 200ms/ },
  { label: 'Override 1 error rate', text: '100%', problem: /more than 0% and less than 100%/ },
  { label: 'Override 1 cache-hit ratio', text: '0,8', problem: /Enter a share, such as 1%/ },
  { label: 'Override 1 staleness', text: '101y', problem: /between 1ms and 100y/ },
  { label: 'Override 1 environment', text: 'x'.repeat(201), problem: /at most 200 characters/ },
  { label: 'Override 1 deployment', text: 'x'.repeat(201), problem: /at most 200 characters/ },
  { label: 'Override 1 model', text: 'x'.repeat(201), problem: /at most 200 characters/ },
])('shows problems while the user types: $label', async ({ label, text, problem }) => {
  await showEditor(settingsWith({ objectives: { overrides: [LLAMA] } }));
  expect(screen.queryByText(problem)).not.toBeInTheDocument();
  type(label, text);
  expect(screen.getByText(problem)).toBeVisible();
  type(label, '');
  expect(screen.queryByText(problem)).not.toBeInTheDocument();
});

it('says that there are too many overrides', async () => {
  await showEditor(settingsWith({ objectives: { overrides: Array.from({ length: 201 }, () => ({})) } }));
  expect(screen.getByText('201 overrides are configured. The maximum is 200.')).toBeVisible();
});

it('shows provisioned objectives without letting them be changed', async () => {
  await showEditor(settingsWith({ objectives: { default: { p95: '1s' }, overrides: [LLAMA] } }, { readOnly: true }));
  expect(screen.getByLabelText('Default p95 response time')).toHaveValue('1s');
  expect(screen.getByLabelText('Override 1 model')).toHaveValue('llama-*');
  for (const label of ['Default p95 response time', 'Default Staleness', 'Override 1 model', 'Override 1 staleness']) {
    expect(screen.getByLabelText(label)).toBeDisabled();
  }
  for (const name of ['Add override', 'Remove override 1', 'Move override 1 up', 'Move override 1 down']) {
    expect(screen.getByRole('button', { name })).toBeDisabled();
  }
});
