import React, { useId } from 'react';
import { Field, InlineSwitch, useStyles2 } from '@grafana/ui';
import bounds from '../../settings/bounds.json';
import { durationProblem, timeoutProblem } from '../../settings/problems';
import { changeOptions } from '../../settings/options';
import { ModelServingOptions } from '../../types';
import { SectionProps } from './props';
import { fieldRowStyle } from './fieldRowStyle';
import { TextField } from './TextField';

export function ScrapeFields({ settings, onChange }: SectionProps) {
  const row = useStyles2(fieldRowStyle);
  const discoveryId = useId();
  const { interval, scrapeTimeout, fileDiscovery } = settings.jsonData;
  const disabled = settings.readOnly;
  const change = (patch: Partial<ModelServingOptions>) => onChange(changeOptions(settings, patch));

  return (
    <div className={row}>
      <TextField
        label="Scrape interval"
        description="How often each target is scraped"
        placeholder={bounds.interval.default}
        width={20}
        value={interval ?? ''}
        problem={durationProblem(interval, bounds.interval)}
        disabled={disabled}
        onChange={(text) => change({ interval: text })}
      />
      <TextField
        label="Scrape timeout"
        description="Maximum duration of one scrape"
        placeholder={bounds.scrapeTimeout.default}
        width={20}
        value={scrapeTimeout ?? ''}
        problem={timeoutProblem(scrapeTimeout, interval)}
        disabled={disabled}
        onChange={(text) => change({ scrapeTimeout: text })}
      />
      <Field
        label="File discovery"
        description="Also reads targets from the discovery folder that your administrator configured"
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
