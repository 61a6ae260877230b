import React, { useState } from 'react';
import { Alert, Button, useStyles2 } from '@grafana/ui';
import { ruleExportStyles } from './ruleExportStyles';
import { RuleParameterFields } from './RuleParameterFields';
import parameters from './ruleParameters.json';
import { useRuleDownload } from './useRuleDownload';

type Format = 'grafana' | 'prometheus';

const RUNBOOK = 'https://github.com/coldhit/modelserving-datasource/blob/main/docs/alerts.md';

/** Downloads the alert rules for the data source. The thresholds chosen here are not stored. */
export function RuleExport({ uid }: { uid: string }) {
  const styles = useStyles2(ruleExportStyles);
  const [chosen, setChosen] = useState<Record<string, string>>({});
  const { download, problem } = useRuleDownload(uid);
  const downloadFor = (format: Format) =>
    download({ resource: 'rules', params: { ...chosen, format }, name: `modelserving-${uid}-${format}.yaml` });

  return (
    <>
      <p>
        Each rule covers all models and compares each with its own objectives. Put the file for Grafana into the folder
        provisioning/alerting. The file for Prometheus is a rule file for a Prometheus or Mimir that scrapes the same
        servers. Save the data source first: the export uses the saved settings.{' '}
        <a className={styles.link} href={RUNBOOK} target="_blank" rel="noopener noreferrer">
          Description of each rule
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
        <Alert severity="error" title="Could not export the alert rules">
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
