import React, { useId } from 'react';
import { Field, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import bounds from '../../settings/bounds.json';
import {
  changePrometheus,
  HTTP_METHODS,
  PROMETHEUS_DEFAULTS,
  PROMETHEUS_TYPES,
  prometheusOf,
} from '../../settings/prometheus';
import { PrometheusSettings } from '../../types';
import { fieldRowStyle } from './fieldRowStyle';
import { PrometheusSectionProps } from './props';
import { SelectField } from './SelectField';
import { TextField } from './TextField';

type QueryText = 'timeInterval' | 'queryTimeout' | 'maxQueryRange' | 'customQueryParameters';

/** How the server is queried. */
export function QueryFields({ settings, onChange, problems }: PrometheusSectionProps) {
  const row = useStyles2(fieldRowStyle);
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
        {text('timeInterval', 'Scrape interval', 'How often the server scrapes', PROMETHEUS_DEFAULTS.timeInterval, 24)}
        {text('queryTimeout', 'Query timeout', 'Empty: the timeout above, or 30s', '30s', 24)}
        <SelectField
          label="Server type"
          description="Which Prometheus-compatible server this is"
          options={[{ label: 'Detect', value: '' }, ...PROMETHEUS_TYPES]}
          value={prometheus.prometheusType ?? ''}
          problem={problems.prometheusType}
          width={44}
          disabled={disabled}
          onChange={(prometheusType) => change({ prometheusType })}
        />
        <Field
          label="HTTP method"
          description="Use GET if a proxy rejects POST"
          htmlFor={methodId}
          invalid={Boolean(problems.httpMethod)}
          error={problems.httpMethod}
        >
          <RadioButtonGroup
            id={methodId}
            options={HTTP_METHODS}
            value={prometheus.httpMethod?.toUpperCase() || PROMETHEUS_DEFAULTS.httpMethod}
            disabled={disabled}
            onChange={(httpMethod) => change({ httpMethod })}
          />
        </Field>
      </div>
      <div className={row}>
        {text('maxQueryRange', 'Max query range', 'Longer ranges are split', 'No limit', 24)}
        <TextField
          label="Max concurrent requests"
          description={`1 to ${bounds.prometheus.maxConcurrentQueries.max}`}
          placeholder={String(PROMETHEUS_DEFAULTS.maxConcurrentQueries)}
          type="number"
          width={24}
          value={prometheus.maxConcurrentQueries?.toString() ?? ''}
          problem={problems.maxConcurrentQueries}
          disabled={disabled}
          onChange={(typed) => change({ maxConcurrentQueries: typed === '' ? undefined : Number(typed) })}
        />
        {text(
          'customQueryParameters',
          'Custom query parameters',
          'Added to every query',
          'max_source_resolution=5m',
          50
        )}
      </div>
    </>
  );
}
