import React from 'react';
import { css } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';
import { Button, FieldValidationMessage, IconName, Input, useStyles2 } from '@grafana/ui';
import { patternProblem } from '../../settings/objectiveProblems';
import { changeOverride, moveOverride, objectivesOf, removeOverride } from '../../settings/objectives';
import { Problem } from '../../settings/problems';
import { ObjectiveOverride } from '../../types';
import { SectionProps } from './props';
import { OBJECTIVE_COLUMNS, PATTERN_COLUMNS } from './objectiveColumns';

interface Props extends SectionProps {
  index: number;
}

interface Action {
  name: string;
  icon: IconName;
  possible: boolean;
  run: () => void;
}

/** One override: its patterns, its objectives, and buttons that move and remove it. */
export function OverrideRow({ settings, onChange, index }: Props) {
  const styles = useStyles2(getStyles);
  const { overrides } = objectivesOf(settings);
  const override = overrides[index];
  const title = `override ${index + 1}`;

  const cell = (field: keyof ObjectiveOverride, label: string, placeholder: string, problem: Problem) => (
    <td key={field}>
      <Input
        className={styles.input}
        aria-label={`Override ${index + 1} ${label}`}
        placeholder={placeholder}
        value={override[field] ?? ''}
        invalid={Boolean(problem)}
        disabled={settings.readOnly}
        onChange={(event) => onChange(changeOverride(settings, index, { [field]: event.currentTarget.value }))}
      />
      {problem && <FieldValidationMessage>{problem}</FieldValidationMessage>}
    </td>
  );

  const actions: Action[] = [
    {
      name: `Move ${title} up`,
      icon: 'arrow-up',
      possible: index > 0,
      run: () => onChange(moveOverride(settings, index, index - 1)),
    },
    {
      name: `Move ${title} down`,
      icon: 'arrow-down',
      possible: index < overrides.length - 1,
      run: () => onChange(moveOverride(settings, index, index + 1)),
    },
    {
      name: `Remove ${title}`,
      icon: 'trash-alt',
      possible: true,
      run: () => onChange(removeOverride(settings, index)),
    },
  ];

  return (
    <tr>
      <td>{index + 1}</td>
      {PATTERN_COLUMNS.map(({ field, label }) =>
        cell(field, label.toLowerCase(), '*', patternProblem(override[field]))
      )}
      {OBJECTIVE_COLUMNS.map(({ field, label, problem }) =>
        cell(field, label.toLowerCase(), 'Inherited', problem(override[field]))
      )}
      <td>
        {actions.map(({ name, icon, possible, run }) => (
          <Button
            key={name}
            icon={icon}
            variant="secondary"
            fill="text"
            type="button"
            aria-label={name}
            title={name}
            disabled={settings.readOnly || !possible}
            onClick={run}
          />
        ))}
      </td>
    </tr>
  );
}

function getStyles(theme: GrafanaTheme2) {
  return {
    input: css({
      minWidth: theme.spacing(16),
    }),
  };
}
