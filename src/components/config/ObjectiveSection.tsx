import React from 'react';
import { useStyles2 } from '@grafana/ui';
import { overrideCountProblem } from '../../settings/objectiveProblems';
import { addOverride, changeDefaultObjective, objectivesOf } from '../../settings/objectives';
import { AddEntry } from './AddEntry';
import { SectionProps } from './props';
import { fieldRow } from './fieldRow';
import { OBJECTIVE_COLUMNS } from './objectiveColumns';
import { OverrideTable } from './OverrideTable';
import { TextField } from './TextField';

/** What every model is held to, and what some are held to instead. */
export function ObjectiveSection({ settings, onChange }: SectionProps) {
  const row = useStyles2(fieldRow);
  const { default: forAll, overrides } = objectivesOf(settings);
  return (
    <>
      <p>
        What each model is held to. Panels draw its objectives as thresholds, the signal slo_violation is what was
        measured as a multiple of them, and the alert rules fire for a model that misses its own. Write none to switch
        an objective off.
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
            value={forAll[field] ?? ''}
            problem={problemOf(forAll[field])}
            disabled={settings.readOnly}
            onChange={(text) => onChange(changeDefaultObjective(settings, { [field]: text }))}
          />
        ))}
      </div>
      <p>
        Overrides hold for the models whose environment, deployment and name match: * stands for any characters, ? for
        one, and case matters; an empty pattern matches everything. For each objective the first override that matches
        and sets it wins. What an override leaves empty comes from those below it, then from the default.
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
