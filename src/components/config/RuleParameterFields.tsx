import React from 'react';
import { CollapsableSection, useStyles2 } from '@grafana/ui';
import { fieldRowStyle } from './fieldRowStyle';
import { TextField } from './TextField';

interface Parameter {
  name: string;
  default: string;
  description: string;
}

interface Props {
  /** Prefix of the accessible name of each field. */
  about: string;
  /** Title of the section, which is collapsed at first. */
  title: string;
  parameters: Parameter[];
  chosen: Record<string, string>;
  onChange: (chosen: Record<string, string>) => void;
}

/** The options of an export of rules. They are not stored. */
export function RuleParameterFields({ about, title, parameters, chosen, onChange }: Props) {
  const row = useStyles2(fieldRowStyle);
  return (
    <CollapsableSection label={title} isOpen={false}>
      <div className={row}>
        {parameters.map(({ name, default: placeholder, description }) => (
          <TextField
            key={name}
            label={labelOf(name)}
            ariaLabel={`${about}: ${labelOf(name)}`}
            description={capitalize(description)}
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
  return capitalize(name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)).replace(/^Gpu\b/, 'GPU');
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
