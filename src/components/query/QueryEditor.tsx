import React from 'react';
import { QueryEditorProps, SelectableValue } from '@grafana/data';
import { InlineField, InlineFieldRow, RadioButtonGroup } from '@grafana/ui';
import { ModelServingDataSource } from '../../datasource';
import { defaultQuery, queryTypeOf } from '../../query';
import { ModelServingOptions, ModelServingQuery, QueryType } from '../../types';
import { EventsQueryEditor } from './EventsQueryEditor';
import { ModelsQueryEditor } from './ModelsQueryEditor';
import { PromqlQueryEditor } from './PromqlQueryEditor';
import { SignalQueryEditor } from './SignalQueryEditor';

export type EditorProps = QueryEditorProps<ModelServingDataSource, ModelServingQuery, ModelServingOptions>;

const QUERY_TYPES: Array<SelectableValue<QueryType>> = [
  {
    label: 'Signal',
    ariaLabel: 'Signal',
    value: 'signal',
    description: 'One thing to observe, whatever server reports it',
  },
  { label: 'Models', ariaLabel: 'Models', value: 'models', description: 'A table with one row a model' },
  { label: 'Events', ariaLabel: 'Events', value: 'events', description: 'Loads, evictions and restarts' },
  { label: 'PromQL', ariaLabel: 'PromQL', value: 'promql', description: 'The stored metrics themselves' },
];

const EDITORS = {
  signal: SignalQueryEditor,
  models: ModelsQueryEditor,
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
