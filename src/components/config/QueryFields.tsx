import React, { useId } from 'react';
import { Field, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import { changePrometheus, FLAVOURS, METHODS, PROMETHEUS_DEFAULTS, prometheusOf } from '../../settings/prometheus';
import { PrometheusSettings } from '../../types';
import { fieldRow } from './fieldRow';
import { PrometheusSectionProps } from './PrometheusSections';
import { SelectField } from './SelectField';
import { TextField } from './TextField';

type QueryText = 'interval' | 'timeout' | 'longestRange' | 'parameters';

/** How the server is asked. */
export function QueryFields({ settings, onChange, problems }: PrometheusSectionProps) {
  const row = useStyles2(fieldRow);
  const methodId = useId();
  const prometheus = prometheusOf(settings);
  const disabled = settings.readOnly;
  const change = (patch: PrometheusSettings) => onChange(changePrometheus(settings, patch));
  const text = (field: QueryText, label: string, description: string, placeholder: string, width: number) => (
    <TextField
      label={label}
      description={description}
      placeholder={placeholder}
      width={width}
      value={prometheus[field] ?? ''}
      problem={problems[field]}
      disabled={disabled}
      onChange={(typed) => change({ [field]: typed })}
    />
  );

  return (
    <>
      <div className={row}>
        {text('interval', 'Scrape interval', 'How often the server scrapes', PROMETHEUS_DEFAULTS.interval, 24)}
        {text('timeout', 'Query time-out', 'Empty: Timeout above, or 30s', '30s', 24)}
        <SelectField
          label="Flavour"
          description="What the server is"
          options={[{ label: 'Detect', value: '' }, ...FLAVOURS]}
          value={prometheus.flavour ?? ''}
          problem={problems.flavour}
          width={44}
          disabled={disabled}
          onChange={(flavour) => change({ flavour })}
        />
        <Field
          label="HTTP method"
          description="GET where a proxy refuses POST"
          htmlFor={methodId}
          invalid={Boolean(problems.method)}
          error={problems.method}
        >
          <RadioButtonGroup
            id={methodId}
            options={METHODS}
            value={prometheus.method?.toUpperCase() || PROMETHEUS_DEFAULTS.method}
            disabled={disabled}
            onChange={(method) => change({ method })}
          />
        </Field>
      </div>
      <div className={row}>
        {text('longestRange', 'Longest range', 'Longer ones are asked for in parts', 'No bound', 24)}
        <TextField
          label="Requests side by side"
          description="1 to 32"
          placeholder={String(PROMETHEUS_DEFAULTS.parallel)}
          type="number"
          width={24}
          value={prometheus.parallel?.toString() ?? ''}
          problem={problems.parallel}
          disabled={disabled}
          onChange={(typed) => change({ parallel: typed === '' ? undefined : Number(typed) })}
        />
        {text('parameters', 'Query parameters', 'Added to every query', 'max_source_resolution=5m', 50)}
      </div>
    </>
  );
}
