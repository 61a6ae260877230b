import React, { useId } from 'react';
import { Field, InlineSwitch, useStyles2 } from '@grafana/ui';
import { scrapeTimeoutOf } from '../../settings/kind';
import { durationProblem, INTERVAL_RANGE, timeoutProblem } from '../../settings/problems';
import { withOptions } from '../../settings/targets';
import { ModelServingOptions } from '../../types';
import { SectionProps } from './ConfigEditor';
import { fieldRow } from './fieldRow';
import { TextField } from './TextField';

export function ScrapeFields({ settings, onChange }: SectionProps) {
  const row = useStyles2(fieldRow);
  const discoveryId = useId();
  const { interval, fileDiscovery } = settings.jsonData;
  const timeout = scrapeTimeoutOf(settings);
  const disabled = settings.readOnly;
  const change = (patch: Partial<ModelServingOptions>) => onChange(withOptions(settings, patch));

  return (
    <div className={row}>
      <TextField
        label="Scrape interval"
        description="How often each target is read"
        placeholder="15s"
        width={20}
        value={interval ?? ''}
        problem={durationProblem(interval, INTERVAL_RANGE)}
        disabled={disabled}
        onChange={(text) => change({ interval: text })}
      />
      <TextField
        label="Scrape time-out"
        description="How long a target may take"
        placeholder="10s"
        width={20}
        value={timeout ?? ''}
        problem={timeoutProblem(timeout, interval)}
        disabled={disabled}
        onChange={(text) => change({ timeout: text })}
      />
      <Field
        label="File discovery"
        description="Also reads targets from the folder that the administrator has set"
        htmlFor={discoveryId}
      >
        <InlineSwitch
          id={discoveryId}
          aria-label="File discovery"
          value={fileDiscovery ?? false}
          disabled={disabled}
          onChange={(event) => change({ fileDiscovery: event.currentTarget.checked })}
        />
      </Field>
    </div>
  );
}
