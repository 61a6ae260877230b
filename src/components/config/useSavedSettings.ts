import { useState } from 'react';
import { ModelServingSettings } from '../../settings/secrets';

/** The settings as they were when Grafana last loaded or saved them, which gives them another version. */
export function useSavedSettings(settings: ModelServingSettings): ModelServingSettings {
  const [saved, setSaved] = useState(settings);
  if (saved.uid === settings.uid && saved.version === settings.version) {
    return saved;
  }
  setSaved(settings);
  return settings;
}
