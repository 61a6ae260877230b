import { ObjectiveFields, ObjectiveOverride, ObjectiveSettings } from '../types';
import { changeOptions } from './options';
import { ModelServingSettings } from './secrets';

export function objectivesOf(settings: ModelServingSettings): Required<ObjectiveSettings> {
  const { default: defaults, overrides } = settings.jsonData.objectives ?? {};
  return { default: defaults ?? {}, overrides: overrides ?? [] };
}

export function changeDefaultObjective(
  settings: ModelServingSettings,
  patch: Partial<ObjectiveFields>
): ModelServingSettings {
  const objectives = objectivesOf(settings);
  return changeOptions(settings, { objectives: { ...objectives, default: { ...objectives.default, ...patch } } });
}

export function addOverride(settings: ModelServingSettings): ModelServingSettings {
  return changeOverrides(settings, (overrides) => [...overrides, {}]);
}

export function changeOverride(
  settings: ModelServingSettings,
  index: number,
  patch: Partial<ObjectiveOverride>
): ModelServingSettings {
  return changeOverrides(settings, (overrides) =>
    overrides.map((override, i) => (i === index ? { ...override, ...patch } : override))
  );
}

export function removeOverride(settings: ModelServingSettings, index: number): ModelServingSettings {
  return changeOverrides(settings, (overrides) => overrides.filter((_, i) => i !== index));
}

/** Moves an override to another position. */
export function moveOverride(settings: ModelServingSettings, from: number, to: number): ModelServingSettings {
  return changeOverrides(settings, (overrides) => {
    const others = overrides.filter((_, i) => i !== from);
    return [...others.slice(0, to), overrides[from], ...others.slice(to)];
  });
}

function changeOverrides(
  settings: ModelServingSettings,
  change: (overrides: ObjectiveOverride[]) => ObjectiveOverride[]
): ModelServingSettings {
  const objectives = objectivesOf(settings);
  return changeOptions(settings, { objectives: { ...objectives, overrides: change(objectives.overrides) } });
}
