import React from 'react';
import { CollapsableSection, useStyles2 } from '@grafana/ui';
import { fieldRow } from './fieldRow';
import { TextField } from './TextField';

interface Parameter {
  name: string;
  default: string;
  description: string;
}

interface Props {
  /** What the fields are about, before each one's name. */
  about: string;
  /** Says what can be changed, while the fields are folded up. */
  title: string;
  parameters: Parameter[];
  chosen: Record<string, string>;
  onChange: (chosen: Record<string, string>) => void;
}

/** What an export of rules can be given. It is kept nowhere. */
export function RuleParameterFields({ about, title, parameters, chosen, onChange }: Props) {
  const row = useStyles2(fieldRow);
  return (
    <CollapsableSection label={title} isOpen={false}>
      <div className={row}>
        {parameters.map(({ name, default: placeholder, description }) => (
          <TextField
            key={name}
            label={labelOf(name)}
            ariaLabel={`${about}: ${labelOf(name)}`}
            description={sentence(description)}
            placeholder={placeholder}
            width={32}
            value={chosen[name] ?? ''}
            onChange={(text) => onChange({ ...chosen, [name]: text })}
          />
        ))}
      </div>
    </CollapsableSection>
  );
}

/** cacheHitRatio as Cache hit ratio, gpuMemory as GPU memory. */
function labelOf(name: string): string {
  return sentence(name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)).replace(/^Gpu\b/, 'GPU');
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
