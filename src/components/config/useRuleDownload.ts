import { useState } from 'react';
import { getBackendSrv } from '@grafana/runtime';
import { lastValueFrom } from 'rxjs';
import { errorMessage } from '../useRequest';
import { downloadFile } from './downloadFile';

interface RuleFile {
  /** The resource of the data source that writes the rules. */
  resource: string;
  params: Record<string, string>;
  name: string;
}

/** Downloads rule files that the backend writes for a saved data source. The problem is why the last download failed. */
export function useRuleDownload(uid: string) {
  const [problem, setProblem] = useState<string>();
  const download = async ({ resource, params, name }: RuleFile) => {
    setProblem(undefined);
    try {
      const request = {
        url: `/api/datasources/uid/${uid}/resources/${resource}`,
        params,
        responseType: 'text' as const,
        showErrorAlert: false,
      };
      const { data } = await lastValueFrom(getBackendSrv().fetch<string>(request));
      downloadFile(name, 'application/yaml', data);
    } catch (error) {
      setProblem(reasonOf(error));
    }
  };
  return { download, problem };
}

/** The backend's error message. It arrives as text, as the rules do, and Grafana wraps it once more. */
function reasonOf(error: unknown): string {
  const { data } = (error ?? {}) as { data?: string | { error?: string } };
  const text = typeof data === 'string' ? data : data?.error;
  try {
    return errorMessage({ data: JSON.parse(text ?? '') });
  } catch {
    return errorMessage(error);
  }
}
