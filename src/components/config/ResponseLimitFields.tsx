import React from 'react';
import { useStyles2 } from '@grafana/ui';
import { changePrometheus, PROMETHEUS_DEFAULTS, prometheusOf } from '../../settings/prometheus';
import { ResponseLimits } from '../../types';
import { fieldRowStyle } from './fieldRowStyle';
import { PrometheusSectionProps } from './props';
import { TextField } from './TextField';

const COUNT_FIELDS: Array<{ limit: 'series' | 'samples'; label: string; description: string }> = [
  { limit: 'series', label: 'Response series', description: 'Series per response' },
  { limit: 'samples', label: 'Response samples', description: 'Samples of all series together' },
];

export function ResponseLimitFields({ settings, onChange, problems }: PrometheusSectionProps) {
  const row = useStyles2(fieldRowStyle);
  const { responseLimits: limits = {} } = prometheusOf(settings);
  const defaults = PROMETHEUS_DEFAULTS.responseLimits;
  const change = (patch: ResponseLimits) =>
    onChange(changePrometheus(settings, { responseLimits: { ...limits, ...patch } }));

  return (
    <div className={row}>
      <TextField
        label="Response size"
        description="Uncompressed size of the response"
        placeholder={defaults.bodySize}
        width={24}
        value={limits.bodySize ?? ''}
        problem={problems.bodySize}
        disabled={settings.readOnly}
        onChange={(bodySize) => change({ bodySize })}
      />
      {COUNT_FIELDS.map(({ limit, label, description }) => (
        <TextField
          key={limit}
          label={label}
          description={description}
          placeholder={String(defaults[limit])}
          type="number"
          width={24}
          value={limits[limit]?.toString() ?? ''}
          problem={problems[limit]}
          disabled={settings.readOnly}
          onChange={(text) => change({ [limit]: text === '' ? undefined : Number(text) })}
        />
      ))}
    </div>
  );
}
