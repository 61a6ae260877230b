import React from 'react';
import { QueryEditorProps } from '@grafana/data';
import { ModelServingDataSource } from '../../datasource';
import { labelsOf } from '../../labels';
import { ModelServingOptions, ModelServingQuery } from '../../types';
import { FilterEditor } from './FilterEditor';
import { useSignals } from './useSignals';

type Props = QueryEditorProps<ModelServingDataSource, ModelServingQuery, ModelServingOptions>;

/** What events are asked for, in panels and in annotations. */
export function EventsQueryEditor({ query, onChange, onRunQuery, datasource, range }: Props) {
  const signals = useSignals(datasource);
  return (
    <FilterEditor
      datasource={datasource}
      filters={query?.filters ?? {}}
      labels={labelsOf(signals.list)}
      range={range}
      onChange={(filters) => {
        onChange({ ...query, queryType: 'events', filters });
        onRunQuery();
      }}
    />
  );
}
