import { css } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';

/** Fields beside one another that wrap where there is no room. */
export function fieldRowStyle(theme: GrafanaTheme2) {
  return css({
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'flex-start',
    columnGap: theme.spacing(2),
  });
}
