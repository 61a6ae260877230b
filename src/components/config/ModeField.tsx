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

const MEANINGS: Record<Mode, string> = {
  embedded: 'The plugin reads the metrics pages of your model servers itself and keeps their history.',
  prometheus: 'A server that scrapes your model servers already is asked: Prometheus, Mimir, Thanos, VictoriaMetrics …',
};

/** Who scrapes and stores. */
export function ModeField({ settings, onChange }: SectionProps) {
  const meaning = useStyles2(meaningStyle);
  const mode = modeOf(settings);
  return (
    <>
      <RadioButtonGroup
        options={MODES}
        value={mode}
        disabled={settings.readOnly}
        onChange={(chosen) => onChange(changeMode(settings, chosen))}
      />
      <p className={meaning}>{MEANINGS[mode]}</p>
    </>
  );
}

function meaningStyle(theme: GrafanaTheme2) {
  return css({ marginTop: theme.spacing(1) });
}
