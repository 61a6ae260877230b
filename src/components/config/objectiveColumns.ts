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
    description: 'Maximum p95, end to end',
    placeholder: '200ms',
    problem: objectiveDurationProblem,
  },
  {
    field: 'errorRate',
    label: 'Error rate',
    description: 'Maximum error rate: share of failed requests',
    placeholder: '1%',
    problem: objectiveShareProblem,
  },
  {
    field: 'cacheHitRatio',
    label: 'Cache-hit ratio',
    description: 'Minimum share of requests served by a loaded model',
    placeholder: '80%',
    problem: objectiveShareProblem,
  },
  {
    field: 'staleness',
    label: 'Staleness',
    description: 'Maximum time since the last training',
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
