import React from 'react';
import { InlineField, InlineFieldRow, InlineSwitch } from '@grafana/ui';
import { durationProblem, WINDOW_RANGE } from '../../settings/problems';
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
  const windowProblem = holdsVariable(window) ? undefined : durationProblem(window, WINDOW_RANGE);

  return (
    <InlineFieldRow>
      <InlineField
        label="Limit"
        labelWidth={14}
        tooltip="Shows at most so many series, the busiest. Empty: 50"
        invalid={!isLimit(limit)}
        error="Write a whole number, or leave it empty."
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
        tooltip="Adds one series that sums up what is beyond the limit, so that totals stay right"
      >
        <InlineSwitch
          aria-label="Others"
          value={query.includeOthers ?? true}
          onChange={(event) => onChange({ includeOthers: event.currentTarget.checked })}
        />
      </InlineField>
      <InlineField
        label="Window"
        tooltip="What rates and quantiles are taken over, such as 5m. Empty: the rate interval, at least four scrapes"
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
      <InlineField label="Instant" tooltip="One value a series, at the end of the time range">
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

function holdsVariable(text: string): boolean {
  return /\$|\[\[/.test(text);
}

function isLimit(text: string): boolean {
  return text === '' || /^\d+$/.test(text) || holdsVariable(text);
}

function toLimit(text: string): number | string | undefined {
  const trimmed = text.trim();
  if (trimmed === '') {
    return undefined;
  }
  return /^\d+$/.test(trimmed) ? Number(trimmed) : trimmed;
}
