import React from 'react';
import { config } from '@grafana/runtime';
import { useStyles2 } from '@grafana/ui';
import { SIGV4_ACCESS_KEY, SIGV4_SECRET_KEY } from '../../settings/secrets';
import { changeOptions } from '../../settings/options';
import { SigV4Settings } from '../../types';
import { SectionProps } from './props';
import { fieldRowStyle } from './fieldRowStyle';
import { SecretField } from './SecretField';
import { SelectField } from './SelectField';
import { TextField } from './TextField';

const PROVIDERS = [
  { value: 'default', label: 'AWS SDK default' },
  { value: 'keys', label: 'Access and secret key' },
  { value: 'credentials', label: 'Credentials file' },
  { value: 'ec2_iam_role', label: 'Workspace IAM role' },
];

type SigV4Text = 'sigV4Profile' | 'sigV4Region' | 'sigV4AssumeRoleArn' | 'sigV4ExternalId';

/** The credentials that sign requests to Amazon. Grafana's administrator decides which providers are allowed. */
export function SigV4Fields({ settings, onChange }: SectionProps) {
  const row = useStyles2(fieldRowStyle);
  const { jsonData } = settings;
  const provider = jsonData.sigV4AuthType || 'default';
  const section = { settings, onChange };
  const change = (patch: SigV4Settings) => onChange(changeOptions(settings, patch));
  const text = (field: SigV4Text, label: string, description: string, placeholder?: string) => (
    <TextField
      label={label}
      description={description}
      placeholder={placeholder}
      width={40}
      value={jsonData[field] ?? ''}
      problem={field === 'sigV4Region' && !jsonData.sigV4Region ? 'Enter the region of the workspace.' : undefined}
      disabled={settings.readOnly}
      onChange={(typed) => change({ [field]: typed })}
    />
  );

  return (
    <div className={row}>
      <SelectField
        label="Authentication provider"
        description="Source of the credentials"
        options={PROVIDERS.filter(({ value }) => config.awsAllowedAuthProviders.includes(value))}
        value={provider}
        width={40}
        disabled={settings.readOnly}
        onChange={(sigV4AuthType) => change({ sigV4AuthType })}
      />
      {text('sigV4Region', 'AWS region', 'Region of the workspace', 'eu-central-1')}
      {provider === 'credentials' &&
        text('sigV4Profile', 'Credentials profile', 'Profile in the credentials file. Empty: default')}
      {provider === 'keys' && (
        <>
          <SecretField {...section} secret={SIGV4_ACCESS_KEY} label="Access key ID" description="Stored encrypted" />
          <SecretField
            {...section}
            secret={SIGV4_SECRET_KEY}
            label="Secret access key"
            description="Stored encrypted"
          />
        </>
      )}
      {config.awsAssumeRoleEnabled && (
        <>
          {text('sigV4AssumeRoleArn', 'Role to assume', 'Empty: none', 'arn:aws:iam::…')}
          {text('sigV4ExternalId', 'External ID', 'For a role in another account')}
        </>
      )}
    </div>
  );
}
