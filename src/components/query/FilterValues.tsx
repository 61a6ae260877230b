import React, { useState } from 'react';
import { TimeRange } from '@grafana/data';
import { InlineField, MultiSelect } from '@grafana/ui';
import { EditorDataSource } from './props';
import { Filters, LabelValues } from '../../types';
import { toOptions, toValues } from '../options';
import { errorMessage } from '../useRequest';

interface Props {
  datasource: EditorDataSource;
  label: string;
  values: string[];
  /** Filters that a series must pass for its values to be offered. */
  otherFilters: Filters;
  range?: TimeRange;
  onChange: (values: string[]) => void;
}

interface Suggestions extends LabelValues {
  loading: boolean;
  error?: string;
}

const NONE: Suggestions = { values: [], truncated: false, loading: false };

export function FilterValues({ datasource, label, values, otherFilters, range, onChange }: Props) {
  const [suggestions, setSuggestions] = useState(NONE);

  const load = async () => {
    setSuggestions((known) => ({ ...known, loading: true, error: undefined }));
    try {
      const answer = await datasource.values(label, otherFilters, range, {});
      setSuggestions({ ...answer, loading: false });
    } catch (error) {
      setSuggestions({ ...NONE, error: `Could not list the values: ${errorMessage(error)}` });
    }
  };

  return (
    <InlineField
      label={label}
      labelWidth={14}
      invalid={Boolean(suggestions.error)}
      error={suggestions.error}
      tooltip={suggestions.truncated ? 'Not all values are listed. Type the one that you need.' : undefined}
    >
      <MultiSelect
        aria-label={`Filter ${label}`}
        width={50}
        placeholder="Choose or type values"
        allowCustomValue
        allowCreateWhileLoading
        isLoading={suggestions.loading}
        options={toOptions([...datasource.variableReferences(), ...suggestions.values], values)}
        value={values}
        onOpenMenu={load}
        onChange={(chosen) => onChange(toValues(chosen))}
      />
    </InlineField>
  );
}
