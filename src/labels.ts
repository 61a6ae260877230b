import { SignalInfo } from './types';

/** Every label that some signal can be grouped by, in the catalogue's order. */
export function labelsOf(signals: SignalInfo[]): string[] {
  return [...new Set(signals.flatMap(({ groupBy }) => groupBy))];
}
