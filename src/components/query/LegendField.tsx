import React from 'react';
import { InlineField } from '@grafana/ui';
import { CommittedInput } from '../CommittedInput';

interface Props {
  value: string;
  onChange: (legend: string) => void;
}

export function LegendField({ value, onChange }: Props) {
  return (
    <InlineField
      label="Legend"
      tooltip="Names the series. {{model}} stands for the label model. Empty: named by its labels"
    >
      <CommittedInput aria-label="Legend" width={32} placeholder="{{model}}" value={value} onCommit={onChange} />
    </InlineField>
  );
}
