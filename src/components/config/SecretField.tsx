import React, { useId } from 'react';
import { Field, SecretInput, SecretTextArea } from '@grafana/ui';
import { Problem } from '../../settings/problems';
import { isStored, removeSecret, setSecret } from '../../settings/secrets';
import { SectionProps } from './props';

interface Props extends SectionProps {
  /** Key of the secret. */
  secret: string;
  label: string;
  /** Distinguishes the field from others with the same label. */
  ariaLabel?: string;
  description?: string;
  placeholder?: string;
  problem?: Problem;
  /** For secrets of several lines. */
  multiline?: boolean;
}

/** A secret with its label and what is wrong with it. A stored one is not shown, but can be reset. */
export function SecretField({ settings, onChange, secret, label, description, problem, multiline, ...texts }: Props) {
  const id = useId();
  const input = {
    id,
    'aria-label': texts.ariaLabel ?? label,
    placeholder: texts.placeholder,
    isConfigured: isStored(settings, secret),
    value: settings.secureJsonData?.[secret] ?? '',
    disabled: settings.readOnly,
    onChange: ({ currentTarget }: React.SyntheticEvent<HTMLInputElement | HTMLTextAreaElement>) =>
      onChange(setSecret(settings, secret, currentTarget.value)),
    onReset: () => onChange(removeSecret(settings, secret)),
  };
  return (
    <Field label={label} description={description} htmlFor={id} invalid={Boolean(problem)} error={problem}>
      {multiline ? (
        <SecretTextArea {...input} rows={5} cols={60} />
      ) : (
        <SecretInput {...input} width={50} autoComplete="off" />
      )}
    </Field>
  );
}
