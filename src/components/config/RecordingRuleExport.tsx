import React, { useState } from 'react';
import { Alert, Button, useStyles2 } from '@grafana/ui';
import parameters from './recordingParameters.json';
import { ruleExportStyles } from './ruleExportStyles';
import { RuleParameterFields } from './RuleParameterFields';
import { useRuleDownload } from './useRuleDownload';

const HELP = 'https://github.com/coldhit/modelserving-datasource/blob/main/docs/recording-rules.md';

/** Downloads recording rules for the servers that were found. The options are not stored. */
export function RecordingRuleExport({ uid }: { uid: string }) {
  const styles = useStyles2(ruleExportStyles);
  const [chosen, setChosen] = useState<Record<string, string>>({});
  const { download, problem } = useRuleDownload(uid);
  const save = () =>
    download({ resource: 'recording-rules', params: chosen, name: `modelserving-${uid}-recording-rules.yaml` });

  return (
    <>
      <p>
        With these rules, Prometheus, Mimir, Thanos or vmalert precomputes what panels query often. Panels use the
        recorded series where possible. The query inspector shows which ones. Save the data source first: the export
        uses the saved settings.{' '}
        <a className={styles.link} href={HELP} target="_blank" rel="noopener noreferrer">
          Recorded series and when they are used
        </a>
      </p>
      <RuleParameterFields
        about="Recording rules"
        title="Recorded signals and intervals"
        parameters={parameters}
        chosen={chosen}
        onChange={setChosen}
      />
      {problem && (
        <Alert severity="error" title="Could not export the recording rules">
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
