import React from 'react';
import { InlineField, InlineFieldRow, MultiSelect } from '@grafana/ui';
import { labelsOf } from '../../labels';
import { ModelServingQuery, SignalInfo } from '../../types';
import { toOptions, toValues } from '../options';
import { FilterEditor } from './FilterEditor';
import { EditorProps } from './props';
import { SignalOptions } from './SignalOptions';
import { SignalSelect } from './SignalSelect';
import { useSignals } from './useSignals';

export function SignalQueryEditor({ query, onChange, onRunQuery, datasource, range }: EditorProps) {
  const signals = useSignals(datasource);
  const signal = signals.list.find(({ id }) => id === query.signal);
  const variables = datasource.variableReferences();
  const apply = (patch: Partial<ModelServingQuery>) => {
    onChange({ ...query, queryType: 'signal', ...patch });
    onRunQuery();
  };

  return (
    <>
      <InlineFieldRow>
        <InlineField
          label="Signal"
          labelWidth={14}
          tooltip={signal?.description}
          invalid={Boolean(signals.error)}
          error={signals.error}
        >
          <SignalSelect
            signals={signals.list}
            loading={signals.loading}
            variables={variables}
            value={query.signal}
            onChange={(id) => apply(changesForSignal(query, id, signals.list))}
          />
        </InlineField>
        <InlineField label="Statistics" tooltip="How the signal is aggregated. Empty: the default of the signal">
          <MultiSelect
            aria-label="Statistics"
            width={32}
            placeholder={signal?.defaultStatistics.join(', ') || 'Default'}
            allowCustomValue
            options={toOptions([...(signal?.statistics ?? []), ...variables], query.statistics)}
            value={query.statistics ?? []}
            onChange={(chosen) => apply({ statistics: toValues(chosen) })}
          />
        </InlineField>
        <InlineField label="Group by" tooltip="One series for each combination of these labels">
          <MultiSelect
            aria-label="Group by"
            width={40}
            placeholder="No grouping"
            allowCustomValue
            options={toOptions([...(signal?.groupBy ?? []), ...variables], query.groupBy)}
            value={query.groupBy ?? []}
            onChange={(chosen) => apply({ groupBy: toValues(chosen) })}
          />
        </InlineField>
      </InlineFieldRow>
      <FilterEditor
        datasource={datasource}
        filters={query.filters ?? {}}
        labels={signal?.groupBy ?? labelsOf(signals.list)}
        range={range}
        onChange={(filters) => apply({ filters })}
      />
      <SignalOptions query={query} onChange={apply} />
    </>
  );
}

/** The changes for another signal: statistics and groupings that it does not have are removed. */
function changesForSignal(query: ModelServingQuery, id: string, signals: SignalInfo[]): Partial<ModelServingQuery> {
  const signal = signals.find((candidate) => candidate.id === id);
  if (!signal) {
    return { signal: id };
  }
  const possible = (offered: string[]) => (value: string) => offered.includes(value) || value.includes('$');
  const statistics = (query.statistics ?? []).filter(possible(signal.statistics));
  return {
    signal: id,
    statistics: statistics.length > 0 ? statistics : signal.defaultStatistics,
    groupBy: (query.groupBy ?? []).filter(possible(signal.groupBy)),
  };
}
