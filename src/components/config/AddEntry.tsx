import React from 'react';
import { Button, FieldValidationMessage } from '@grafana/ui';

interface Props {
  label: string;
  /** What is wrong with the number of entries. */
  problem?: string;
  disabled?: boolean;
  onAdd: () => void;
}

/** The end of a list of entries: its button for one more. */
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
