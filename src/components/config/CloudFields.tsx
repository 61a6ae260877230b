import React from 'react';
import { useStyles2 } from '@grafana/ui';
import { AZURE_CLOUDS, changePrometheus, CLOUDS, PROMETHEUS_DEFAULTS, prometheusOf } from '../../settings/prometheus';
import { AZURE_CLIENT_SECRET, GOOGLE_KEY } from '../../settings/secrets';
import { Cloud, PrometheusSettings } from '../../types';
import { fieldRowStyle } from './fieldRowStyle';
import { PrometheusSectionProps } from './props';
import { SecretField } from './SecretField';
import { SelectField } from './SelectField';
import { TextField } from './TextField';

/** The token of a cloud, which replaces basic authentication. AWS signatures are part of the HTTP settings. */
export function CloudFields({ settings, onChange, problems }: PrometheusSectionProps) {
  const row = useStyles2(fieldRowStyle);
  const { cloud = '', azureTenant, azureClient, azureCloud } = prometheusOf(settings);
  const disabled = settings.readOnly;
  const change = (patch: PrometheusSettings) => onChange(changePrometheus(settings, patch));

  return (
    <>
      <SelectField
        label="Cloud token"
        description="Replaces basic auth. For AWS, use SigV4 auth above, if enabled in Grafana"
        options={CLOUDS}
        value={cloud}
        problem={problems.cloud}
        width={30}
        disabled={disabled}
        onChange={(chosen) => change({ cloud: chosen as Cloud })}
      />
      {cloud === 'google' && (
        <SecretField
          settings={settings}
          onChange={onChange}
          secret={GOOGLE_KEY}
          label="Service account key"
          description="JSON key of an account with the role roles/monitoring.viewer. Stored encrypted"
          placeholder={'{"type": "service_account", …}'}
          problem={problems.googleKey}
          multiline
        />
      )}
      {cloud === 'azure' && (
        <div className={row}>
          <TextField
            label="Tenant ID"
            description="Directory of the app registration"
            width={40}
            value={azureTenant ?? ''}
            problem={problems.azureTenant}
            disabled={disabled}
            onChange={(text) => change({ azureTenant: text })}
          />
          <TextField
            label="Client ID"
            description="App registration with the role Monitoring Data Reader"
            width={40}
            value={azureClient ?? ''}
            problem={problems.azureClient}
            disabled={disabled}
            onChange={(text) => change({ azureClient: text })}
          />
          <SecretField
            settings={settings}
            onChange={onChange}
            secret={AZURE_CLIENT_SECRET}
            label="Client secret"
            description="Stored encrypted"
            problem={problems.azureClientSecret}
          />
          <SelectField
            label="Azure cloud"
            description="Cloud of the tenant"
            options={AZURE_CLOUDS}
            value={azureCloud || PROMETHEUS_DEFAULTS.azureCloud}
            problem={problems.azureCloud}
            width={30}
            disabled={disabled}
            onChange={(chosen) => change({ azureCloud: chosen })}
          />
        </div>
      )}
    </>
  );
}
