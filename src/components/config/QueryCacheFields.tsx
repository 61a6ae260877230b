import React, { useId } from 'react';
import { Field, InlineSwitch, useStyles2 } from '@grafana/ui';
import { changePrometheus, PROMETHEUS_DEFAULTS, prometheusOf } from '../../settings/prometheus';
import { PrometheusSettings } from '../../types';
import { fieldRowStyle } from './fieldRowStyle';
import { PrometheusSectionProps } from './props';
import { TextField } from './TextField';

/** Whether results are cached between refreshes, and how many. */
export function QueryCacheFields({ settings, onChange, problems }: PrometheusSectionProps) {
  const row = useStyles2(fieldRowStyle);
  const cacheId = useId();
  const { incrementalQuerying = true, incrementalQueryOverlapWindow, queryCacheSize } = prometheusOf(settings);
  const change = (patch: PrometheusSettings) => onChange(changePrometheus(settings, patch));

  return (
    <div className={row}>
      <Field label="Query cache" description="A refresh queries only new data" htmlFor={cacheId}>
        <InlineSwitch
          id={cacheId}
          aria-label="Query cache"
          value={incrementalQuerying}
          disabled={settings.readOnly}
          onChange={(event) => change({ incrementalQuerying: event.currentTarget.checked })}
        />
      </Field>
      <TextField
        label="Overlap window"
        description="Re-query this much recent data to pick up late samples"
        placeholder={PROMETHEUS_DEFAULTS.incrementalQueryOverlapWindow}
        width={24}
        value={incrementalQueryOverlapWindow ?? ''}
        problem={problems.incrementalQueryOverlapWindow}
        disabled={settings.readOnly}
        onChange={(text) => change({ incrementalQueryOverlapWindow: text })}
      />
      <TextField
        label="Maximum cache size"
        description="Memory that cached results may use"
        placeholder={PROMETHEUS_DEFAULTS.queryCacheSize}
        width={24}
        value={queryCacheSize ?? ''}
        problem={problems.queryCacheSize}
        disabled={settings.readOnly}
        onChange={(text) => change({ queryCacheSize: text })}
      />
    </div>
  );
}
