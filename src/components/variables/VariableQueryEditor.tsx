import React from 'react';
import { QueryEditorProps } from '@grafana/data';
import { InlineField, InlineFieldRow, Select } from '@grafana/ui';
import { labelsOf } from '../../labels';
import { ModelServingOptions, ModelServingQuery, ModelServingVariableQuery } from '../../types';
import { FilterEditor } from '../query/FilterEditor';
import { EditorDataSource } from '../query/props';
import { useSignals } from '../query/useSignals';
import { toOptions } from '../options';

type Props = QueryEditorProps<EditorDataSource, ModelServingQuery, ModelServingOptions, ModelServingVariableQuery>;

/** Selects the label that a dashboard variable takes its values from. Filters may refer to other variables. */
export function VariableQueryEditor({ query, onChange, datasource, range }: Props) {
  const signals = useSignals(datasource);
  const labels = labelsOf(signals.list);
  const { label, filters = {} } = query;
  const apply = (patch: Partial<ModelServingVariableQuery>) =>
    onChange({ ...query, refId: query.refId || 'ModelServingVariableQuery', ...patch });

  return (
    <>
      <InlineFieldRow>
        <InlineField
          label="Label"
          labelWidth={14}
          tooltip="Label whose values the variable lists"
          invalid={Boolean(signals.error)}
          error={signals.error}
        >
          <Select
            aria-label="Label"
            width={24}
            placeholder="Choose a label"
            isLoading={signals.loading}
            allowCustomValue
            allowCreateWhileLoading
            options={toOptions(labels, label ? [label] : [])}
            value={label ?? null}
            onChange={({ value }) => apply({ label: value, filters: removeLabel(filters, value) })}
          />
        </InlineField>
      </InlineFieldRow>
      <FilterEditor
        datasource={datasource}
        filters={filters}
        labels={labels.filter((candidate) => candidate !== label)}
        range={range}
        onChange={(changed) => apply({ filters: changed })}
      />
    </>
  );
}

/** A variable must not filter by its own label: it could only narrow its own choice. */
function removeLabel(filters: ModelServingVariableQuery['filters'] = {}, label: string | undefined) {
  return Object.fromEntries(Object.entries(filters).filter(([filtered]) => filtered !== label));
}
