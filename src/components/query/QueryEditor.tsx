import React from 'react';
import { SelectableValue } from '@grafana/data';
import { InlineField, InlineFieldRow, RadioButtonGroup } from '@grafana/ui';
import { defaultQuery, queryTypeOf } from '../../query';
import { QueryType } from '../../types';
import { EventsQueryEditor } from './EventsQueryEditor';
import { PromqlQueryEditor } from './PromqlQueryEditor';
import { EditorProps } from './props';
import { SignalQueryEditor } from './SignalQueryEditor';
import { TableQueryEditor } from './TableQueryEditor';

const QUERY_TYPES: Array<SelectableValue<QueryType>> = [
  {
    label: 'Signal',
    ariaLabel: 'Signal',
    value: 'signal',
    description: 'A metric of your models, whichever server exports it',
  },
  { label: 'Models', ariaLabel: 'Models', value: 'models', description: 'Table with one row per model' },
  {
    label: 'Objectives',
    ariaLabel: 'Objectives',
    value: 'objectives',
    description: 'Table of the objectives (SLOs) of each model',
  },
  {
    label: 'Diagnosis',
    ariaLabel: 'Diagnosis',
    value: 'diagnosis',
    description: 'Table of autoscaling problems and how to fix them',
  },
  {
    label: 'Events',
    ariaLabel: 'Events',
    value: 'events',
    description: 'Loads, evictions, scaling and restarts of models, and samples that were not stored',
  },
  { label: 'PromQL', ariaLabel: 'PromQL', value: 'promql', description: 'Query the stored metrics directly' },
];

const EDITORS = {
  signal: SignalQueryEditor,
  models: (props: EditorProps) => <TableQueryEditor {...props} type="models" />,
  objectives: (props: EditorProps) => <TableQueryEditor {...props} type="objectives" />,
  diagnosis: (props: EditorProps) => <TableQueryEditor {...props} type="diagnosis" />,
  events: EventsQueryEditor,
  promql: PromqlQueryEditor,
};

export function QueryEditor(props: EditorProps) {
  const { query, onChange, onRunQuery, app } = props;
  const queryType = queryTypeOf(query);
  const Editor = EDITORS[queryType];

  const onTypeChange = (chosen: QueryType) => {
    const untouched = chosen === 'signal' && !query.signal;
    onChange({ ...(untouched ? defaultQuery(app) : {}), ...query, queryType: chosen });
    onRunQuery();
  };

  return (
    <>
      <InlineFieldRow>
        <InlineField label="Query type" labelWidth={14}>
          <RadioButtonGroup options={QUERY_TYPES} value={queryType} onChange={onTypeChange} />
        </InlineField>
      </InlineFieldRow>
      {Editor && <Editor {...props} />}
    </>
  );
}
