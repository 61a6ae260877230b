import React, { KeyboardEvent } from 'react';
import { InlineField, InlineFieldRow, InlineSwitch, TextArea } from '@grafana/ui';
import { ModelServingQuery } from '../../types';
import { EditorProps } from './props';
import { LegendField } from './LegendField';

export function PromqlQueryEditor({ query, onChange, onRunQuery }: EditorProps) {
  const apply = (patch: Partial<ModelServingQuery>) => {
    onChange({ ...query, queryType: 'promql', ...patch });
    onRunQuery();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && (event.shiftKey || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      onRunQuery();
    }
  };

  return (
    <>
      <InlineField
        label="PromQL"
        labelWidth={14}
        grow
        tooltip="Press Shift+Enter to run the query. Ad-hoc filters do not apply"
      >
        <TextArea
          aria-label="PromQL"
          rows={3}
          spellCheck={false}
          placeholder="sum by (model) (rate(nv_inference_request_success[5m]))"
          value={query.expr ?? ''}
          onChange={(event) => onChange({ ...query, queryType: 'promql', expr: event.currentTarget.value })}
          onKeyDown={onKeyDown}
          onBlur={onRunQuery}
        />
      </InlineField>
      <InlineFieldRow>
        <InlineField label="Instant" labelWidth={14} tooltip="One value per series, at the end of the time range">
          <InlineSwitch
            aria-label="Instant"
            value={query.instant ?? false}
            onChange={(event) => apply({ instant: event.currentTarget.checked })}
          />
        </InlineField>
        <LegendField value={query.legend ?? ''} onChange={(legend) => apply({ legend })} />
      </InlineFieldRow>
    </>
  );
}
