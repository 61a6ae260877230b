import React, { useState } from 'react';
import { Alert, Button, useStyles2 } from '@grafana/ui';
import parameters from './recordingParameters.json';
import { ruleExportStyles } from './ruleExportStyles';
import { RuleParameterFields } from './RuleParameterFields';
import { useRuleDownload } from './useRuleDownload';

const HELP = 'https://github.com/coldhit/modelserving-datasource/blob/main/docs/recording-rules.md';

/** Downloads recording rules for the servers that are there. What is chosen is kept nowhere. */
export function RecordingRuleExport({ uid }: { uid: string }) {
  const styles = useStyles2(ruleExportStyles);
  const [chosen, setChosen] = useState<Record<string, string>>({});
  const { download, problem } = useRuleDownload(uid);
  const save = () =>
    download({ resource: 'recording-rules', params: chosen, name: `modelserving-${uid}-recording-rules.yaml` });

  return (
    <>
      <p>
        With these rules a Prometheus, Mimir, Thanos or vmalert sums up by environment, deployment, model and start what
        panels ask for again and again. Panels read what is recorded wherever it answers them, and their queries say so.
        Save the data source first: what is exported is what is saved.{' '}
        <a className={styles.link} href={HELP} target="_blank" rel="noopener noreferrer">
          What is recorded and when it is read
        </a>
      </p>
      <RuleParameterFields
        about="Recording rules"
        title="What is recorded, and how often"
        parameters={parameters}
        chosen={chosen}
        onChange={setChosen}
      />
      {problem && (
        <Alert severity="error" title="The recording rules could not be exported">
          {problem}
        </Alert>
      )}
      <div className={styles.buttons}>
        <Button icon="download-alt" variant="secondary" type="button" onClick={save}>
          Download recording rules
        </Button>
      </div>
    </>
  );
}
