import { ObjectiveOverride } from '../types';
import bounds from './bounds.json';
import { Problem, quantityProblem, tooManyProblem } from './problems';
import { parseDuration, parseShare } from './quantities';

/** Disables an objective. */
const SWITCHED_OFF = 'none';

export function objectiveDurationProblem(text: string | undefined): Problem {
  return text === SWITCHED_OFF
    ? undefined
    : quantityProblem(
        text,
        bounds.objectives.duration,
        parseDuration,
        'duration',
        'Enter a duration, such as 200ms or 48h, or none.'
      );
}

export function objectiveShareProblem(text: string | undefined): Problem {
  if (!text || text === SWITCHED_OFF) {
    return undefined;
  }
  const share = parseShare(text);
  if (share === undefined) {
    return 'Enter a share, such as 1% or 0.01, or none.';
  }
  return share > 0 && share < 1 ? undefined : 'The share must be more than 0% and less than 100%.';
}

export function patternProblem(pattern: string | undefined): Problem {
  const { max } = bounds.objectives.patternCharacters;
  return [...(pattern ?? '').trim()].length > max ? `Enter at most ${max} characters.` : undefined;
}

export function overrideCountProblem(overrides: ObjectiveOverride[]): Problem {
  return tooManyProblem('overrides', overrides.length, bounds.objectives.overrides);
}
