import { parseDuration, parseShare, parseSize } from './quantities';

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
  ['512MB', 536_870_912],
  ['10GB', 10_737_418_240],
  ['10GiB', 10_737_418_240],
  ['1.5TB', 1_649_267_441_664],
  ['100B', 100],
  ['1KiB', 1024],
  ['10', undefined],
  ['GB', undefined],
  ['10 GB', undefined],
  ['-1GB', undefined],
  ['10gb', undefined],
  ['', undefined],
])('parseSize(%p) is %p', (text, want) => {
  expect(parseSize(text)).toBe(want);
});

it.each([
  ['1%', 0.01],
  ['99.5 %', 0.995],
  ['0.01', 0.01],
  ['0', 0],
  ['80', 80],
  ['100%', 1],
  ['', undefined],
  ['%', undefined],
  ['.5', undefined],
  ['0,5%', undefined],
  ['-1%', undefined],
  ['1e-2', undefined],
])('parseShare(%p) is %p', (text, want) => {
  expect(parseShare(text)).toBe(want);
});
