import React, { useId } from 'react';
import { Field, InlineSwitch, useStyles2 } from '@grafana/ui';
import { changePrometheus, PROMETHEUS_DEFAULTS, prometheusOf } from '../../settings/prometheus';
import { IncrementalSettings } from '../../types';
import { fieldRow } from './fieldRow';
import { PrometheusSectionProps } from './PrometheusSections';
import { TextField } from './TextField';

/** Whether and how answers are kept between refreshes. */
export function IncrementalFields({ settings, onChange, problems }: PrometheusSectionProps) {
  const row = useStyles2(fieldRow);
  const keepId = useId();
  const { incremental = {} } = prometheusOf(settings);
  const defaults = PROMETHEUS_DEFAULTS.incremental;
  const change = (patch: IncrementalSettings) =>
    onChange(changePrometheus(settings, { incremental: { ...incremental, ...patch } }));

  return (
    <div className={row}>
      <Field label="Keep answers" description="A refresh asks only for what is new" htmlFor={keepId}>
        <InlineSwitch
          id={keepId}
          aria-label="Keep answers"
          value={!incremental.off}
          disabled={settings.readOnly}
          onChange={(event) => change({ off: !event.currentTarget.checked })}
        />
      </Field>
      <TextField
        label="Overlap"
        description="What is younger is asked for again, for samples that come late"
        placeholder={defaults.overlap}
        width={24}
        value={incremental.overlap ?? ''}
        problem={problems.overlap}
        disabled={settings.readOnly}
        onChange={(overlap) => change({ overlap })}
      />
      <TextField
        label="Memory"
        description="The most that kept answers take"
        placeholder={defaults.memory}
        width={24}
        value={incremental.memory ?? ''}
        problem={problems.memory}
        disabled={settings.readOnly}
        onChange={(memory) => change({ memory })}
      />
    </div>
  );
}
