import React from 'react';
import { Alert } from '@grafana/ui';
import { targetCountProblem } from '../../settings/problems';
import { addTarget, targetsOf } from '../../settings/targets';
import { AddEntry } from './AddEntry';
import { SectionProps } from './props';
import { TargetEditor } from './TargetEditor';
import { Profiles } from './useProfiles';

interface Props extends SectionProps {
  profiles: Profiles;
}

export function TargetList({ settings, onChange, profiles }: Props) {
  const targets = targetsOf(settings);
  return (
    <>
      {profiles.error && (
        <Alert severity="warning" title="Could not load the profiles">
          {profiles.error} Detection still works.
        </Alert>
      )}
      {targets.map((target, index) => (
        <TargetEditor
          key={target.id || index}
          settings={settings}
          onChange={onChange}
          profiles={profiles.list}
          index={index}
        />
      ))}
      <AddEntry
        label="Add target"
        problem={targetCountProblem(targets)}
        disabled={settings.readOnly}
        onAdd={() => onChange(addTarget(settings))}
      />
    </>
  );
}
