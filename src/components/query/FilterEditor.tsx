import React from 'react';
import { TimeRange } from '@grafana/data';
import { Button, InlineField, InlineFieldRow, Select } from '@grafana/ui';
import { EditorDataSource } from './props';
import { Filters } from '../../types';
import { toOptions } from '../options';
import { FilterValues } from './FilterValues';

interface Props {
  datasource: EditorDataSource;
  filters: Filters;
  /** The labels to offer. */
  labels: string[];
  range?: TimeRange;
  onChange: (filters: Filters) => void;
}

/** One row per label. A series passes if it has one of the values. */
export function FilterEditor({ datasource, filters, labels, range, onChange }: Props) {
  const unused = labels.filter((label) => !(label in filters));
  return (
    <>
      {Object.entries(filters).map(([label, values]) => {
        const { [label]: _, ...others } = filters;
        return (
          <InlineFieldRow key={label}>
            <FilterValues
              datasource={datasource}
              label={label}
              values={values}
              otherFilters={others}
              range={range}
              onChange={(chosen) => onChange({ ...filters, [label]: chosen })}
            />
            <Button
              icon="times"
              variant="secondary"
              type="button"
              aria-label={`Remove filter ${label}`}
              onClick={() => onChange(others)}
            />
          </InlineFieldRow>
        );
      })}
      <InlineFieldRow>
        <InlineField label="Filter" labelWidth={14} tooltip="Shows only series whose label has one of the values">
          <Select
            aria-label="Add filter"
            width={24}
            placeholder="Add a label"
            options={toOptions(unused)}
            value={null}
            onChange={({ value }) => value && onChange({ ...filters, [value]: [] })}
          />
        </InlineField>
      </InlineFieldRow>
    </>
  );
}
