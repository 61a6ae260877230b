import React, { useState } from 'react';
import { css } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';
import { getBackendSrv } from '@grafana/runtime';
import { Alert, Button, useStyles2 } from '@grafana/ui';
import { lastValueFrom } from 'rxjs';
import { errorMessage } from '../useAnswer';
import { fieldRow } from './fieldRow';
import parameters from './ruleParameters.json';
import { saveFile } from './saveFile';
import { TextField } from './TextField';

type Format = 'grafana' | 'prometheus';

const RUNBOOK = 'https://github.com/coldhit/modelserving-datasource/blob/main/docs/alerts.md';

/** Downloads the alert rules for the data source, with thresholds that are chosen here and kept nowhere. */
export function RuleExport({ uid }: { uid: string }) {
  const row = useStyles2(fieldRow);
  const styles = useStyles2(getStyles);
  const [chosen, setChosen] = useState<Record<string, string>>({});
  const [problem, setProblem] = useState<string>();

  const download = async (format: Format) => {
    setProblem(undefined);
    try {
      const request = {
        url: `/api/datasources/uid/${uid}/resources/rules`,
        params: { ...chosen, format },
        responseType: 'text' as const,
        showErrorAlert: false,
      };
      const { data } = await lastValueFrom(getBackendSrv().fetch<string>(request));
      saveFile(`modelserving-${uid}-${format}.yaml`, 'application/yaml', data);
    } catch (error) {
      setProblem(reasonOf(error));
    }
  };

  return (
    <>
      <p>
        One rule covers all models and compares each with its own objectives. Grafana&apos;s file goes into its folder
        provisioning/alerting; the other is a rule file for a Prometheus or Mimir that scrapes the same servers. Save
        the data source first: what is exported is what is saved.{' '}
        <a className={styles.link} href={RUNBOOK} target="_blank" rel="noopener noreferrer">
          What each rule means
        </a>
      </p>
      <div className={row}>
        {parameters.map(({ name, default: placeholder, description }) => (
          <TextField
            key={name}
            label={labelOf(name)}
            ariaLabel={`Rules: ${labelOf(name)}`}
            description={sentence(description)}
            placeholder={placeholder}
            width={32}
            value={chosen[name] ?? ''}
            onChange={(text) => setChosen({ ...chosen, [name]: text })}
          />
        ))}
      </div>
      {problem && (
        <Alert severity="error" title="The rules could not be exported">
          {problem}
        </Alert>
      )}
      <div className={styles.buttons}>
        <Button icon="download-alt" variant="secondary" type="button" onClick={() => download('grafana')}>
          Download for Grafana
        </Button>
        <Button icon="download-alt" variant="secondary" type="button" onClick={() => download('prometheus')}>
          Download for Prometheus
        </Button>
      </div>
    </>
  );
}

/** The backend's sentence. It arrives as text, because the rules do, which Grafana wraps up once more. */
function reasonOf(error: unknown): string {
  const { data } = (error ?? {}) as { data?: string | { error?: string } };
  const text = typeof data === 'string' ? data : data?.error;
  try {
    return errorMessage({ data: JSON.parse(text ?? '') });
  } catch {
    return errorMessage(error);
  }
}

/** cacheHitRatio as Cache hit ratio. */
function labelOf(name: string): string {
  return sentence(name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`));
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function getStyles(theme: GrafanaTheme2) {
  return {
    link: css({ color: theme.colors.text.link, textDecoration: 'underline' }),
    buttons: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(1), marginBottom: theme.spacing(2) }),
  };
}
