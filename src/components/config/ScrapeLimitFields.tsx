import React from 'react';
import { useStyles2 } from '@grafana/ui';
import { BODY_SIZE_RANGE, countProblem, sizeProblem } from '../../settings/problems';
import { withOptions } from '../../settings/options';
import { ScrapeLimits } from '../../types';
import { SectionProps } from './props';
import { fieldRow } from './fieldRow';
import { TextField } from './TextField';

type CountLimit = Exclude<keyof ScrapeLimits, 'bodySize'>;

interface CountField {
  limit: CountLimit;
  label: string;
  description: string;
  /** The backend's default. */
  placeholder: string;
  /** What the backend allows it to be raised to. */
  most: number;
}

const COUNT_FIELDS: CountField[] = [
  { limit: 'samples', label: 'Samples', description: 'Values on the page', placeholder: '100000', most: 10_000_000 },
  { limit: 'labels', label: 'Labels', description: 'Labels of one series', placeholder: '64', most: 1000 },
  {
    limit: 'labelNameLength',
    label: 'Label name length',
    description: 'In characters',
    placeholder: '256',
    most: 65_536,
  },
  {
    limit: 'labelValueLength',
    label: 'Label value length',
    description: 'In characters',
    placeholder: '4096',
    most: 1_048_576,
  },
];

export function ScrapeLimitFields({ settings, onChange }: SectionProps) {
  const row = useStyles2(fieldRow);
  const limits = settings.jsonData.scrapeLimits ?? {};
  const change = (patch: ScrapeLimits) => onChange(withOptions(settings, { scrapeLimits: { ...limits, ...patch } }));

  return (
    <div className={row}>
      <TextField
        label="Body size"
        description="Size of the page, uncompressed"
        placeholder="16MB"
        width={20}
        value={limits.bodySize ?? ''}
        problem={sizeProblem(limits.bodySize, BODY_SIZE_RANGE)}
        disabled={settings.readOnly}
        onChange={(bodySize) => change({ bodySize })}
      />
      {COUNT_FIELDS.map(({ limit, label, description, placeholder, most }) => (
        <TextField
          key={limit}
          label={label}
          description={description}
          placeholder={placeholder}
          type="number"
          width={20}
          value={limits[limit]?.toString() ?? ''}
          problem={countProblem(limits[limit], most)}
          disabled={settings.readOnly}
          onChange={(text) => change({ [limit]: text === '' ? undefined : Number(text) })}
        />
      ))}
    </div>
  );
}
