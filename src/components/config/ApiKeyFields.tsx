import React from 'react';
import { useStyles2 } from '@grafana/ui';
import { authSchemeProblem } from '../../settings/problems';
import { apiKeyOf } from '../../settings/secrets';
import { TargetSettings } from '../../types';
import { SectionProps } from './props';
import { fieldRowStyle } from './fieldRowStyle';
import { SecretField } from './SecretField';
import { TextField } from './TextField';

interface Props extends SectionProps {
  target: TargetSettings;
  title: string;
  onTargetChange: (patch: Partial<TargetSettings>) => void;
}

/** The Authorization header of a target: a scheme and a secret. */
export function ApiKeyFields({ settings, onChange, target, title, onTargetChange }: Props) {
  const styles = useStyles2(fieldRowStyle);
  return (
    <div className={styles}>
      <SecretField
        settings={settings}
        onChange={onChange}
        secret={apiKeyOf(target.id)}
        label="API key"
        ariaLabel={`${title} API key`}
        description="If the server requires one. Stored encrypted"
        placeholder="No key"
      />
      <TextField
        label="Authorization scheme"
        ariaLabel={`${title} authorization scheme`}
        description="Authorization scheme, for example Bearer"
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
