import { useEffect, useState } from 'react';

interface Answer<T> {
  value?: T;
  error?: string;
}

/** What a request answered; asked again whenever `ask` is another function. An answer that comes too late is dropped. */
export function useAnswer<T>(ask: () => Promise<T>): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T>>({});

  useEffect(() => {
    let outdated = false;
    const keep = (next: Answer<T>) => {
      if (!outdated) {
        setAnswer(next);
      }
    };
    ask().then(
      (value) => keep({ value }),
      (error) => keep({ error: errorMessage(error) })
    );
    return () => {
      outdated = true;
    };
  }, [ask]);

  return answer;
}

/** The sentence in whatever a request was rejected with: an Error or Grafana's response. */
export function errorMessage(error: unknown): string {
  const { message, data, statusText } = (error ?? {}) as {
    message?: string;
    data?: { message?: string; error?: string };
    statusText?: string;
  };
  return data?.message || data?.error || message || statusText || 'The request failed without a reason.';
}
