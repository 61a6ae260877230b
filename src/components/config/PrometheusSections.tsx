import React from 'react';
import { FieldSet } from '@grafana/ui';
import { prometheusOf } from '../../settings/prometheus';
import { PrometheusProblems, prometheusProblems } from '../../settings/prometheusProblems';
import { AZURE_CLIENT_SECRET, GOOGLE_KEY, isSet, ModelServingSettings } from '../../settings/secrets';
import { CloudFields } from './CloudFields';
import { LabelNameFields } from './LabelNameFields';
import { SectionProps } from './props';
import { QueryCacheFields } from './QueryCacheFields';
import { QueryFields } from './QueryFields';
import { ResponseLimitFields } from './ResponseLimitFields';
import { ServerFields } from './ServerFields';
import { useLabelPreviews } from './useLabelPreviews';

interface ServerProps extends SectionProps {
  /** The settings that the backend uses. */
  saved: ModelServingSettings;
}

/** The server and its labels. */
export function ServerSections({ saved, ...section }: ServerProps) {
  const { settings } = section;
  const previews = useLabelPreviews(settings, saved);
  const problems = problemsOf(section);
  const disabled = Boolean(settings.readOnly);
  return (
    <>
      <FieldSet label="Server" disabled={disabled}>
        <ServerFields {...section} />
        <CloudFields {...section} problems={problems} />
      </FieldSet>
      <FieldSet label="Labels" disabled={disabled}>
        <p>
          Labels of the server&apos;s series that hold the environment, the deployment and the replica. The defaults
          match Prometheus in Kubernetes with ServiceMonitor, PodMonitor or its own service discovery.
        </p>
        <LabelNameFields {...section} problems={problems} previews={previews} />
      </FieldSet>
    </>
  );
}

/** How the server is queried, the query cache and the response limits. */
export function RequestSections(section: SectionProps) {
  const problems = problemsOf(section);
  const disabled = Boolean(section.settings.readOnly);
  return (
    <>
      <FieldSet label="Queries" disabled={disabled}>
        <QueryFields {...section} problems={problems} />
      </FieldSet>
      <FieldSet label="Query cache" disabled={disabled}>
        <QueryCacheFields {...section} problems={problems} />
      </FieldSet>
      <FieldSet label="Response limits" disabled={disabled}>
        <p>Responses above any limit are rejected entirely. The panel names the limit.</p>
        <ResponseLimitFields {...section} problems={problems} />
      </FieldSet>
    </>
  );
}

function problemsOf({ settings }: SectionProps): PrometheusProblems {
  return prometheusProblems(prometheusOf(settings), {
    googleKey: isSet(settings, GOOGLE_KEY),
    azureClientSecret: isSet(settings, AZURE_CLIENT_SECRET),
  });
}
