import React from 'react';
import { DataSourcePluginOptionsEditorProps } from '@grafana/data';
import { FieldSet } from '@grafana/ui';
import { ModelServingSettings } from '../../settings/secrets';
import { ModelServingOptions, ModelServingSecrets } from '../../types';
import { CertificateField } from './CertificateField';
import { LimitFields } from './LimitFields';
import { ObjectiveSection } from './ObjectiveSection';
import { ProfileList } from './ProfileList';
import { RetentionFields } from './RetentionFields';
import { RuleExport } from './RuleExport';
import { ScrapeFields } from './ScrapeFields';
import { TargetList } from './TargetList';
import { useProfiles } from './useProfiles';

type Props = DataSourcePluginOptionsEditorProps<ModelServingOptions, ModelServingSecrets>;

/** What every part of the editor gets: the settings as they are, and how to change them. */
export interface SectionProps {
  settings: ModelServingSettings;
  onChange: (settings: ModelServingSettings) => void;
}

export function ConfigEditor({ options, onOptionsChange }: Props) {
  const profiles = useProfiles(options.uid, options.version);
  const section: SectionProps = { settings: options, onChange: onOptionsChange };
  const disabled = Boolean(options.readOnly);

  return (
    <>
      <FieldSet label="Targets" disabled={disabled}>
        <p>
          The metrics pages of your model servers. The plugin reads them itself and keeps their history: no Prometheus
          is needed.
        </p>
        <TargetList {...section} profiles={profiles} />
      </FieldSet>
      <FieldSet label="Profiles" disabled={disabled}>
        <ProfileList {...section} />
      </FieldSet>
      <FieldSet label="Objectives" disabled={disabled}>
        <ObjectiveSection {...section} />
      </FieldSet>
      <FieldSet label="Alert rules">
        <RuleExport uid={options.uid} />
      </FieldSet>
      <FieldSet label="Scraping" disabled={disabled}>
        <ScrapeFields {...section} />
        <CertificateField {...section} />
      </FieldSet>
      <FieldSet label="History" disabled={disabled}>
        <RetentionFields {...section} />
      </FieldSet>
      <FieldSet label="Limits of one scrape" disabled={disabled}>
        <p>A page that goes over one of these is refused as a whole, and Save &amp; test says which limit it was.</p>
        <LimitFields {...section} />
      </FieldSet>
    </>
  );
}
