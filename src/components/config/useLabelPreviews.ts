import { useCallback } from 'react';
import { getBackendSrv } from '@grafana/runtime';
import { lastValueFrom } from 'rxjs';
import { modeOf } from '../../settings/options';
import { ModelServingSettings } from '../../settings/secrets';
import { LabelPreview } from '../../types';
import { useRequest } from '../useRequest';

export interface LabelPreviews {
  /** The server in the editor is not saved yet. The saved server's labels would be those of another server. */
  unsaved: boolean;
  /** Undefined until the backend has responded. */
  list?: LabelPreview[];
  error?: string;
}

/** The labels of the saved server's series, requested again when the data source is saved. */
export function useLabelPreviews(settings: ModelServingSettings, saved: ModelServingSettings): LabelPreviews {
  const { uid, version } = saved;
  const savedServer = modeOf(saved) === 'prometheus' && Boolean(saved.url);
  const send = useCallback(async () => {
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
  const { value, error } = useRequest(send);
  return { unsaved: !savedServer || settings.url !== saved.url, list: value, error };
}
