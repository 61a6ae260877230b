import { fireEvent, screen, within } from '@testing-library/react';
import { startingProfile } from '../../settings/startingProfile';
import { mockBackend } from '../../testing/backendSrvMock';
import { click, settingsWith, showEditor, type } from '../../testing/configEditor';

const FEATURES = { name: 'features.yaml', text: 'id: features\nname: Features\n' };
const TRAINING = { name: 'training.yaml', text: 'id: training\n' };

beforeEach(() => {
  mockBackend(() => ({ profiles: [] }));
});

it('adds a profile that begins with a whole example', async () => {
  const current = await showEditor(settingsWith({ interval: '30s' }));
  expect(screen.queryByLabelText('Profile 1 name')).not.toBeInTheDocument();
  click('Add profile');

  const example = startingProfile('profile_1');
  expect(current.settings.jsonData).toEqual({
    mode: 'embedded',
    interval: '30s',
    profiles: [{ name: 'profile-1.yaml', text: example }],
  });
  expect(screen.getByLabelText('Profile 1 name')).toHaveValue('profile-1.yaml');
  expect(screen.getByLabelText('Profile 1 text')).toHaveValue(example);
  const profile = within(screen.getByRole('region', { name: 'Profile 1' }));
  expect(profile.queryByRole('alert')).not.toBeInTheDocument();
});

it('renames a profile and changes its text', async () => {
  const current = await showEditor(settingsWith({ profiles: [FEATURES, TRAINING] }));
  type('Profile 2 name', 'drift.yaml');
  type('Profile 2 text', 'id: drift\n');
  expect(current.settings.jsonData.profiles).toEqual([FEATURES, { name: 'drift.yaml', text: 'id: drift\n' }]);
});

it('removes a profile and keeps the others as they are', async () => {
  const current = await showEditor(settingsWith({ profiles: [FEATURES, TRAINING] }));
  click('Remove profile 1');
  expect(current.settings.jsonData.profiles).toEqual([TRAINING]);
  expect(screen.getByLabelText('Profile 1 name')).toHaveValue('training.yaml');
  expect(screen.getByLabelText('Profile 1 text')).toHaveValue('id: training\n');
  expect(screen.queryByLabelText('Profile 2 name')).not.toBeInTheDocument();
});

it('gives added profiles names and ids that are not taken', async () => {
  const current = await showEditor(settingsWith({ profiles: [{ ...FEATURES, name: 'profile-2.yaml' }] }));
  click('Add profile');
  click('Add profile');
  const added = (current.settings.jsonData.profiles ?? []).slice(1);
  expect(added.map(({ name }) => name)).toEqual(['profile-3.yaml', 'profile-4.yaml']);
  expect(added.map(({ text }) => /^id: (.*)$/m.exec(text)?.[1])).toEqual(['profile_3', 'profile_4']);
});

it.each([
  { label: 'Profile 1 name', text: ' ', problem: /Enter a name/ },
  { label: 'Profile 1 name', text: 'training.yaml', problem: 'Profile 2 has the same name.' },
  { label: 'Profile 1 text', text: '', problem: /Enter the profile as YAML/ },
  { label: 'Profile 1 text', text: '#'.repeat(262_145), problem: /larger than 256KB/ },
])('shows problems while the user types: $problem', async ({ label, text, problem }) => {
  await showEditor(settingsWith({ profiles: [FEATURES, TRAINING] }));
  expect(screen.queryByText(problem)).not.toBeInTheDocument();
  type(label, text);
  expect(screen.getByText(problem)).toBeVisible();
});

it('numbers the lines of a text, and keeps the numbers beside them', async () => {
  await showEditor(settingsWith({ profiles: [{ name: 'features.yaml', text: 'id: features' }] }));
  const text = screen.getByLabelText('Profile 1 text');
  expect(screen.getByText('1', { selector: 'pre' })).toBeVisible();

  type('Profile 1 text', 'id: features\nname: Features\n');
  const numbers = screen.getByText(/^1\s2\s3$/, { selector: 'pre' });
  text.scrollTop = 40;
  fireEvent.scroll(text);
  expect(numbers).toHaveStyle({ transform: 'translateY(-40px)' });
});

it('links to the documentation of profiles', async () => {
  await showEditor(settingsWith({}));
  expect(screen.getByRole('link', { name: /How to write a profile/ })).toHaveAttribute(
    'href',
    'https://github.com/coldhit/modelserving-datasource/blob/main/docs/profiles.md'
  );
});

it('shows provisioned profiles without letting them be changed', async () => {
  await showEditor(settingsWith({ profiles: [FEATURES] }, { readOnly: true }));
  expect(screen.getByLabelText('Profile 1 name')).toBeDisabled();
  expect(screen.getByLabelText('Profile 1 text')).toHaveValue(FEATURES.text);
  expect(screen.getByLabelText('Profile 1 text')).toBeDisabled();
  for (const name of ['Add profile', 'Remove profile 1']) {
    expect(screen.getByRole('button', { name })).toBeDisabled();
  }
});
