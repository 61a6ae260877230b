import React from 'react';
import { InlineField, InlineFieldRow, MultiSelect } from '@grafana/ui';
import { labelsOf } from '../../labels';
import { ModelServingQuery } from '../../types';
import { toOptions, toValues } from '../options';
import { FilterEditor } from './FilterEditor';
import { EditorProps } from './props';
import { useSignals } from './useSignals';

const EVENT_TYPES = ['loads', 'evictions', 'scaling', 'restarts', 'losses'];

/** Selects events, in panels and in annotations. */
export function EventsQueryEditor({ query, onChange, onRunQuery, datasource, range }: EditorProps) {
  const signals = useSignals(datasource);
  const apply = (patch: Partial<ModelServingQuery>) => {
    onChange({ ...query, queryType: 'events', ...patch });
    onRunQuery();
  };
  return (
    <>
      <InlineFieldRow>
        <InlineField label="Event types" labelWidth={14} tooltip="Which events to show. Empty: all types">
          <MultiSelect
            aria-label="Event types"
            width={40}
            placeholder="All event types"
            allowCustomValue
            options={toOptions([...EVENT_TYPES, ...datasource.variableReferences()], query?.eventTypes)}
            value={query?.eventTypes ?? []}
            onChange={(chosen) => apply({ eventTypes: toValues(chosen) })}
          />
        </InlineField>
      </InlineFieldRow>
      <FilterEditor
        datasource={datasource}
        filters={query?.filters ?? {}}
        labels={labelsOf(signals.list)}
        range={range}
        onChange={(filters) => apply({ filters })}
      />
    </>
  );
}
