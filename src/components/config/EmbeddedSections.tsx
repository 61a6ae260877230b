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

/** The metrics endpoints that the plugin scrapes. */
export function TargetSection(section: SectionProps) {
  const { uid, version, readOnly } = section.settings;
  const profiles = useProfiles(uid, version);
  return (
    <FieldSet label="Targets" disabled={Boolean(readOnly)}>
      <p>
        The metrics endpoints of your model servers. The plugin scrapes them and stores their history. You do not need a
        Prometheus.
      </p>
      <TargetList {...section} profiles={profiles} />
    </FieldSet>
  );
}

/** How the plugin scrapes, and how long it stores samples. */
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
      <FieldSet label="Scrape limits" disabled={disabled}>
        <p>
          Pages above a limit are rejected, and Save &amp; test names the limit. If a page has too many samples and its
          server is recognized, the models with the least traffic are stored together instead. At the limit of series,
          new series are rejected.
        </p>
        <ScrapeLimitFields {...section} />
      </FieldSet>
    </>
  );
}
