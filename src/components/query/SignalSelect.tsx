import React from 'react';
import { SelectableValue } from '@grafana/data';
import { Select } from '@grafana/ui';
import { SignalInfo } from '../../types';

interface Props {
  signals: SignalInfo[];
  loading: boolean;
  variables: string[];
  value?: string;
  onChange: (signal: string) => void;
}

/** Grafana before 11 collapses a group unless it is expanded. */
type Group = SelectableValue<string> & { expanded: boolean; options: Array<SelectableValue<string>> };

export function SignalSelect({ signals, loading, variables, value, onChange }: Props) {
  const groups = toGroups(signals, variables);
  const offered = groups.flatMap(({ options }) => options).find((option) => option.value === value);
  return (
    <Select
      aria-label="Signal"
      width={32}
      placeholder="Choose a signal"
      isLoading={loading}
      allowCustomValue
      allowCreateWhileLoading
      options={groups}
      value={offered ?? (value ? { label: value, value } : null)}
      onChange={(chosen) => onChange(chosen.value ?? '')}
    />
  );
}

function toGroups(signals: SignalInfo[], variables: string[]): Group[] {
  const groups = new Map<string, Group>();
  for (const { id, name, group, description } of signals) {
    const entry = groups.get(group) ?? { label: group, expanded: true, options: [] };
    entry.options.push({ label: name, value: id, description });
    groups.set(group, entry);
  }
  const references = variables.map((reference) => ({ label: reference, value: reference }));
  return [
    ...groups.values(),
    ...(references.length > 0 ? [{ label: 'Variables', expanded: true, options: references }] : []),
  ];
}
