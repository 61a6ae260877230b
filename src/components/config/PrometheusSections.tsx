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
  /** What the backend answers for. */
  saved: ModelServingSettings;
}

/** The server, and what it calls things. */
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
          Which labels of its series say the environment, the deployment and the replica. The defaults are those of
          Prometheus in Kubernetes, with ServiceMonitor, PodMonitor or its own discovery.
        </p>
        <LabelNameFields {...section} problems={problems} previews={previews} />
      </FieldSet>
    </>
  );
}

/** How much the server is asked for at once, and what is kept of its answers. */
export function RequestSections(section: SectionProps) {
  const problems = problemsOf(section);
  const disabled = Boolean(section.settings.readOnly);
  return (
    <>
      <FieldSet label="Queries" disabled={disabled}>
        <QueryFields {...section} problems={problems} />
      </FieldSet>
      <FieldSet label="Kept answers" disabled={disabled}>
        <QueryCacheFields {...section} problems={problems} />
      </FieldSet>
      <FieldSet label="Limits of one answer" disabled={disabled}>
        <p>An answer that goes over one of these is refused as a whole, and the panel says which limit it was.</p>
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
