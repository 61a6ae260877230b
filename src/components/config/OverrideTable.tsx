import React from 'react';
import { css } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { objectivesOf } from '../../settings/objectives';
import { SectionProps } from './props';
import { OBJECTIVE_COLUMNS, PATTERN_COLUMNS } from './objectiveColumns';
import { OverrideRow } from './OverrideRow';

/** The overrides in the order in which they are matched. */
export function OverrideTable({ settings, onChange }: SectionProps) {
  const styles = useStyles2(getStyles);
  return (
    <div className={styles.scroll}>
      <table className={styles.table} aria-label="Objective overrides">
        <thead>
          <tr>
            <th scope="col">#</th>
            {[...PATTERN_COLUMNS, ...OBJECTIVE_COLUMNS].map(({ field, label }) => (
              <th key={field} scope="col">
                {label}
              </th>
            ))}
            <th />
          </tr>
        </thead>
        <tbody>
          {objectivesOf(settings).overrides.map((_, index) => (
            <OverrideRow key={index} settings={settings} onChange={onChange} index={index} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function getStyles(theme: GrafanaTheme2) {
  return {
    scroll: css({
      overflowX: 'auto',
      marginBottom: theme.spacing(2),
    }),
    table: css({
      'th, td': {
        padding: theme.spacing(0.5),
        verticalAlign: 'top',
        whiteSpace: 'nowrap',
      },
      // An error message may be wider than its column.
      'td [role="alert"]': {
        whiteSpace: 'normal',
      },
    }),
  };
}
