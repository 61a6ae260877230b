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
import { fieldRow } from './fieldRow';
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

/** What the server calls environment, deployment and replica, with what that makes of its series. */
export function LabelNameFields({ settings, onChange, problems, previews }: Props) {
  const row = useStyles2(fieldRow);
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
    return <p>Save the data source to see the labels of its series here, with their values.</p>;
  }
  if (error) {
    return (
      <Alert severity="warning" title="The labels could not be loaded">
        {error} Their names can be typed all the same.
      </Alert>
    );
  }
  if (!list) {
    return <LoadingPlaceholder text="Loading the labels …" />;
  }
  return list.length > 0 ? null : <p>No series of model servers were found in the last hour.</p>;
}

/** What a label's values look like. The backend looks at the labels that usually tell these things, not at all of them. */
function valuesOf(name: string, offered: LabelPreview[]): string {
  const values = offered.find((label) => label.name === name)?.values;
  return values ? `${name}: ${values.join(', ')}` : `${name}: no values to show`;
}
