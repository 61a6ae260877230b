import { ProfileSettings } from '../types';
import { changeOptions } from './options';
import { ModelServingSettings } from './secrets';
import { startingProfile } from './startingProfile';

export function profilesOf(settings: ModelServingSettings): ProfileSettings[] {
  return settings.jsonData.profiles ?? [];
}

export function addProfile(settings: ModelServingSettings): ModelServingSettings {
  const profiles = profilesOf(settings);
  const names = new Set(profiles.map(({ name }) => name.trim()));
  let number = profiles.length + 1;
  while (names.has(nameOf(number))) {
    number++;
  }
  const added = { name: nameOf(number), text: startingProfile(`profile_${number}`) };
  return changeOptions(settings, { profiles: [...profiles, added] });
}

export function changeProfile(
  settings: ModelServingSettings,
  index: number,
  patch: Partial<ProfileSettings>
): ModelServingSettings {
  return changeOptions(settings, {
    profiles: profilesOf(settings).map((profile, i) => (i === index ? { ...profile, ...patch } : profile)),
  });
}

export function removeProfile(settings: ModelServingSettings, index: number): ModelServingSettings {
  return changeOptions(settings, { profiles: profilesOf(settings).filter((_, i) => i !== index) });
}

function nameOf(number: number): string {
  return `profile-${number}.yaml`;
}
