import { ObjectiveOverride } from '../types';
import { Problem, quantityProblem, Range, tooManyProblem } from './problems';
import { parseDuration, parseShare } from './quantities';

/** Written where a model is not held to an objective. */
const SWITCHED_OFF = 'none';
const OBJECTIVE_RANGE: Range = { least: '1ms', most: '100y' };
const MOST_OVERRIDES = 200;
const MOST_PATTERN_CHARACTERS = 200;

export function objectiveDurationProblem(text: string | undefined): Problem {
  return text === SWITCHED_OFF
    ? undefined
    : quantityProblem(
        text,
        OBJECTIVE_RANGE,
        parseDuration,
        'duration',
        'Write a duration, such as 200ms or 48h, or none.'
      );
}

export function objectiveShareProblem(text: string | undefined): Problem {
  if (!text || text === SWITCHED_OFF) {
    return undefined;
  }
  const share = parseShare(text);
  if (share === undefined) {
    return 'Write a share, such as 1% or 0.01, or none.';
  }
  return share > 0 && share < 1 ? undefined : 'The share must be more than 0% and less than 100%.';
}

export function patternProblem(pattern: string | undefined): Problem {
  return [...(pattern ?? '').trim()].length > MOST_PATTERN_CHARACTERS
    ? `At most ${MOST_PATTERN_CHARACTERS} characters are possible.`
    : undefined;
}

export function overrideCountProblem(overrides: ObjectiveOverride[]): Problem {
  return tooManyProblem('overrides', overrides.length, MOST_OVERRIDES);
}
