import React from 'react';
import { useStyles2 } from '@grafana/ui';
import { countProblem, sizeProblem } from '../../settings/problems';
import { withOptions } from '../../settings/targets';
import { ScrapeLimits } from '../../types';
import { SectionProps } from './ConfigEditor';
import { fieldRow } from './fieldRow';
import { TextField } from './TextField';

type CountLimit = Exclude<keyof ScrapeLimits, 'bodySize'>;

const COUNT_LIMITS: Array<{ limit: CountLimit; label: string; description: string; placeholder: string }> = [
  { limit: 'samples', label: 'Samples', description: 'Values on the page', placeholder: '100000' },
  { limit: 'labels', label: 'Labels', description: 'Labels of one series', placeholder: '64' },
  { limit: 'labelNameLength', label: 'Label name length', description: 'In characters', placeholder: '256' },
  { limit: 'labelValueLength', label: 'Label value length', description: 'In characters', placeholder: '4096' },
];

export function LimitFields({ settings, onChange }: SectionProps) {
  const row = useStyles2(fieldRow);
  const limits = settings.jsonData.limits ?? {};
  const change = (patch: ScrapeLimits) => onChange(withOptions(settings, { limits: { ...limits, ...patch } }));

  return (
    <div className={row}>
      <TextField
        label="Body size"
        description="Size of the page, uncompressed"
        placeholder="16MB"
        width={20}
        value={limits.bodySize ?? ''}
        problem={sizeProblem(limits.bodySize)}
        disabled={settings.readOnly}
        onChange={(bodySize) => change({ bodySize })}
      />
      {COUNT_LIMITS.map(({ limit, label, description, placeholder }) => (
        <TextField
          key={limit}
          label={label}
          description={description}
          placeholder={placeholder}
          type="number"
          width={20}
          value={limits[limit]?.toString() ?? ''}
          problem={countProblem(limits[limit])}
          disabled={settings.readOnly}
          onChange={(text) => change({ [limit]: text === '' ? undefined : Number(text) })}
        />
      ))}
    </div>
  );
}
