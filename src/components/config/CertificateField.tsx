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
      description="Additional CA certificates for https targets (PEM)"
      placeholder="-----BEGIN CERTIFICATE-----"
      multiline
    />
  );
}
