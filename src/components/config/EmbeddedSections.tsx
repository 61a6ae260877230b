import React from 'react';
import { FieldSet } from '@grafana/ui';
import { CertificateField } from './CertificateField';
import { SectionProps } from './props';
import { RemoteWriteFields } from './RemoteWriteFields';
import { RetentionFields } from './RetentionFields';
import { ScrapeFields } from './ScrapeFields';
import { ScrapeLimitFields } from './ScrapeLimitFields';
import { TargetList } from './TargetList';
import { useProfiles } from './useProfiles';

/** What the plugin scrapes itself. */
export function TargetSection(section: SectionProps) {
  const { uid, version, readOnly } = section.settings;
  const profiles = useProfiles(uid, version);
  return (
    <FieldSet label="Targets" disabled={Boolean(readOnly)}>
      <p>
        The metrics pages of your model servers. The plugin reads them itself and keeps their history: no Prometheus is
        needed.
      </p>
      <TargetList {...section} profiles={profiles} />
    </FieldSet>
  );
}

/** How it scrapes, and how long it keeps what it has read. */
export function ScrapeSections(section: SectionProps) {
  const disabled = Boolean(section.settings.readOnly);
  return (
    <>
      <FieldSet label="Scraping" disabled={disabled}>
        <ScrapeFields {...section} />
        <CertificateField {...section} />
      </FieldSet>
      <FieldSet label="History" disabled={disabled}>
        <RetentionFields {...section} />
      </FieldSet>
      <FieldSet label="Remote write" disabled={disabled}>
        <RemoteWriteFields {...section} />
      </FieldSet>
      <FieldSet label="Limits of one scrape" disabled={disabled}>
        <p>A page that goes over one of these is refused as a whole, and Save &amp; test says which limit it was.</p>
        <ScrapeLimitFields {...section} />
      </FieldSet>
    </>
  );
}
