import React from 'react';
import { useStyles2 } from '@grafana/ui';
import bounds from '../../settings/bounds.json';
import { countProblem, sizeProblem } from '../../settings/problems';
import { changeOptions } from '../../settings/options';
import { ScrapeLimits } from '../../types';
import { SectionProps } from './props';
import { fieldRowStyle } from './fieldRowStyle';
import { TextField } from './TextField';

type CountLimit = Exclude<keyof ScrapeLimits, 'bodySize'>;

interface CountField {
  limit: CountLimit;
  label: string;
  description: string;
}

const { bodySize: bodySizeBounds, ...countBounds } = bounds.scrapeLimits;

const COUNT_FIELDS: CountField[] = [
  { limit: 'samples', label: 'Samples', description: 'Samples per page' },
  { limit: 'labels', label: 'Labels', description: 'Labels per series' },
  { limit: 'labelNameLength', label: 'Label name length', description: 'In characters' },
  { limit: 'labelValueLength', label: 'Label value length', description: 'In characters' },
];

export function ScrapeLimitFields({ settings, onChange }: SectionProps) {
  const row = useStyles2(fieldRowStyle);
  const limits = settings.jsonData.scrapeLimits ?? {};
  const change = (patch: ScrapeLimits) => onChange(changeOptions(settings, { scrapeLimits: { ...limits, ...patch } }));

  return (
    <div className={row}>
      <TextField
        label="Body size"
        description="Uncompressed size of the page"
        placeholder={bodySizeBounds.default}
        width={20}
        value={limits.bodySize ?? ''}
        problem={sizeProblem(limits.bodySize, bodySizeBounds)}
        disabled={settings.readOnly}
        onChange={(bodySize) => change({ bodySize })}
      />
      {COUNT_FIELDS.map(({ limit, label, description }) => (
        <TextField
          key={limit}
          label={label}
          description={description}
          placeholder={String(countBounds[limit].default)}
          type="number"
          width={20}
          value={limits[limit]?.toString() ?? ''}
          problem={countProblem(limits[limit], countBounds[limit])}
          disabled={settings.readOnly}
          onChange={(text) => change({ [limit]: text === '' ? undefined : Number(text) })}
        />
      ))}
      <TextField
        label="Series"
        description="In memory, all targets together"
        placeholder={String(bounds.seriesLimit.default)}
        type="number"
        width={20}
        value={settings.jsonData.seriesLimit?.toString() ?? ''}
        problem={countProblem(settings.jsonData.seriesLimit, bounds.seriesLimit)}
        disabled={settings.readOnly}
        onChange={(text) => onChange(changeOptions(settings, { seriesLimit: text === '' ? undefined : Number(text) }))}
      />
    </div>
  );
}
