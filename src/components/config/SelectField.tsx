import React, { useId } from 'react';
import { SelectableValue } from '@grafana/data';
import { Field, Select } from '@grafana/ui';
import { Problem } from '../../settings/problems';

interface Props {
  label: string;
  description?: string;
  placeholder?: string;
  options: Array<SelectableValue<string>>;
  /** Empty while nothing is chosen. */
  value: string;
  problem?: Problem;
  /** In Grafana's grid units. */
  width: number;
  disabled?: boolean;
  /** Also accepts custom values, and can be cleared. */
  open?: boolean;
  onChange: (value: string) => void;
}

/** A choice with its label, explanation and what is wrong with it. */
export function SelectField({ label, description, options, value, problem, open, onChange, ...select }: Props) {
  const id = useId();
  const unoffered = value !== '' && !options.some((option) => option.value === value);
  return (
    <Field label={label} description={description} htmlFor={id} invalid={Boolean(problem)} error={problem}>
      <Select
        {...select}
        inputId={id}
        aria-label={label}
        options={unoffered ? [{ label: value, value }, ...options] : options}
        value={value === '' && !options.some((option) => option.value === '') ? null : value}
        isClearable={open}
        allowCustomValue={open}
        onChange={(chosen) => onChange(chosen?.value ?? '')}
      />
    </Field>
  );
}
