import React from 'react';
import { CA_CERTIFICATE } from '../../settings/secrets';
import { SectionProps } from './props';
import { SecretField } from './SecretField';

export function CertificateField({ settings, onChange }: SectionProps) {
  return (
    <SecretField
      settings={settings}
      onChange={onChange}
      secret={CA_CERTIFICATE}
      label="CA certificate"
      description="Trusted for https targets besides the system's authorities. One or more certificates in PEM"
      placeholder="-----BEGIN CERTIFICATE-----"
      multiline
    />
  );
}
