import { useCallback } from 'react';
import { getBackendSrv } from '@grafana/runtime';
import { lastValueFrom } from 'rxjs';
import { ProfileInfo } from '../../types';
import { useAnswer } from '../useAnswer';

export interface Profiles {
  /** Empty until the backend has answered. */
  list: ProfileInfo[];
  error?: string;
}

/** The profiles that the backend knows; asked again when the data source was saved, which is its version. */
export function useProfiles(uid: string, version: number | undefined): Profiles {
  const ask = useCallback(async () => {
    const request = {
      url: `/api/datasources/uid/${uid}/resources/profiles`,
      params: { version },
      showErrorAlert: false,
    };
    const { data } = await lastValueFrom(getBackendSrv().fetch<{ profiles: ProfileInfo[] }>(request));
    return data.profiles;
  }, [uid, version]);
  const { value, error } = useAnswer(ask);
  return { list: value ?? [], error };
}
