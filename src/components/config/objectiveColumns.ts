import { objectiveDurationProblem, objectiveShareProblem } from '../../settings/objectiveProblems';
import { Problem } from '../../settings/problems';
import { ObjectiveFields, ObjectivePatterns } from '../../types';

interface ObjectiveColumn {
  field: keyof ObjectiveFields;
  label: string;
  description: string;
  /** The backend's default. */
  placeholder: string;
  problem: (text: string | undefined) => Problem;
}

export const OBJECTIVE_COLUMNS: ObjectiveColumn[] = [
  {
    field: 'p95',
    label: 'p95 response time',
    description: '95% of requests take no longer, end to end',
    placeholder: '200ms',
    problem: objectiveDurationProblem,
  },
  {
    field: 'errorRate',
    label: 'Error rate',
    description: 'No more of the requests fail',
    placeholder: '1%',
    problem: objectiveShareProblem,
  },
  {
    field: 'cacheHitRatio',
    label: 'Cache-hit ratio',
    description: 'No fewer of the requests find the model in memory',
    placeholder: '80%',
    problem: objectiveShareProblem,
  },
  {
    field: 'staleness',
    label: 'Staleness',
    description: 'The last training is no longer ago',
    placeholder: '48h',
    problem: objectiveDurationProblem,
  },
];

interface PatternColumn {
  field: keyof ObjectivePatterns;
  label: string;
}

export const PATTERN_COLUMNS: PatternColumn[] = [
  { field: 'environment', label: 'Environment' },
  { field: 'deployment', label: 'Deployment' },
  { field: 'model', label: 'Model' },
];
