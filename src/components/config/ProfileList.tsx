import React from 'react';
import { css } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import { modeOf } from '../../settings/options';
import { profileCountProblem } from '../../settings/problems';
import { addProfile, profilesOf } from '../../settings/profiles';
import { AddEntry } from './AddEntry';
import { SectionProps } from './props';
import { ProfileEditor } from './ProfileEditor';

const PROFILE_DOCUMENTATION = 'https://github.com/coldhit/modelserving-datasource/blob/main/docs/profiles.md';

/** The profiles of the user's own, beside those that come with the plugin. */
export function ProfileList({ settings, onChange }: SectionProps) {
  const link = useStyles2(linkStyle);
  const profiles = profilesOf(settings);
  return (
    <>
      <p>
        A profile says how a server&apos;s metrics fill the signals. Those of known servers come with the plugin; add
        one for another server, or for metrics of your own.{' '}
        <a className={link} href={PROFILE_DOCUMENTATION} target="_blank" rel="noopener noreferrer">
          How to write a profile
        </a>
      </p>
      <p>
        Save &amp; test says file, line and reason of every mistake.
        {modeOf(settings) === 'embedded' && ' A target can be set to a profile once it is saved.'}
      </p>
      {profiles.map((_, index) => (
        <ProfileEditor key={index} settings={settings} onChange={onChange} index={index} />
      ))}
      <AddEntry
        label="Add profile"
        problem={profileCountProblem(profiles)}
        disabled={settings.readOnly}
        onAdd={() => onChange(addProfile(settings))}
      />
    </>
  );
}

function linkStyle(theme: GrafanaTheme2) {
  return css({
    color: theme.colors.text.link,
    textDecoration: 'underline',
  });
}
