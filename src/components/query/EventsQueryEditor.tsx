import React from 'react';
import { QueryEditorProps } from '@grafana/data';
import { InlineField, InlineFieldRow, MultiSelect } from '@grafana/ui';
import { ModelServingDataSource } from '../../datasource';
import { labelsOf } from '../../labels';
import { ModelServingOptions, ModelServingQuery } from '../../types';
import { toOptions, toValues } from '../options';
import { FilterEditor } from './FilterEditor';
import { useSignals } from './useSignals';

type Props = QueryEditorProps<ModelServingDataSource, ModelServingQuery, ModelServingOptions>;

const KINDS = ['loads', 'evictions', 'scaling', 'restarts'];

/** What events are asked for, in panels and in annotations. */
export function EventsQueryEditor({ query, onChange, onRunQuery, datasource, range }: Props) {
  const signals = useSignals(datasource);
  const apply = (patch: Partial<ModelServingQuery>) => {
    onChange({ ...query, queryType: 'events', ...patch });
    onRunQuery();
  };
  return (
    <>
      <InlineFieldRow>
        <InlineField label="Kinds" labelWidth={14} tooltip="What is to be shown. Empty: all kinds">
          <MultiSelect
            aria-label="Kinds"
            width={40}
            placeholder="All kinds"
            allowCustomValue
            options={toOptions([...KINDS, ...datasource.variableReferences()], query?.kinds)}
            value={query?.kinds ?? []}
            onChange={(chosen) => apply({ kinds: toValues(chosen) })}
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
