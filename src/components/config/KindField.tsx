import React from 'react';
import { css } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';
import { RadioButtonGroup, useStyles2 } from '@grafana/ui';
import { changeKind, kindOf } from '../../settings/kind';
import { Kind } from '../../types';
import { SectionProps } from './ConfigEditor';

const KINDS: Array<{ value: Kind; label: string }> = [
  { value: 'embedded', label: 'Embedded' },
  { value: 'prometheus', label: 'Prometheus-compatible' },
];

const MEANINGS: Record<Kind, string> = {
  embedded: 'The plugin reads the metrics pages of your model servers itself and keeps their history.',
  prometheus: 'A server that scrapes your model servers already is asked: Prometheus, Mimir, Thanos, VictoriaMetrics …',
};

/** Who scrapes and stores. */
export function KindField({ settings, onChange }: SectionProps) {
  const meaning = useStyles2(meaningStyle);
  const kind = kindOf(settings);
  return (
    <>
      <RadioButtonGroup
        options={KINDS}
        value={kind}
        disabled={settings.readOnly}
        onChange={(chosen) => onChange(changeKind(settings, chosen))}
      />
      <p className={meaning}>{MEANINGS[kind]}</p>
    </>
  );
}

function meaningStyle(theme: GrafanaTheme2) {
  return css({ marginTop: theme.spacing(1) });
}
