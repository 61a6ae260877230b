import { useState } from 'react';
import { getBackendSrv } from '@grafana/runtime';
import { lastValueFrom } from 'rxjs';
import { errorMessage } from '../useAnswer';
import { saveFile } from './saveFile';

interface File {
  /** The resource of the data source that writes the rules. */
  resource: string;
  params: Record<string, string>;
  name: string;
}

/** Saves rule files that the backend writes for a saved data source. The problem is why the last one could not be had. */
export function useRuleDownload(uid: string) {
  const [problem, setProblem] = useState<string>();
  const download = async ({ resource, params, name }: File) => {
    setProblem(undefined);
    try {
      const request = {
        url: `/api/datasources/uid/${uid}/resources/${resource}`,
        params,
        responseType: 'text' as const,
        showErrorAlert: false,
      };
      const { data } = await lastValueFrom(getBackendSrv().fetch<string>(request));
      saveFile(name, 'application/yaml', data);
    } catch (error) {
      setProblem(reasonOf(error));
    }
  };
  return { download, problem };
}

/** The backend's sentence. It arrives as text, because the rules do, which Grafana wraps up once more. */
function reasonOf(error: unknown): string {
  const { data } = (error ?? {}) as { data?: string | { error?: string } };
  const text = typeof data === 'string' ? data : data?.error;
  try {
    return errorMessage({ data: JSON.parse(text ?? '') });
  } catch {
    return errorMessage(error);
  }
}
