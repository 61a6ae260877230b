import { DataSourceSettings } from '@grafana/data';
import { ModelServingOptions, ModelServingSecrets } from '../types';

export type ModelServingSettings = DataSourceSettings<ModelServingOptions, ModelServingSecrets>;

export const CA_CERTIFICATE = 'caCertificate';
export const GOOGLE_KEY = 'googleKey';
export const AZURE_CLIENT_SECRET = 'azureClientSecret';
export const SIGV4_ACCESS_KEY = 'sigV4AccessKey';
export const SIGV4_SECRET_KEY = 'sigV4SecretKey';

export function apiKeyOf(targetId: string): string {
  return `apiKey.${targetId}`;
}

export function isStored(settings: ModelServingSettings, key: string): boolean {
  return Boolean(settings.secureJsonFields?.[key]);
}

/** Whether a secret is set, stored or just entered. */
export function isSet(settings: ModelServingSettings, key: string): boolean {
  return isStored(settings, key) || Boolean(settings.secureJsonData?.[key]?.trim());
}

export function setSecret(settings: ModelServingSettings, key: string, secret: string): ModelServingSettings {
  return { ...settings, secureJsonData: { ...settings.secureJsonData, [key]: secret } };
}

/** The settings without a secret. A stored secret is overwritten with an empty text when they are saved. */
export function removeSecret(settings: ModelServingSettings, key: string): ModelServingSettings {
  const { [key]: _, ...secureJsonData } = settings.secureJsonData ?? {};
  if (!isStored(settings, key)) {
    return { ...settings, secureJsonData };
  }
  return {
    ...settings,
    secureJsonFields: { ...settings.secureJsonFields, [key]: false },
    secureJsonData: { ...secureJsonData, [key]: '' },
  };
}
