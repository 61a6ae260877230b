import React from 'react';
import { useStyles2 } from '@grafana/ui';
import { overrideCountProblem } from '../../settings/objectiveProblems';
import { addOverride, changeDefaultObjective, objectivesOf } from '../../settings/objectives';
import { AddEntry } from './AddEntry';
import { SectionProps } from './props';
import { fieldRowStyle } from './fieldRowStyle';
import { OBJECTIVE_COLUMNS } from './objectiveColumns';
import { OverrideTable } from './OverrideTable';
import { TextField } from './TextField';

/** The default objectives and the overrides. */
export function ObjectiveSection({ settings, onChange }: SectionProps) {
  const row = useStyles2(fieldRowStyle);
  const { default: defaults, overrides } = objectivesOf(settings);
  return (
    <>
      <p>
        Targets for every model. Dashboards draw them as thresholds, and alert rules fire when a model misses one. Enter
        none to switch an objective off.
      </p>
      <div className={row}>
        {OBJECTIVE_COLUMNS.map(({ field, label, description, placeholder, problem: problemOf }) => (
          <TextField
            key={field}
            label={label}
            ariaLabel={`Default ${label}`}
            description={description}
            placeholder={placeholder}
            width={32}
            value={defaults[field] ?? ''}
            problem={problemOf(defaults[field])}
            disabled={settings.readOnly}
            onChange={(text) => onChange(changeDefaultObjective(settings, { [field]: text }))}
          />
        ))}
      </div>
      <p>
        Overrides apply to models whose environment, deployment and name match. In patterns, * matches any text and ?
        one character. Case matters, and an empty pattern matches everything. The first match wins. Empty fields fall
        through to the next match, then to the default.
      </p>
      {overrides.length > 0 && <OverrideTable settings={settings} onChange={onChange} />}
      <AddEntry
        label="Add override"
        problem={overrideCountProblem(overrides)}
        disabled={settings.readOnly}
        onAdd={() => onChange(addOverride(settings))}
      />
    </>
  );
}
