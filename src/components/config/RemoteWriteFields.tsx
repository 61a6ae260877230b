import React, { useId } from 'react';
import { config } from '@grafana/runtime';
import { DataSourceHttpSettings, Field, FieldValidationMessage, InlineSwitch, useStyles2 } from '@grafana/ui';
import { withoutEmptiedTimeout } from '../../settings/httpSettings';
import { serverUrlProblem } from '../../settings/prometheusProblems';
import { changeRemoteWrite, historyProblem, remoteWriteOf, writeUrlProblem } from '../../settings/remoteWrite';
import { SectionProps } from './props';
import { fieldRow } from './fieldRow';
import { SigV4Fields } from './SigV4Fields';
import { TextField } from './TextField';

/** Whether what is scraped is sent to a server, too, and to which one. */
export function RemoteWriteFields({ settings, onChange }: SectionProps) {
  const sendId = useId();
  const { enabled = false } = remoteWriteOf(settings);
  return (
    <>
      <p>
        Sends what the plugin scrapes, and what it has kept, to a Prometheus-compatible server as well. When that server
        has everything, change the kind to Prometheus-compatible: the same dashboards go on with the same history.
      </p>
      <Field label="Send to a server" htmlFor={sendId}>
        <InlineSwitch
          id={sendId}
          aria-label="Send to a server"
          value={enabled}
          disabled={settings.readOnly}
          onChange={(event) => onChange(changeRemoteWrite(settings, { enabled: event.currentTarget.checked }))}
        />
      </Field>
      {enabled && <DestinationFields settings={settings} onChange={onChange} />}
    </>
  );
}

function DestinationFields({ settings, onChange }: SectionProps) {
  const row = useStyles2(fieldRow);
  const nativeId = useId();
  const { url, history, nativeHistograms = false } = remoteWriteOf(settings);
  const missing = url?.trim() ? undefined : serverUrlProblem(settings.url, '');
  return (
    <>
      <div className={row}>
        <TextField
          label="Remote-write URL"
          description="Empty: the server's URL below, followed by /api/v1/write, as Prometheus and VictoriaMetrics have it"
          placeholder="http://mimir:8080/api/v1/push"
          width={50}
          value={url ?? ''}
          problem={writeUrlProblem(url)}
          disabled={settings.readOnly}
          onChange={(typed) => onChange(changeRemoteWrite(settings, { url: typed }))}
        />
        <TextField
          label="History to send"
          description="How far back sending begins at first. Empty: all that is kept. 0: none"
          placeholder="All"
          width={20}
          value={history ?? ''}
          problem={historyProblem(history)}
          disabled={settings.readOnly}
          onChange={(typed) => onChange(changeRemoteWrite(settings, { history: typed }))}
        />
        <Field label="Native histograms" description="Only if the server takes them" htmlFor={nativeId}>
          <InlineSwitch
            id={nativeId}
            aria-label="Native histograms"
            value={nativeHistograms}
            disabled={settings.readOnly}
            onChange={(event) =>
              onChange(changeRemoteWrite(settings, { nativeHistograms: event.currentTarget.checked }))
            }
          />
        </Field>
      </div>
      {missing && <FieldValidationMessage>{missing}</FieldValidationMessage>}
      {/* What took its place does not exist for Grafana 10.1. */}
      {/* eslint-disable-next-line @typescript-eslint/no-deprecated */}
      <DataSourceHttpSettings
        defaultUrl="http://prometheus:9090"
        dataSourceConfig={settings}
        onChange={(changed) => onChange(withoutEmptiedTimeout(changed))}
        sigV4AuthToggleEnabled={config.sigV4AuthEnabled}
        renderSigV4Editor={<SigV4Fields settings={settings} onChange={onChange} />}
        secureSocksDSProxyEnabled={config.secureSocksDSProxyEnabled}
      />
    </>
  );
}
