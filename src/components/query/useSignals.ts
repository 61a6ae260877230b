import { useCallback } from 'react';
import { EditorDataSource } from './props';
import { SignalInfo } from '../../types';
import { useAnswer } from '../useAnswer';

interface Signals {
  /** Empty until the backend has answered. */
  list: SignalInfo[];
  loading: boolean;
  error?: string;
}

export function useSignals(datasource: EditorDataSource): Signals {
  const ask = useCallback(() => datasource.signals(), [datasource]);
  const { value, error } = useAnswer(ask);
  return { list: value ?? [], loading: !value && !error, error };
}
