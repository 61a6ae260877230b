import React, { ComponentProps, KeyboardEvent, useState } from 'react';
import { Input } from '@grafana/ui';

type InputProps = Omit<ComponentProps<typeof Input>, 'value' | 'defaultValue' | 'onChange' | 'onBlur' | 'ref'>;

interface Props extends InputProps {
  value: string;
  /** Called with the changed text when the user leaves the field or presses Enter. */
  onCommit: (text: string) => void;
}

/** A text input that reports its text on blur or Enter, not at every key. */
export function CommittedInput({ value, onCommit, ...input }: Props) {
  // The draft belongs to the value that it started from. A new value from outside replaces it.
  const [draft, setDraft] = useState({ of: value, text: value });
  const text = draft.of === value ? draft.text : value;

  const commit = () => {
    if (text !== value) {
      onCommit(text);
    }
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === 'Enter') {
      event.preventDefault();
      commit();
    }
  };

  return (
    <Input
      {...input}
      value={text}
      onChange={(event) => setDraft({ of: value, text: event.currentTarget.value })}
      onBlur={commit}
      onKeyDown={onKeyDown}
    />
  );
}
