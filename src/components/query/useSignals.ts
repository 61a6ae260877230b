import { useCallback } from 'react';
import { EditorDataSource } from './props';
import { SignalInfo } from '../../types';
import { useRequest } from '../useRequest';

interface Signals {
  /** Empty until the backend has responded. */
  list: SignalInfo[];
  loading: boolean;
  error?: string;
}

export function useSignals(datasource: EditorDataSource): Signals {
  const send = useCallback(() => datasource.signals(), [datasource]);
  const { value, error } = useRequest(send);
  return { list: value ?? [], loading: !value && !error, error };
}
