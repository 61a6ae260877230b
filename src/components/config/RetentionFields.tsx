import React from 'react';
import { useStyles2 } from '@grafana/ui';
import { durationProblem, RETENTION_SIZE_RANGE, RETENTION_TIME_RANGE, sizeProblem } from '../../settings/problems';
import { withOptions } from '../../settings/options';
import { SectionProps } from './props';
import { fieldRow } from './fieldRow';
import { TextField } from './TextField';

export function RetentionFields({ settings, onChange }: SectionProps) {
  const row = useStyles2(fieldRow);
  const { retentionTime, retentionSize } = settings.jsonData;
  return (
    <div className={row}>
      <TextField
        label="Retention time"
        description="What is older is deleted"
        placeholder="15d"
        width={20}
        value={retentionTime ?? ''}
        problem={durationProblem(retentionTime, RETENTION_TIME_RANGE)}
        disabled={settings.readOnly}
        onChange={(text) => onChange(withOptions(settings, { retentionTime: text }))}
      />
      <TextField
        label="Retention size"
        description="Beyond it the oldest is deleted, such as 10GB. Empty: no bound"
        placeholder="No bound"
        width={20}
        value={retentionSize ?? ''}
        problem={sizeProblem(retentionSize, RETENTION_SIZE_RANGE)}
        disabled={settings.readOnly}
        onChange={(text) => onChange(withOptions(settings, { retentionSize: text }))}
      />
    </div>
  );
}
