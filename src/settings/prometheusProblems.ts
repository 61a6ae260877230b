import { LabelNames, PrometheusSettings } from '../types';
import { addressProblem, countProblem, durationProblem, INTERVAL_RANGE, Problem, Range, sizeProblem } from './problems';
import { AZURE_CLOUDS, CLOUDS, HTTP_METHODS, LABEL_FIELDS, labelNamesOf, PROMETHEUS_TYPES } from './prometheus';

const QUERY_TIMEOUT_RANGE: Range = { least: '100ms', most: '10m' };
const QUERY_RANGE_RANGE: Range = { least: '1m', most: '100y' };
const OVERLAP_WINDOW_RANGE: Range = { least: '1s', most: '1d' };
const QUERY_CACHE_SIZE_RANGE: Range = { least: '1MB', most: '4GB' };
const RESPONSE_SIZE_RANGE: Range = { least: '1KB', most: '4GB' };
const MOST_CONCURRENT_QUERIES = 32;
const MOST_SERIES = 5_000_000;
const MOST_SAMPLES = 200_000_000;

/** Which of the secrets are set, be it just now or long ago. */
interface SecretsSet {
  googleKey: boolean;
  azureClientSecret: boolean;
}

export interface PrometheusProblems {
  timeInterval: Problem;
  queryTimeout: Problem;
  httpMethod: Problem;
  prometheusType: Problem;
  customQueryParameters: Problem;
  maxQueryRange: Problem;
  maxConcurrentQueries: Problem;
  incrementalQueryOverlapWindow: Problem;
  queryCacheSize: Problem;
  bodySize: Problem;
  series: Problem;
  samples: Problem;
  environment: Problem;
  deployment: Problem;
  replica: Problem;
  cloud: Problem;
  googleKey: Problem;
  azureTenant: Problem;
  azureClient: Problem;
  azureClientSecret: Problem;
  azureCloud: Problem;
}

/** What the backend would refuse, field by field. */
export function prometheusProblems(prometheus: PrometheusSettings, secrets: SecretsSet): PrometheusProblems {
  const { responseLimits = {}, labels = {} } = prometheus;
  return {
    timeInterval: durationProblem(prometheus.timeInterval, INTERVAL_RANGE),
    queryTimeout: durationProblem(prometheus.queryTimeout, QUERY_TIMEOUT_RANGE),
    httpMethod: choiceProblem(prometheus.httpMethod?.toUpperCase(), HTTP_METHODS),
    prometheusType: choiceProblem(prometheus.prometheusType, PROMETHEUS_TYPES),
    customQueryParameters: parametersProblem(prometheus.customQueryParameters),
    maxQueryRange: durationProblem(prometheus.maxQueryRange, QUERY_RANGE_RANGE),
    maxConcurrentQueries: countProblem(prometheus.maxConcurrentQueries, MOST_CONCURRENT_QUERIES),
    incrementalQueryOverlapWindow: durationProblem(prometheus.incrementalQueryOverlapWindow, OVERLAP_WINDOW_RANGE),
    queryCacheSize: sizeProblem(prometheus.queryCacheSize, QUERY_CACHE_SIZE_RANGE),
    bodySize: sizeProblem(responseLimits.bodySize, RESPONSE_SIZE_RANGE),
    series: countProblem(responseLimits.series, MOST_SERIES),
    samples: countProblem(responseLimits.samples, MOST_SAMPLES),
    environment: labelNameProblem(labels, 'environment'),
    deployment: labelNameProblem(labels, 'deployment'),
    replica: labelNameProblem(labels, 'replica'),
    cloud: choiceProblem(prometheus.cloud, CLOUDS),
    ...cloudProblems(prometheus, secrets),
  };
}

type CloudProblems = Pick<
  PrometheusProblems,
  'googleKey' | 'azureTenant' | 'azureClient' | 'azureClientSecret' | 'azureCloud'
>;

/** A cloud's fields are wanted only where it is chosen. */
function cloudProblems({ cloud, ...fields }: PrometheusSettings, secrets: SecretsSet): CloudProblems {
  const wanted = (is: boolean, set: boolean, sentence: string) => (is && !set ? sentence : undefined);
  const azure = cloud === 'azure';
  return {
    googleKey: wanted(cloud === 'google', secrets.googleKey, 'Paste the JSON key of a service account.'),
    azureTenant: wanted(azure, Boolean(fields.azureTenant?.trim()), 'Write the tenant ID.'),
    azureClient: wanted(azure, Boolean(fields.azureClient?.trim()), 'Write the client ID.'),
    azureClientSecret: wanted(azure, secrets.azureClientSecret, 'Write the client secret.'),
    azureCloud: azure ? choiceProblem(fields.azureCloud, AZURE_CLOUDS) : undefined,
  };
}

/** Provisioning can set what no list offers. */
function choiceProblem(chosen: string | undefined, possible: Array<{ value: string }>): Problem {
  return !chosen || possible.some(({ value }) => value === chosen)
    ? undefined
    : `${chosen} is not known; choose another.`;
}

/** What every query sets itself. */
const OWN_PARAMETERS = ['query', 'start', 'end', 'step', 'time'];
const BROKEN_ESCAPE = /%(?![0-9A-Fa-f]{2})/;

function parametersProblem(text: string | undefined): Problem {
  if (!text) {
    return undefined;
  }
  if (BROKEN_ESCAPE.test(text) || text.includes(';')) {
    return 'Write parameters as name=value&other=value, with %25 for %.';
  }
  // A question mark in front would be taken for no part of the first name.
  const names = new URLSearchParams(`&${text}`);
  const own = OWN_PARAMETERS.find((name) => names.has(name));
  return own && `Remove ${own}, which every query sets itself.`;
}

const LABEL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

function labelNameProblem(labels: LabelNames, field: keyof LabelNames): Problem {
  const names = labelNamesOf(labels);
  if (!LABEL_NAME.test(names[field])) {
    return 'Letters, digits and underscores can name a label, and no digit first.';
  }
  const other = LABEL_FIELDS.find((candidate) => candidate !== field && names[candidate] === names[field]);
  return other && `The ${other} has this label too; each needs one of its own.`;
}

/** What is wrong with the address of a server; a cloud's token is sent over TLS alone. */
export function serverUrlProblem(text: string | undefined, cloud: PrometheusSettings['cloud']): Problem {
  const example = 'http://prometheus:9090';
  if (!text?.trim()) {
    return `Write the address of the server, such as ${example}.`;
  }
  const problem = addressProblem(text, example, 'Use basic authentication instead.');
  if (problem) {
    return problem;
  }
  return cloud && new URL(text.trim()).protocol !== 'https:'
    ? "A cloud's token is sent over TLS alone: write the address with https://."
    : undefined;
}
