import React, { useId } from 'react';
import { config } from '@grafana/runtime';
import { DataSourceHttpSettings, Field, FieldValidationMessage, InlineSwitch, useStyles2 } from '@grafana/ui';
import { dropEmptiedTimeout } from '../../settings/httpSettings';
import { serverUrlProblem } from '../../settings/prometheusProblems';
import { changeRemoteWrite, historyProblem, remoteWriteOf, writeUrlProblem } from '../../settings/remoteWrite';
import { SectionProps } from './props';
import { fieldRowStyle } from './fieldRowStyle';
import { SigV4Fields } from './SigV4Fields';
import { TextField } from './TextField';

/** Whether and where scraped samples are sent. */
export function RemoteWriteFields({ settings, onChange }: SectionProps) {
  const sendId = useId();
  const { enabled = false } = remoteWriteOf(settings);
  return (
    <>
      <p>
        Also sends scraped and stored samples to a Prometheus-compatible server. Once the server has all samples, you
        can change the mode to Prometheus-compatible and keep the dashboards and their history.
      </p>
      <Field label="Enable remote write" htmlFor={sendId}>
        <InlineSwitch
          id={sendId}
          aria-label="Enable remote write"
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
  const row = useStyles2(fieldRowStyle);
  const nativeId = useId();
  const { url, history, nativeHistograms = false } = remoteWriteOf(settings);
  const missing = url?.trim() ? undefined : serverUrlProblem(settings.url, '');
  return (
    <>
      <div className={row}>
        <TextField
          label="Remote-write URL"
          description="Empty: the URL below plus /api/v1/write, as in Prometheus and VictoriaMetrics"
          placeholder="http://mimir:8080/api/v1/push"
          width={50}
          value={url ?? ''}
          problem={writeUrlProblem(url)}
          disabled={settings.readOnly}
          onChange={(typed) => onChange(changeRemoteWrite(settings, { url: typed }))}
        />
        <TextField
          label="Backfill window"
          description="Stored history to send at first. Empty: all. 0: none"
          placeholder="All"
          width={20}
          value={history ?? ''}
          problem={historyProblem(history)}
          disabled={settings.readOnly}
          onChange={(typed) => onChange(changeRemoteWrite(settings, { history: typed }))}
        />
        <Field label="Native histograms" description="Enable only if the server supports them" htmlFor={nativeId}>
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
        onChange={(changed) => onChange(dropEmptiedTimeout(changed))}
        sigV4AuthToggleEnabled={config.sigV4AuthEnabled}
        renderSigV4Editor={<SigV4Fields settings={settings} onChange={onChange} />}
        secureSocksDSProxyEnabled={config.secureSocksDSProxyEnabled}
      />
    </>
  );
}
