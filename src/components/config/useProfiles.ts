import { useCallback } from 'react';
import { getBackendSrv } from '@grafana/runtime';
import { lastValueFrom } from 'rxjs';
import { ProfileInfo } from '../../types';
import { useRequest } from '../useRequest';

export interface Profiles {
  /** Empty until the backend has responded. */
  list: ProfileInfo[];
  error?: string;
}

/** The profiles of the backend, requested again when the data source is saved, which changes its version. */
export function useProfiles(uid: string, version: number | undefined): Profiles {
  const send = useCallback(async () => {
    const request = {
      url: `/api/datasources/uid/${uid}/resources/profiles`,
      params: { version },
      showErrorAlert: false,
    };
    const { data } = await lastValueFrom(getBackendSrv().fetch<{ profiles: ProfileInfo[] }>(request));
    return data.profiles;
  }, [uid, version]);
  const { value, error } = useRequest(send);
  return { list: value ?? [], error };
}
