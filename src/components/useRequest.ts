import { useEffect, useState } from 'react';

interface RequestState<T> {
  value?: T;
  error?: string;
}

/** The result of a request, sent again whenever `send` is another function. A result that arrives too late is dropped. */
export function useRequest<T>(send: () => Promise<T>): RequestState<T> {
  const [state, setState] = useState<RequestState<T>>({});

  useEffect(() => {
    let outdated = false;
    const update = (next: RequestState<T>) => {
      if (!outdated) {
        setState(next);
      }
    };
    send().then(
      (value) => update({ value }),
      (error) => update({ error: errorMessage(error) })
    );
    return () => {
      outdated = true;
    };
  }, [send]);

  return state;
}

/** The message of whatever a request was rejected with: an Error or Grafana's response. */
export function errorMessage(error: unknown): string {
  const { message, data, statusText } = (error ?? {}) as {
    message?: string;
    data?: { message?: string; error?: string };
    statusText?: string;
  };
  return data?.message || data?.error || message || statusText || 'The request failed without an error message.';
}
