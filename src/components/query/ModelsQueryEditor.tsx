import React from 'react';
import { FilterEditor } from './FilterEditor';
import { EditorProps } from './QueryEditor';
import { labelsOf, useSignals } from './useSignals';

/** Filters are all that the table of models is asked with. */
export function ModelsQueryEditor({ query, onChange, onRunQuery, datasource, range }: EditorProps) {
  const signals = useSignals(datasource);
  return (
    <>
      <p>
        One row a model over the whole time range: traffic, errors, latency, caches, memory and replicas; levels, such
        as replicas, are as they were at its end.
      </p>
      <FilterEditor
        datasource={datasource}
        filters={query.filters ?? {}}
        labels={labelsOf(signals.list)}
        range={range}
        onChange={(filters) => {
          onChange({ ...query, queryType: 'models', filters });
          onRunQuery();
        }}
      />
    </>
  );
}
