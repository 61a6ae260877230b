import React, { useId } from 'react';
import { Field } from '@grafana/ui';
import { profileNameProblem, profileTextProblem } from '../../settings/problems';
import { changeProfile, profilesOf, removeProfile } from '../../settings/profiles';
import { ProfileSettings } from '../../types';
import { SectionProps } from './props';
import { EntrySection } from './EntrySection';
import { NumberedTextArea } from './NumberedTextArea';
import { TextField } from './TextField';

interface Props extends SectionProps {
  index: number;
}

/** One profile of the user's own: its name, and its text as YAML. */
export function ProfileEditor({ settings, onChange, index }: Props) {
  const textId = useId();
  const profiles = profilesOf(settings);
  const { name, text } = profiles[index];
  const title = `Profile ${index + 1}`;
  const disabled = settings.readOnly;
  const change = (patch: Partial<ProfileSettings>) => onChange(changeProfile(settings, index, patch));
  const textProblem = profileTextProblem(text);

  return (
    <EntrySection title={title} disabled={disabled} onRemove={() => onChange(removeProfile(settings, index))}>
      <TextField
        label="Name"
        ariaLabel={`${title} name`}
        description="Shown in messages"
        placeholder="features.yaml"
        width={50}
        value={name}
        problem={profileNameProblem(profiles, index)}
        disabled={disabled}
        onChange={(renamed) => change({ name: renamed })}
      />
      <Field
        label="Text"
        description="YAML"
        htmlFor={textId}
        invalid={Boolean(textProblem)}
        error={textProblem}
        disabled={disabled}
      >
        <NumberedTextArea
          id={textId}
          aria-label={`${title} text`}
          rows={20}
          value={text}
          onChange={(event) => change({ text: event.currentTarget.value })}
        />
      </Field>
    </EntrySection>
  );
}
