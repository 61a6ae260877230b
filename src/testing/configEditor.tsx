import React, { useState } from 'react';
import { act, fireEvent, render, screen } from '@testing-library/react';
import { ConfigEditor } from '../components/config/ConfigEditor';
import { ModelServingSettings } from '../settings/secrets';
import { ModelServingOptions } from '../types';

export function settingsWith(
  jsonData: ModelServingOptions,
  more: Partial<ModelServingSettings> = {}
): ModelServingSettings {
  return {
    uid: 'serving',
    version: 1,
    readOnly: false,
    secureJsonFields: {},
    jsonData,
    ...more,
  } as ModelServingSettings;
}

/** Shows the editor as Grafana's settings page does, and gives the settings as they are at any time. */
export async function showEditor(initial: ModelServingSettings) {
  const current = { settings: initial };
  function Page() {
    const [options, setOptions] = useState(initial);
    current.settings = options;
    return <ConfigEditor options={options} onOptionsChange={setOptions} />;
  }
  await act(async () => {
    render(<Page />);
  });
  return current;
}

export function type(label: string, text: string) {
  fireEvent.change(screen.getByLabelText(label), { target: { value: text } });
}

export function click(name: string) {
  fireEvent.click(screen.getByRole('button', { name }));
}
