import React, { ReactNode, useId } from 'react';
import { css } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';
import { Button, useStyles2 } from '@grafana/ui';

interface Props {
  title: string;
  /** Buttons beside the remove button. */
  actions?: ReactNode;
  disabled?: boolean;
  onRemove: () => void;
  children: ReactNode;
}

/** One entry of a list, framed, under its title. */
export function EntrySection({ title, actions, disabled, onRemove, children }: Props) {
  const styles = useStyles2(getStyles);
  const titleId = useId();
  return (
    <section className={styles.entry} aria-labelledby={titleId}>
      <div className={styles.header}>
        <h4 id={titleId} className={styles.title}>
          {title}
        </h4>
        {actions}
        <Button
          icon="trash-alt"
          variant="destructive"
          fill="outline"
          size="sm"
          type="button"
          aria-label={`Remove ${title.toLowerCase()}`}
          disabled={disabled}
          onClick={onRemove}
        >
          Remove
        </Button>
      </div>
      {children}
    </section>
  );
}

function getStyles(theme: GrafanaTheme2) {
  return {
    entry: css({
      border: `thin solid ${theme.colors.border.weak}`,
      borderRadius: theme.shape.radius.default,
      padding: theme.spacing(2, 2, 0, 2),
      marginBottom: theme.spacing(2),
    }),
    header: css({
      display: 'flex',
      alignItems: 'center',
      gap: theme.spacing(1),
      marginBottom: theme.spacing(1),
    }),
    title: css({
      flexGrow: 1,
      margin: 0,
    }),
  };
}
