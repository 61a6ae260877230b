import React, { useId } from 'react';
import { Field, SecretInput, useStyles2 } from '@grafana/ui';
import { authSchemeProblem } from '../../settings/problems';
import { apiKeyOf, isStored, withoutSecret, withSecret } from '../../settings/secrets';
import { TargetSettings } from '../../types';
import { SectionProps } from './ConfigEditor';
import { fieldRow } from './fieldRow';
import { TextField } from './TextField';

interface Props extends SectionProps {
  target: TargetSettings;
  title: string;
  onTargetChange: (patch: Partial<TargetSettings>) => void;
}

/** The Authorization header of a target: a scheme and a secret. */
export function ApiKeyFields({ settings, onChange, target, title, onTargetChange }: Props) {
  const styles = useStyles2(fieldRow);
  const id = useId();
  const key = apiKeyOf(target.id);
  return (
    <div className={styles}>
      <Field label="API key" description="For servers that ask for one. Stored encrypted" htmlFor={id}>
        <SecretInput
          id={id}
          aria-label={`${title} API key`}
          placeholder="No key"
          width={50}
          autoComplete="off"
          isConfigured={isStored(settings, key)}
          value={settings.secureJsonData?.[key] ?? ''}
          disabled={settings.readOnly}
          onChange={(event) => onChange(withSecret(settings, key, event.currentTarget.value))}
          onReset={() => onChange(withoutSecret(settings, key))}
        />
      </Field>
      <TextField
        label="Authorization scheme"
        ariaLabel={`${title} authorization scheme`}
        description="Goes before the key in the Authorization header"
        placeholder="Bearer"
        width={24}
        value={target.authScheme ?? ''}
        problem={authSchemeProblem(target.authScheme)}
        disabled={settings.readOnly}
        onChange={(authScheme) => onTargetChange({ authScheme })}
      />
    </div>
  );
}
