import React from 'react';
import { useStyles2 } from '@grafana/ui';
import bounds from '../../settings/bounds.json';
import { durationProblem, sizeProblem } from '../../settings/problems';
import { changeOptions } from '../../settings/options';
import { SectionProps } from './props';
import { fieldRowStyle } from './fieldRowStyle';
import { TextField } from './TextField';

export function RetentionFields({ settings, onChange }: SectionProps) {
  const row = useStyles2(fieldRowStyle);
  const { retentionTime, retentionSize } = settings.jsonData;
  return (
    <div className={row}>
      <TextField
        label="Retention time"
        description="Older data is deleted"
        placeholder={bounds.retentionTime.default}
        width={20}
        value={retentionTime ?? ''}
        problem={durationProblem(retentionTime, bounds.retentionTime)}
        disabled={settings.readOnly}
        onChange={(text) => onChange(changeOptions(settings, { retentionTime: text }))}
      />
      <TextField
        label="Retention size"
        description="Oldest data is deleted above this size, for example 10GB. Empty: no limit"
        placeholder="No limit"
        width={20}
        value={retentionSize ?? ''}
        problem={sizeProblem(retentionSize, bounds.retentionSize)}
        disabled={settings.readOnly}
        onChange={(text) => onChange(changeOptions(settings, { retentionSize: text }))}
      />
    </div>
  );
}
