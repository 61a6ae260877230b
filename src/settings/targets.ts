import { TargetSettings } from '../types';
import { changeOptions } from './options';
import { apiKeyOf, ModelServingSettings, removeSecret } from './secrets';

const ID_CHARACTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
const ID_LENGTH = 8;

export function targetsOf(settings: ModelServingSettings): TargetSettings[] {
  return settings.jsonData.targets ?? [];
}

export function addTarget(settings: ModelServingSettings): ModelServingSettings {
  const targets = targetsOf(settings);
  return changeOptions(settings, { targets: [...targets, { id: newId(targets), url: '' }] });
}

/** A copy has the target's settings but not its API key, which cannot be read back. */
export function duplicateTarget(settings: ModelServingSettings, index: number): ModelServingSettings {
  const targets = targetsOf(settings);
  const copy = { ...targets[index], id: newId(targets) };
  return changeOptions(settings, { targets: [...targets.slice(0, index + 1), copy, ...targets.slice(index + 1)] });
}

export function changeTarget(
  settings: ModelServingSettings,
  index: number,
  patch: Partial<TargetSettings>
): ModelServingSettings {
  const targets = targetsOf(settings);
  return changeOptions(settings, {
    targets: targets.map((target, i) => (i === index ? { ...target, ...patch } : target)),
  });
}

export function removeTarget(settings: ModelServingSettings, index: number): ModelServingSettings {
  const targets = targetsOf(settings);
  const kept = changeOptions(settings, { targets: targets.filter((_, i) => i !== index) });
  return removeSecret(kept, apiKeyOf(targets[index].id));
}

function newId(targets: TargetSettings[]): string {
  const taken = new Set(targets.map(({ id }) => id));
  for (;;) {
    const random = crypto.getRandomValues(new Uint32Array(ID_LENGTH));
    const id = Array.from(random, (n) => ID_CHARACTERS[n % ID_CHARACTERS.length]).join('');
    if (!taken.has(id)) {
      return id;
    }
  }
}
