import React, { ComponentPropsWithoutRef, UIEvent, useMemo, useRef } from 'react';
import { css } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';
import { TextArea, useStyles2 } from '@grafana/ui';

interface Props extends Omit<ComponentPropsWithoutRef<typeof TextArea>, 'value' | 'className' | 'wrap' | 'onScroll'> {
  value: string;
}

/** Code with line numbers, because error messages name the line. */
export function NumberedTextArea({ value, ...area }: Props) {
  const styles = useStyles2(getStyles);
  const numbers = useRef<HTMLPreElement>(null);
  const lines = value.split('\n').length;
  const lineNumbers = useMemo(() => Array.from({ length: lines }, (_, i) => i + 1).join('\n'), [lines]);
  const follow = (event: UIEvent<HTMLTextAreaElement>) => {
    if (numbers.current) {
      numbers.current.style.transform = `translateY(${-event.currentTarget.scrollTop}px)`;
    }
  };

  return (
    <div className={styles.frame}>
      <div className={styles.gutter} style={{ width: `${lines.toString().length + 2}ch` }} aria-hidden>
        <pre ref={numbers} className={styles.numbers}>
          {lineNumbers}
        </pre>
      </div>
      <TextArea {...area} value={value} className={styles.text} wrap="off" spellCheck={false} onScroll={follow} />
    </div>
  );
}

function getStyles(theme: GrafanaTheme2) {
  const lines = {
    fontFamily: theme.typography.fontFamilyMonospace,
    fontSize: theme.typography.bodySmall.fontSize,
    lineHeight: 1.5,
    letterSpacing: 0,
    padding: theme.spacing(1),
  };
  return {
    frame: css({
      display: 'flex',
      maxWidth: theme.breakpoints.values.lg,
    }),
    gutter: css({
      // Only the text determines the height of the frame.
      position: 'relative',
      overflow: 'hidden',
      flexShrink: 0,
      boxSizing: 'content-box',
      padding: theme.spacing(0, 1),
      fontFamily: lines.fontFamily,
      fontSize: lines.fontSize,
      background: theme.colors.background.secondary,
    }),
    numbers: css({
      ...lines,
      position: 'absolute',
      top: 0,
      right: 0,
      margin: 0,
      // Same width as the border of the text.
      border: 'thin solid transparent',
      borderRadius: 0,
      background: 'none',
      color: theme.colors.text.secondary,
      textAlign: 'right',
      whiteSpace: 'pre',
      overflow: 'visible',
    }),
    text: css({
      ...lines,
      // Draws the focus ring over the gutter.
      position: 'relative',
      whiteSpace: 'pre',
      overflow: 'auto',
      resize: 'vertical',
    }),
  };
}
