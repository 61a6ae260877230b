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
    'One row per model over the whole time range: traffic, errors, latency, caches, memory and replicas. Gauges, such ' +
    'as replicas, show the value at the end of the range.',
  objectives:
    'One row per model that had traffic in the time range or is loaded, with its objectives: p95 response time, error ' +
    "rate, cache-hit ratio and staleness. Set them in the data source's settings.",
  diagnosis:
    'One row per autoscaling problem of a deployment in the time range: start and end, evidence, likely cause and what ' +
    'to do.',
};

/** A table query has filters only. */
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
