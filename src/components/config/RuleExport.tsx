import React, { useState } from 'react';
import { Alert, Button, useStyles2 } from '@grafana/ui';
import { ruleExportStyles } from './ruleExportStyles';
import { RuleParameterFields } from './RuleParameterFields';
import parameters from './ruleParameters.json';
import { useRuleDownload } from './useRuleDownload';

type Format = 'grafana' | 'prometheus';

const RUNBOOK = 'https://github.com/coldhit/modelserving-datasource/blob/main/docs/alerts.md';

/** Downloads the alert rules for the data source, with thresholds that are chosen here and kept nowhere. */
export function RuleExport({ uid }: { uid: string }) {
  const styles = useStyles2(ruleExportStyles);
  const [chosen, setChosen] = useState<Record<string, string>>({});
  const { download, problem } = useRuleDownload(uid);
  const downloadFor = (format: Format) =>
    download({ resource: 'rules', params: { ...chosen, format }, name: `modelserving-${uid}-${format}.yaml` });

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
      <RuleParameterFields
        about="Rules"
        title="Thresholds and timing"
        parameters={parameters}
        chosen={chosen}
        onChange={setChosen}
      />
      {problem && (
        <Alert severity="error" title="The rules could not be exported">
          {problem}
        </Alert>
      )}
      <div className={styles.buttons}>
        <Button icon="download-alt" variant="secondary" type="button" onClick={() => downloadFor('grafana')}>
          Download for Grafana
        </Button>
        <Button icon="download-alt" variant="secondary" type="button" onClick={() => downloadFor('prometheus')}>
          Download for Prometheus
        </Button>
      </div>
    </>
  );
}
