import { isSize, parseDuration } from './quantities';

it.each([
  ['15s', 15_000],
  ['500ms', 500],
  ['5m', 300_000],
  ['1h30m', 5_400_000],
  ['15d', 1_296_000_000],
  ['1w', 604_800_000],
  ['1y', 31_536_000_000],
  ['0s', 0],
  ['', undefined],
  ['15', undefined],
  ['s', undefined],
  ['1.5h', undefined],
  ['-5m', undefined],
  ['5 m', undefined],
  ['30m1h', undefined],
])('parseDuration(%p) is %p', (text, want) => {
  expect(parseDuration(text)).toBe(want);
});

it.each([
  ['512MB', true],
  ['10GB', true],
  ['10GiB', true],
  ['1.5TB', true],
  ['100B', true],
  ['10', false],
  ['GB', false],
  ['10 GB', false],
  ['-1GB', false],
  ['10gb', false],
])('isSize(%p) is %p', (text, want) => {
  expect(isSize(text)).toBe(want);
});
