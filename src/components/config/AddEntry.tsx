import React from 'react';
import { Button, FieldValidationMessage } from '@grafana/ui';

interface Props {
  label: string;
  /** What is wrong with the number of entries. */
  problem?: string;
  disabled?: boolean;
  onAdd: () => void;
}

/** The button below a list that adds an entry. */
export function AddEntry({ label, problem, disabled, onAdd }: Props) {
  return (
    <>
      {problem && <FieldValidationMessage>{problem}</FieldValidationMessage>}
      <Button icon="plus" variant="secondary" type="button" disabled={disabled} onClick={onAdd}>
        {label}
      </Button>
    </>
  );
}
