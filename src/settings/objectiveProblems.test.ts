import shared from '../testing/objectives.json';
import {
  objectiveDurationProblem,
  objectiveShareProblem,
  overrideCountProblem,
  patternProblem,
} from './objectiveProblems';
import { parseDuration, parseShare } from './quantities';

// The backend's tests read the same file: both sides accept and reject the same values.
describe('accepts what the backend accepts:', () => {
  it.each(shared.durations)('the duration $text', ({ text, seconds }) => {
    expect(objectiveDurationProblem(text) === undefined).toBe(seconds !== null);
    if (seconds) {
      expect(parseDuration(text)).toBeCloseTo(seconds * 1000);
    }
  });

  it.each(shared.shares)('the share $text', ({ text, share }) => {
    expect(objectiveShareProblem(text) === undefined).toBe(share !== null);
    if (share) {
      expect(parseShare(text)).toBeCloseTo(share, 12);
    }
  });

  it('so many overrides', () => {
    const most = Array.from({ length: shared.mostOverrides }, () => ({}));
    expect(overrideCountProblem(most)).toBeUndefined();
    expect(overrideCountProblem([...most, {}])).toBe('201 overrides are configured. The maximum is 200.');
  });

  it('patterns of so many characters', () => {
    const longest = '𝛼'.repeat(shared.mostPatternCharacters);
    expect(patternProblem(` ${longest} `)).toBeUndefined();
    expect(patternProblem(`${longest}*`)).toBe('Enter at most 200 characters.');
    expect(patternProblem(undefined)).toBeUndefined();
  });
});

it.each([
  { text: 'fast', want: 'Enter a duration, such as 200ms or 48h, or none.' },
  { text: '0s', want: 'The duration must be between 1ms and 100y.' },
  { text: '', want: undefined },
  { text: undefined, want: undefined },
])('objectiveDurationProblem($text)', ({ text, want }) => {
  expect(objectiveDurationProblem(text)).toBe(want);
});

it.each([
  { text: 'few', want: 'Enter a share, such as 1% or 0.01, or none.' },
  { text: '80', want: 'The share must be more than 0% and less than 100%.' },
  { text: '', want: undefined },
  { text: undefined, want: undefined },
])('objectiveShareProblem($text)', ({ text, want }) => {
  expect(objectiveShareProblem(text)).toBe(want);
});
