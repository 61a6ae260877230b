import React, { useId } from 'react';
import { SelectableValue } from '@grafana/data';
import { Field, Select } from '@grafana/ui';
import { ProfileInfo } from '../../types';

interface Props {
  ariaLabel: string;
  profiles: ProfileInfo[];
  /** A profile's id, or empty to detect it. */
  value: string;
  disabled?: boolean;
  onChange: (profile: string) => void;
}

export function ProfileSelect({ ariaLabel, profiles, value, disabled, onChange }: Props) {
  const id = useId();
  return (
    <Field label="Profile" description="Model server" htmlFor={id}>
      <Select
        inputId={id}
        aria-label={ariaLabel}
        width={40}
        options={profileOptions(profiles, value)}
        value={value}
        disabled={disabled}
        onChange={(chosen) => onChange(chosen.value ?? '')}
      />
    </Field>
  );
}

/** A profile that is set stays on offer before the backend has responded, and if it no longer exists. */
function profileOptions(profiles: ProfileInfo[], value: string): Array<SelectableValue<string>> {
  const options: Array<SelectableValue<string>> = [
    { label: 'Detect', value: '' },
    ...profiles.map(({ id, name }) => ({ label: name, value: id })),
  ];
  return options.some((option) => option.value === value) ? options : [...options, { label: value, value }];
}
