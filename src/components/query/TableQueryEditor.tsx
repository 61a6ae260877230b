import React from 'react';
import { labelsOf } from '../../labels';
import { TableType } from '../../types';
import { FilterEditor } from './FilterEditor';
import { EditorProps } from './props';
import { useSignals } from './useSignals';

interface Props extends EditorProps {
  type: TableType;
}

const HELP: Record<TableType, string> = {
  models:
    'One row a model over the whole time range: traffic, errors, latency, caches, memory and replicas; levels, such ' +
    'as replicas, are as they were at its end.',
  objectives:
    'One row a model that had traffic in the time range or is in memory: the p95 response time, error rate, cache-hit ' +
    "ratio and staleness that it is held to. They are set in the data source's settings.",
  diagnosis:
    'One row for each thing that is wrong with the scaling of a deployment in the time range: when it began and ended, ' +
    'the evidence in numbers, the likely cause and what to do.',
};

/** Filters are all that a table is asked with. */
export function TableQueryEditor({ type, query, onChange, onRunQuery, datasource, range }: Props) {
  const signals = useSignals(datasource);
  return (
    <>
      <p>{HELP[type]}</p>
      <FilterEditor
        datasource={datasource}
        filters={query.filters ?? {}}
        labels={labelsOf(signals.list)}
        range={range}
        onChange={(filters) => {
          onChange({ ...query, queryType: type, filters });
          onRunQuery();
        }}
      />
    </>
  );
}
