import React from 'react';
import { InlineField } from '@grafana/ui';
import { CommittedInput } from '../CommittedInput';

interface Props {
  value: string;
  onChange: (legend: string) => void;
}

export function LegendField({ value, onChange }: Props) {
  return (
    <InlineField label="Legend" tooltip="Name of the series. {{model}} inserts the label model. Empty: all labels">
      <CommittedInput aria-label="Legend" width={32} placeholder="{{model}}" value={value} onCommit={onChange} />
    </InlineField>
  );
}
