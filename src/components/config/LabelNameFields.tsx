import React from 'react';
import { Alert, LoadingPlaceholder, useStyles2 } from '@grafana/ui';
import {
  changePrometheus,
  labelNamesOf,
  LABEL_FIELDS,
  PROMETHEUS_DEFAULTS,
  prometheusOf,
} from '../../settings/prometheus';
import { LabelNames, LabelPreview } from '../../types';
import { fieldRowStyle } from './fieldRowStyle';
import { PrometheusSectionProps } from './props';
import { SelectField } from './SelectField';
import { LabelPreviews } from './useLabelPreviews';

const TITLES: Record<keyof LabelNames, string> = {
  environment: 'Environment label',
  deployment: 'Deployment label',
  replica: 'Replica label',
};

interface Props extends PrometheusSectionProps {
  previews: LabelPreviews;
}

/** The server's labels for environment, deployment and replica, with some of their values. */
export function LabelNameFields({ settings, onChange, problems, previews }: Props) {
  const row = useStyles2(fieldRowStyle);
  const labels = prometheusOf(settings).labels ?? {};
  const names = labelNamesOf(labels);
  const offered = previews.unsaved ? [] : (previews.list ?? []);
  const options = offered.map(({ name, values }) => ({ label: name, value: name, description: values.join(', ') }));
  const change = (patch: LabelNames) => onChange(changePrometheus(settings, { labels: { ...labels, ...patch } }));

  return (
    <>
      <PreviewState previews={previews} />
      <div className={row}>
        {LABEL_FIELDS.map((field) => (
          <SelectField
            key={field}
            label={TITLES[field]}
            description={previews.list && !previews.unsaved ? valuesOf(names[field], offered) : undefined}
            placeholder={PROMETHEUS_DEFAULTS.labels[field]}
            options={options}
            value={labels[field] ?? ''}
            problem={problems[field]}
            width={40}
            disabled={settings.readOnly}
            open
            onChange={(name) => change({ [field]: name })}
          />
        ))}
      </div>
    </>
  );
}

function PreviewState({ previews: { unsaved, list, error } }: { previews: LabelPreviews }) {
  if (unsaved) {
    return <p>Save the data source to see the labels of its series and their values.</p>;
  }
  if (error) {
    return (
      <Alert severity="warning" title="Could not load the labels">
        {error} You can still type label names.
      </Alert>
    );
  }
  if (!list) {
    return <LoadingPlaceholder text="Loading labels …" />;
  }
  return list.length > 0 ? null : <p>No series of model servers found in the last hour.</p>;
}

/** Examples of a label's values. The backend returns the labels that usually identify models, not all labels. */
function valuesOf(name: string, offered: LabelPreview[]): string {
  const values = offered.find((label) => label.name === name)?.values;
  return values ? `${name}: ${values.join(', ')}` : `${name}: no values found`;
}
