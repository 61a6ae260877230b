import React from 'react';
import { css } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';
import { RadioButtonGroup, useStyles2 } from '@grafana/ui';
import { changeMode } from '../../settings/mode';
import { modeOf } from '../../settings/options';
import { Mode } from '../../types';
import { SectionProps } from './props';

const MODES: Array<{ value: Mode; label: string }> = [
  { value: 'embedded', label: 'Embedded' },
  { value: 'prometheus', label: 'Prometheus-compatible' },
];

const DESCRIPTIONS: Record<Mode, string> = {
  embedded: 'The plugin scrapes the metrics endpoints of your model servers and stores their history.',
  prometheus:
    'Queries a Prometheus-compatible server that already scrapes your model servers: Prometheus, Mimir, Thanos, VictoriaMetrics …',
};

/** Who scrapes and stores. */
export function ModeField({ settings, onChange }: SectionProps) {
  const description = useStyles2(descriptionStyle);
  const mode = modeOf(settings);
  return (
    <>
      <RadioButtonGroup
        options={MODES}
        value={mode}
        disabled={settings.readOnly}
        onChange={(chosen) => onChange(changeMode(settings, chosen))}
      />
      <p className={description}>{DESCRIPTIONS[mode]}</p>
    </>
  );
}

function descriptionStyle(theme: GrafanaTheme2) {
  return css({ marginTop: theme.spacing(1) });
}
