import { useCallback } from 'react';
import { getBackendSrv } from '@grafana/runtime';
import { lastValueFrom } from 'rxjs';
import { modeOf } from '../../settings/options';
import { ModelServingSettings } from '../../settings/secrets';
import { LabelPreview } from '../../types';
import { useAnswer } from '../useAnswer';

export interface LabelPreviews {
  /** The server that is saved is not the one in the editor: its labels would be another server's. */
  unsaved: boolean;
  /** Undefined until the backend has answered. */
  list?: LabelPreview[];
  error?: string;
}

/** The labels that the saved server's series have; asked again when the data source was saved. */
export function useLabelPreviews(settings: ModelServingSettings, saved: ModelServingSettings): LabelPreviews {
  const { uid, version } = saved;
  const savedServer = modeOf(saved) === 'prometheus' && Boolean(saved.url);
  const ask = useCallback(async () => {
    if (!savedServer) {
      return undefined;
    }
    const request = {
      url: `/api/datasources/uid/${uid}/resources/labels`,
      params: { version },
      showErrorAlert: false,
    };
    const { data } = await lastValueFrom(getBackendSrv().fetch<{ labels: LabelPreview[] }>(request));
    return data.labels;
  }, [savedServer, uid, version]);
  const { value, error } = useAnswer(ask);
  return { unsaved: !savedServer || settings.url !== saved.url, list: value, error };
}
