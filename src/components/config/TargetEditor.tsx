import React, { useId } from 'react';
import { Button, Field, InlineSwitch, useStyles2 } from '@grafana/ui';
import bounds from '../../settings/bounds.json';
import { duplicateProblem, durationProblem, urlProblem } from '../../settings/problems';
import { changeTarget, duplicateTarget, removeTarget, targetsOf } from '../../settings/targets';
import { ProfileInfo, TargetSettings } from '../../types';
import { ApiKeyFields } from './ApiKeyFields';
import { SectionProps } from './props';
import { EntrySection } from './EntrySection';
import { fieldRowStyle } from './fieldRowStyle';
import { ProfileSelect } from './ProfileSelect';
import { TextField } from './TextField';

interface Props extends SectionProps {
  profiles: ProfileInfo[];
  index: number;
}

export function TargetEditor({ settings, onChange, profiles, index }: Props) {
  const row = useStyles2(fieldRowStyle);
  const skipVerifyId = useId();
  const targets = targetsOf(settings);
  const target = targets[index];
  const title = `Target ${index + 1}`;
  const disabled = settings.readOnly;
  const change = (patch: Partial<TargetSettings>) => onChange(changeTarget(settings, index, patch));
  const profile = profiles.find(({ id }) => id === target.profile);

  return (
    <EntrySection
      title={title}
      disabled={disabled}
      onRemove={() => onChange(removeTarget(settings, index))}
      actions={
        <Button
          icon="copy"
          variant="secondary"
          size="sm"
          type="button"
          aria-label={`Duplicate ${title.toLowerCase()}`}
          disabled={disabled}
          onClick={() => onChange(duplicateTarget(settings, index))}
        >
          Duplicate
        </Button>
      }
    >
      <div className={row}>
        <TextField
          label="URL"
          ariaLabel={`${title} URL`}
          description="Metrics endpoint, as reached from Grafana"
          placeholder={exampleUrl(profile)}
          width={50}
          value={target.url}
          problem={urlProblem(target.url, exampleUrl(profile)) ?? duplicateProblem(targets, index)}
          disabled={disabled}
          onChange={(url) => change({ url })}
        />
        <ProfileSelect
          ariaLabel={`${title} profile`}
          profiles={profiles}
          value={target.profile ?? ''}
          disabled={disabled}
          onChange={(chosen) => change({ profile: chosen })}
        />
      </div>
      <div className={row}>
        <TextField
          label="Environment"
          ariaLabel={`${title} environment`}
          description="Groups deployments"
          placeholder="production"
          width={24}
          value={target.environment ?? ''}
          disabled={disabled}
          onChange={(environment) => change({ environment })}
        />
        <TextField
          label="Deployment"
          ariaLabel={`${title} deployment`}
          description="Deployment name"
          placeholder="vision"
          width={32}
          value={target.deployment ?? ''}
          disabled={disabled}
          onChange={(deployment) => change({ deployment })}
        />
        <TextField
          label="Interval"
          ariaLabel={`${title} interval`}
          description="Empty: the scrape interval below"
          placeholder={settings.jsonData.interval || bounds.interval.default}
          width={20}
          value={target.interval ?? ''}
          problem={durationProblem(target.interval, bounds.interval)}
          disabled={disabled}
          onChange={(interval) => change({ interval })}
        />
      </div>
      <ApiKeyFields settings={settings} onChange={onChange} target={target} title={title} onTargetChange={change} />
      <div className={row}>
        <TextField
          label="Management URL"
          ariaLabel={`${title} management URL`}
          description="API that lists the server's models. Empty: the profile's port on the same host"
          placeholder={`http://host:${profile?.managementPort ?? 8000}`}
          width={50}
          value={target.managementUrl ?? ''}
          problem={urlProblem(target.managementUrl, 'http://host:8000')}
          disabled={disabled}
          onChange={(managementUrl) => change({ managementUrl })}
        />
        <Field
          label="Skip TLS verification"
          description="Accept any certificate. For tests only"
          htmlFor={skipVerifyId}
        >
          <InlineSwitch
            id={skipVerifyId}
            aria-label={`${title} skip TLS verification`}
            value={target.insecureSkipVerify ?? false}
            disabled={disabled}
            onChange={(event) => change({ insecureSkipVerify: event.currentTarget.checked })}
          />
        </Field>
      </div>
    </EntrySection>
  );
}

function exampleUrl(profile: ProfileInfo | undefined): string {
  return `http://host:${profile?.port ?? 8002}${profile?.path ?? '/metrics'}`;
}
