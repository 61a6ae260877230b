import React from 'react';
import { DataSourcePluginOptionsEditorProps } from '@grafana/data';
import { FieldSet } from '@grafana/ui';
import { modeOf } from '../../settings/options';
import { ModelServingOptions, ModelServingSecrets } from '../../types';
import { ScrapeSections, TargetSection } from './EmbeddedSections';
import { ModeField } from './ModeField';
import { ObjectiveSection } from './ObjectiveSection';
import { ProfileList } from './ProfileList';
import { RequestSections, ServerSections } from './PrometheusSections';
import { SectionProps } from './props';
import { RecordingRuleExport } from './RecordingRuleExport';
import { RuleExport } from './RuleExport';
import { useSavedSettings } from './useSavedSettings';

type Props = DataSourcePluginOptionsEditorProps<ModelServingOptions, ModelServingSecrets>;

export function ConfigEditor({ options, onOptionsChange }: Props) {
  const section: SectionProps = { settings: options, onChange: onOptionsChange };
  const saved = useSavedSettings(options);
  const disabled = Boolean(options.readOnly);
  const embedded = modeOf(options) === 'embedded';

  return (
    <>
      <FieldSet label="Mode" disabled={disabled}>
        <ModeField {...section} />
      </FieldSet>
      {embedded ? <TargetSection {...section} /> : <ServerSections {...section} saved={saved} />}
      <FieldSet label="Profiles" disabled={disabled}>
        <ProfileList {...section} />
      </FieldSet>
      <FieldSet label="Objectives" disabled={disabled}>
        <ObjectiveSection {...section} />
      </FieldSet>
      <FieldSet label="Alert rules">
        <RuleExport uid={options.uid} />
      </FieldSet>
      {!embedded && (
        <FieldSet label="Recording rules">
          <RecordingRuleExport uid={options.uid} />
        </FieldSet>
      )}
      {embedded ? <ScrapeSections {...section} /> : <RequestSections {...section} />}
    </>
  );
}
