import React, { useId } from 'react';
import { Field, SecretTextArea } from '@grafana/ui';
import { CA_CERTIFICATE, isStored, withoutSecret, withSecret } from '../../settings/secrets';
import { SectionProps } from './ConfigEditor';

export function CertificateField({ settings, onChange }: SectionProps) {
  const id = useId();
  return (
    <Field
      label="CA certificate"
      description="Trusted for https targets besides the system's authorities. One or more certificates in PEM"
      htmlFor={id}
    >
      <SecretTextArea
        id={id}
        aria-label="CA certificate"
        placeholder="-----BEGIN CERTIFICATE-----"
        rows={5}
        cols={60}
        isConfigured={isStored(settings, CA_CERTIFICATE)}
        value={settings.secureJsonData?.[CA_CERTIFICATE] ?? ''}
        disabled={settings.readOnly}
        onChange={(event) => onChange(withSecret(settings, CA_CERTIFICATE, event.currentTarget.value))}
        onReset={() => onChange(withoutSecret(settings, CA_CERTIFICATE))}
      />
    </Field>
  );
}
