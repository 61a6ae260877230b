import React, { HTMLInputTypeAttribute, useId } from 'react';
import { Field, Input } from '@grafana/ui';
import { Problem } from '../../settings/problems';

interface Props {
  label: string;
  /** Distinguishes the field from others with the same label. */
  ariaLabel?: string;
  description?: string;
  placeholder?: string;
  value: string;
  problem?: Problem;
  type?: HTMLInputTypeAttribute;
  /** In Grafana's grid units. */
  width: number;
  disabled?: boolean;
  onChange: (text: string) => void;
}

/** One line of text with its label, explanation and what is wrong with it. */
export function TextField({ label, ariaLabel, description, value, problem, onChange, ...input }: Props) {
  const id = useId();
  return (
    <Field
      label={label}
      description={description}
      htmlFor={id}
      invalid={Boolean(problem)}
      error={problem}
      disabled={input.disabled}
    >
      <Input
        {...input}
        id={id}
        aria-label={ariaLabel ?? label}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    </Field>
  );
}
