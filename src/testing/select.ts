import { fireEvent, screen } from '@testing-library/react';

/** Opens a select and picks an option of it. */
export async function choose(label: string, option: string) {
  openMenu(label);
  fireEvent.click(await screen.findByText(option, { selector: 'span' }));
}

export function openMenu(label: string) {
  fireEvent.keyDown(screen.getByRole('combobox', { name: label }), { key: 'ArrowDown', keyCode: 40 });
}

/** Types a value that is not on offer. */
export function enterCustom(label: string, value: string) {
  const input = screen.getByRole('combobox', { name: label });
  fireEvent.change(input, { target: { value } });
  fireEvent.keyDown(input, { key: 'Enter', keyCode: 13 });
}
