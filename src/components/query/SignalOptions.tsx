import React from 'react';
import { InlineField, InlineFieldRow, InlineSwitch } from '@grafana/ui';
import { durationProblem, WINDOW_BOUNDS } from '../../settings/problems';
import { ModelServingQuery } from '../../types';
import { CommittedInput } from '../CommittedInput';
import { LegendField } from './LegendField';

interface Props {
  query: ModelServingQuery;
  onChange: (patch: Partial<ModelServingQuery>) => void;
}

export function SignalOptions({ query, onChange }: Props) {
  const limit = query.limit?.toString() ?? '';
  const window = query.window ?? '';
  const windowProblem = containsVariable(window) ? undefined : durationProblem(window, WINDOW_BOUNDS);

  return (
    <InlineFieldRow>
      <InlineField
        label="Limit"
        labelWidth={14}
        tooltip="Maximum number of series, ranked by traffic. Empty: 50"
        invalid={!isLimit(limit)}
        error="Enter a whole number, or leave the field empty."
      >
        <CommittedInput
          aria-label="Limit"
          width={10}
          placeholder="50"
          value={limit}
          onCommit={(text) => onChange({ limit: toLimit(text) })}
        />
      </InlineField>
      <InlineField
        label="Others"
        tooltip="Adds one series that aggregates everything beyond the limit, so that totals stay correct"
      >
        <InlineSwitch
          aria-label="Others"
          value={query.includeOthers ?? true}
          onChange={(event) => onChange({ includeOthers: event.currentTarget.checked })}
        />
      </InlineField>
      <InlineField
        label="Window"
        tooltip="Range of rates and quantiles, such as 5m. Empty: automatic, at least four scrape intervals"
        invalid={Boolean(windowProblem)}
        error={windowProblem}
      >
        <CommittedInput
          aria-label="Window"
          width={12}
          placeholder="auto"
          value={window}
          onCommit={(text) => onChange({ window: text.trim() })}
        />
      </InlineField>
      <InlineField label="Instant" tooltip="One value per series, at the end of the time range">
        <InlineSwitch
          aria-label="Instant"
          value={query.instant ?? false}
          onChange={(event) => onChange({ instant: event.currentTarget.checked })}
        />
      </InlineField>
      <LegendField value={query.legend ?? ''} onChange={(legend) => onChange({ legend })} />
    </InlineFieldRow>
  );
}

function containsVariable(text: string): boolean {
  return /\$|\[\[/.test(text);
}

function isLimit(text: string): boolean {
  return text === '' || /^\d+$/.test(text) || containsVariable(text);
}

function toLimit(text: string): number | string | undefined {
  const trimmed = text.trim();
  if (trimmed === '') {
    return undefined;
  }
  return /^\d+$/.test(trimmed) ? Number(trimmed) : trimmed;
}
