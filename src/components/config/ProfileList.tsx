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

/** The user's own profiles. */
export function ProfileList({ settings, onChange }: SectionProps) {
  const link = useStyles2(linkStyle);
  const profiles = profilesOf(settings);
  return (
    <>
      <p>
        A profile maps a server&apos;s metrics to signals. Profiles of common servers are built in. Add your own for
        other servers or custom metrics.{' '}
        <a className={link} href={PROFILE_DOCUMENTATION} target="_blank" rel="noopener noreferrer">
          How to write a profile
        </a>
      </p>
      <p>
        Save &amp; test reports mistakes with file and line.
        {modeOf(settings) === 'embedded' && ' Save a profile before you select it for a target.'}
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
