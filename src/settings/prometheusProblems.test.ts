import { PrometheusSettings } from '../types';
import shared from './prometheusNotation.json';
import { PROMETHEUS_DEFAULTS, PROMETHEUS_TYPES } from './prometheus';
import { prometheusProblems, serverUrlProblem } from './prometheusProblems';

const SET = { googleKey: true, azureClientSecret: true };
const UNSET = { googleKey: false, azureClientSecret: false };

/** The fields that are wrong. */
function wrongFields(prometheus: object, secrets = SET): string[] {
  const problems = Object.entries(prometheusProblems(prometheus as PrometheusSettings, secrets));
  return problems.flatMap(([field, problem]) => (problem ? [field] : []));
}

// The backend's tests read the same file: both sides accept and reject the same values.
describe('accepts what the backend accepts:', () => {
  it.each(shared.accepted.map((prometheus) => [prometheus]))('%j', (prometheus) => {
    expect(wrongFields(prometheus)).toEqual([]);
  });

  it('its defaults, which are those that the fields show', () => {
    expect(PROMETHEUS_DEFAULTS).toEqual(shared.defaults);
    expect(wrongFields(shared.defaults)).toEqual([]);
  });

  it('every type of server on offer', () => {
    const accepted = shared.accepted.flatMap(({ prometheusType }) => (prometheusType ? [prometheusType] : []));
    expect(PROMETHEUS_TYPES.map(({ value }) => value)).toEqual(accepted);
  });
});

describe('rejects what the backend rejects, at the field:', () => {
  it.each(shared.rejected.map((prometheus) => [prometheus]))('%j', (prometheus) => {
    const wrong = wrongFields(prometheus);
    expect(wrong).not.toEqual([]);
    const written = Object.entries(prometheus).flatMap(([field, value]) =>
      typeof value === 'object' ? Object.keys(value) : [field]
    );
    const atField = wrong.some((field) => written.includes(field));
    expect(atField || wrong.every((field) => field.startsWith('azure'))).toBe(true);
  });

  it.each(shared.rejectedWithoutSecrets.map((prometheus) => [prometheus]))('%j without its secret', (prometheus) => {
    expect(wrongFields(prometheus)).toEqual([]);
    expect(wrongFields(prometheus, UNSET)).toEqual([prometheus.cloud === 'google' ? 'googleKey' : 'azureClientSecret']);
  });
});

it('names both labels that have one name', () => {
  const { deployment, environment, replica } = prometheusProblems({ labels: { deployment: 'namespace' } }, SET);
  expect(deployment).toBe('The environment uses the same label. Choose another one.');
  expect(environment).toBe('The deployment uses the same label. Choose another one.');
  expect(replica).toBeUndefined();
});

it.each([
  { url: 'http://prometheus:9090', want: undefined },
  { url: ' https://mimir.example.com/prometheus ', want: undefined },
  {
    url: 'https://monitoring.googleapis.com/v1/projects/p/location/global/prometheus',
    cloud: 'google',
    want: undefined,
  },
  { url: 'http://prometheus:9090', cloud: 'azure', want: 'requires https' },
  { url: undefined, want: 'Enter the URL of the server' },
  { url: ' ', want: 'Enter the URL of the server' },
  { url: 'prometheus', want: 'Enter the full URL' },
  { url: 'prometheus:9090', want: 'must start with http://' },
  { url: 'ftp://prometheus', want: 'must start with http://' },
  { url: 'http://me:hunter2@prometheus:9090', want: 'user and password' },
] as const)('serverUrlProblem($url, $cloud)', ({ url, want, ...more }) => {
  const problem = serverUrlProblem(url, 'cloud' in more ? more.cloud : undefined);
  expect(problem).toEqual(want && expect.stringContaining(want));
  expect(problem ?? '').not.toContain('hunter2');
});
