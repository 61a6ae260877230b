import React from 'react';
import { config } from '@grafana/runtime';
import { DataSourceHttpSettings, FieldValidationMessage } from '@grafana/ui';
import { dropEmptiedTimeout } from '../../settings/httpSettings';
import { prometheusOf } from '../../settings/prometheus';
import { serverUrlProblem } from '../../settings/prometheusProblems';
import { SectionProps } from './props';
import { SigV4Fields } from './SigV4Fields';

/** The URL and authentication of the server: Grafana's own HTTP settings. */
export function ServerFields({ settings, onChange }: SectionProps) {
  const problem = serverUrlProblem(settings.url, prometheusOf(settings).cloud);
  return (
    <>
      <p>
        Enter the URL without <code>/api/v1</code>. If the server has tenants, add a header such as X-Scope-OrgID.
      </p>
      {problem && <FieldValidationMessage>{problem}</FieldValidationMessage>}
      {/* What took its place does not exist for Grafana 10.1. */}
      {/* eslint-disable-next-line @typescript-eslint/no-deprecated */}
      <DataSourceHttpSettings
        defaultUrl="http://prometheus:9090"
        dataSourceConfig={settings}
        onChange={(changed) => onChange(dropEmptiedTimeout(changed))}
        showForwardOAuthIdentityOption
        sigV4AuthToggleEnabled={config.sigV4AuthEnabled}
        renderSigV4Editor={<SigV4Fields settings={settings} onChange={onChange} />}
        secureSocksDSProxyEnabled={config.secureSocksDSProxyEnabled}
      />
    </>
  );
}
