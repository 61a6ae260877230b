import { LabelNames, PrometheusSettings } from '../types';
import bounds from './bounds.json';
import { addressProblem, countProblem, credentialIn, durationProblem, Problem, sizeProblem } from './problems';
import { AZURE_CLOUDS, CLOUDS, HTTP_METHODS, LABEL_FIELDS, labelNamesOf, PROMETHEUS_TYPES } from './prometheus';

const accepted = bounds.prometheus;

/** Which secrets are set, stored or just entered. */
interface StoredSecrets {
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

/** What the backend would reject, field by field. */
export function prometheusProblems(prometheus: PrometheusSettings, secrets: StoredSecrets): PrometheusProblems {
  const { responseLimits = {}, labels = {} } = prometheus;
  return {
    timeInterval: durationProblem(prometheus.timeInterval, accepted.timeInterval),
    queryTimeout: durationProblem(prometheus.queryTimeout, accepted.queryTimeout),
    httpMethod: choiceProblem(prometheus.httpMethod?.toUpperCase(), HTTP_METHODS),
    prometheusType: choiceProblem(prometheus.prometheusType, PROMETHEUS_TYPES),
    customQueryParameters: parametersProblem(prometheus.customQueryParameters),
    maxQueryRange: durationProblem(prometheus.maxQueryRange, accepted.maxQueryRange),
    maxConcurrentQueries: countProblem(prometheus.maxConcurrentQueries, accepted.maxConcurrentQueries),
    incrementalQueryOverlapWindow: durationProblem(
      prometheus.incrementalQueryOverlapWindow,
      accepted.incrementalQueryOverlapWindow
    ),
    queryCacheSize: sizeProblem(prometheus.queryCacheSize, accepted.queryCacheSize),
    bodySize: sizeProblem(responseLimits.bodySize, accepted.responseLimits.bodySize),
    series: countProblem(responseLimits.series, accepted.responseLimits.series),
    samples: countProblem(responseLimits.samples, accepted.responseLimits.samples),
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

/** The fields of a cloud are required only if it is chosen. */
function cloudProblems({ cloud, ...fields }: PrometheusSettings, secrets: StoredSecrets): CloudProblems {
  const required = (is: boolean, set: boolean, sentence: string) => (is && !set ? sentence : undefined);
  const azure = cloud === 'azure';
  return {
    googleKey: required(cloud === 'google', secrets.googleKey, 'Enter the JSON key of a service account.'),
    azureTenant: required(azure, Boolean(fields.azureTenant?.trim()), 'Enter the tenant ID.'),
    azureClient: required(azure, Boolean(fields.azureClient?.trim()), 'Enter the client ID.'),
    azureClientSecret: required(azure, secrets.azureClientSecret, 'Enter the client secret.'),
    azureCloud: azure ? choiceProblem(fields.azureCloud, AZURE_CLOUDS) : undefined,
  };
}

/** Provisioning can set values that are not in the list. */
function choiceProblem(chosen: string | undefined, possible: Array<{ value: string }>): Problem {
  return !chosen || possible.some(({ value }) => value === chosen)
    ? undefined
    : `Unknown value ${chosen}: choose one from the list.`;
}

/** Parameters that every query sets itself. */
const RESERVED_PARAMETERS = ['query', 'start', 'end', 'step', 'time'];
const BROKEN_ESCAPE = /%(?![0-9A-Fa-f]{2})/;

function parametersProblem(text: string | undefined): Problem {
  if (!text) {
    return undefined;
  }
  if (BROKEN_ESCAPE.test(text) || text.includes(';')) {
    return 'Enter parameters as name=value&other=value, with %25 for %.';
  }
  // URLSearchParams would drop a leading question mark.
  const names = new URLSearchParams(`&${text}`);
  const reserved = RESERVED_PARAMETERS.find((name) => names.has(name));
  if (reserved) {
    return `Remove ${reserved}: every query sets it itself.`;
  }
  const credential = credentialIn(names);
  return (
    credential &&
    `Remove ${credential}: every user of Grafana can read it here. Use basic authentication or a custom HTTP header instead.`
  );
}

const LABEL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

function labelNameProblem(labels: LabelNames, field: keyof LabelNames): Problem {
  const names = labelNamesOf(labels);
  if (!LABEL_NAME.test(names[field])) {
    return 'Use letters, digits and underscores, and no digit first.';
  }
  const other = LABEL_FIELDS.find((candidate) => candidate !== field && names[candidate] === names[field]);
  return other && `The ${other} uses the same label. Choose another one.`;
}

/** Checks the URL of a server. A cloud token requires https. */
export function serverUrlProblem(text: string | undefined, cloud: PrometheusSettings['cloud']): Problem {
  const example = 'http://prometheus:9090';
  if (!text?.trim()) {
    return `Enter the URL of the server, such as ${example}.`;
  }
  const problem = addressProblem(text, example, 'Use basic authentication instead.');
  if (problem) {
    return problem;
  }
  return cloud && new URL(text.trim()).protocol !== 'https:'
    ? 'A cloud token requires https: enter a URL that starts with https://.'
    : undefined;
}
