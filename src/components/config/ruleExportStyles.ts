import { css } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';

export function ruleExportStyles(theme: GrafanaTheme2) {
  return {
    link: css({ color: theme.colors.text.link, textDecoration: 'underline' }),
    buttons: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(1), marginBottom: theme.spacing(2) }),
  };
}
