import { ProfileSettings, TargetSettings } from '../types';
import bounds from './bounds.json';
import { parseDuration, parseSize } from './quantities';

/** What is wrong with an entry, as a sentence for the user; undefined if nothing is. */
export type Problem = string | undefined;

/** What the backend accepts, in the notation of the entry. Both ends are allowed. */
export interface Bounds {
  min: string;
  max?: string;
}

/** The range of a query's rates. */
export const WINDOW_BOUNDS: Bounds = { min: '1ms' };

export function durationProblem(text: string | undefined, accepted: Bounds): Problem {
  const example = 'Enter a duration: a number and a unit, such as 15s, 5m or 15d.';
  return quantityProblem(text, accepted, parseDuration, 'duration', example);
}

/** A scrape that may take longer than the interval would overlap the next one. */
export function timeoutProblem(timeout: string | undefined, interval: string | undefined): Problem {
  const problem = durationProblem(timeout, bounds.scrapeTimeout);
  if (problem || !timeout || !interval) {
    return problem;
  }
  const longest = parseDuration(interval);
  const entered = parseDuration(timeout);
  return longest !== undefined && entered !== undefined && entered > longest
    ? `The timeout must not exceed the interval of ${interval}.`
    : undefined;
}

export function sizeProblem(text: string | undefined, accepted: Bounds): Problem {
  const example = 'Enter a size: a number and a unit, such as 16MB or 10GB.';
  return quantityProblem(text, accepted, parseSize, 'size', example);
}

/** Checks a text that parse turns into a number. Quantity names it, and example explains its notation. */
export function quantityProblem(
  text: string | undefined,
  { min, max }: Bounds,
  parse: (text: string) => number | undefined,
  quantity: string,
  example: string
): Problem {
  if (!text) {
    return undefined;
  }
  const value = parse(text);
  if (value === undefined) {
    return example;
  }
  if (value >= parse(min)! && (max === undefined || value <= parse(max)!)) {
    return undefined;
  }
  return `The ${quantity} must be ${max === undefined ? `at least ${min}` : `between ${min} and ${max}`}.`;
}

/** Zero stands for the default, as an empty field does. */
export function countProblem(count: number | undefined, { max }: { max: number }): Problem {
  return count === undefined || (Number.isInteger(count) && count >= 0 && count <= max)
    ? undefined
    : `Enter a whole number from 1 to ${max}, or leave the field empty.`;
}

export function urlProblem(text: string | undefined, example: string, instead = 'Enter the API key instead.'): Problem {
  if (!text?.trim()) {
    return undefined;
  }
  const problem = addressProblem(text, example, instead);
  if (!problem && new URL(text.trim()).hash) {
    return 'Remove the part after # from the URL: it has no effect.';
  }
  return problem;
}

/** Checks a URL. Instead names what replaces credentials in it. */
export function addressProblem(text: string, example: string, instead: string): Problem {
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    return `Enter the full URL, such as ${example}.`;
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return `The URL must start with http:// or https://, such as ${example}.`;
  }
  if (url.username || url.password) {
    return `Remove the user and password from the URL: it is not stored encrypted. ${instead}`;
  }
  const parameter = credentialIn(url.searchParams);
  return parameter && `Remove ${parameter} from the URL: every user of Grafana can read it there. ${instead}`;
}

const { parts: CREDENTIAL_PARTS, names: CREDENTIAL_NAMES } = bounds.credentialParameters;

/** The name of the first parameter that is named as credentials are. The backend compares names in the same way. */
export function credentialIn(parameters: URLSearchParams): string | undefined {
  return [...parameters.keys()].sort().find((name) => {
    const plain = name.trim().toLowerCase().replace(/[-_.]/g, '');
    return CREDENTIAL_NAMES.includes(plain) || CREDENTIAL_PARTS.some((part) => plain.includes(part));
  });
}

const AUTHORIZATION_SCHEME = /^[A-Za-z0-9_-]{1,24}$/;

/** Users paste the key here, where it would not be encrypted. */
export function authSchemeProblem(scheme: string | undefined): Problem {
  return !scheme?.trim() || AUTHORIZATION_SCHEME.test(scheme.trim())
    ? undefined
    : 'Enter one word, such as Bearer, Api-Key or Token. Enter the key itself as the API key.';
}

/** Names the other target, counted from 1, that has the same URL, environment and deployment. */
export function duplicateProblem(targets: TargetSettings[], index: number): Problem {
  const place = placeOf(targets[index]);
  const other = targets.findIndex((target, i) => i !== index && place !== undefined && placeOf(target) === place);
  return other < 0
    ? undefined
    : `Target ${other + 1} has the same URL, environment and deployment: requests would be counted twice.`;
}

function placeOf({ url, environment, deployment }: TargetSettings): string | undefined {
  return url.trim() === ''
    ? undefined
    : JSON.stringify([scrapedUrl(url.trim()), environment?.trim() ?? '', deployment?.trim() ?? '']);
}

/** The URL that is scraped: without a path, that is /metrics. */
function scrapedUrl(address: string): string {
  try {
    const url = new URL(address);
    url.pathname = url.pathname === '/' ? '/metrics' : url.pathname;
    return url.href;
  } catch {
    return address;
  }
}

export function targetCountProblem(targets: TargetSettings[]): Problem {
  return tooManyProblem('targets', targets.length, bounds.targets);
}

export function profileCountProblem(profiles: ProfileSettings[]): Problem {
  return tooManyProblem('profiles', profiles.length, bounds.profiles);
}

export function tooManyProblem(what: string, count: number, { max }: { max: number }): Problem {
  return count > max ? `${count} ${what} are configured. The maximum is ${max}.` : undefined;
}

export function profileNameProblem(profiles: ProfileSettings[], index: number): Problem {
  const name = profiles[index].name.trim();
  if (!name) {
    return 'Enter a name, such as features.yaml. Messages about mistakes in the profile show it.';
  }
  const other = profiles.findIndex((profile, i) => i !== index && profile.name.trim() === name);
  return other < 0 ? undefined : `Profile ${other + 1} has the same name.`;
}

export function profileTextProblem(text: string): Problem {
  if (!text.trim()) {
    return 'Enter the profile as YAML, or remove it.';
  }
  const { max } = bounds.profileSize;
  return new TextEncoder().encode(text).length > parseSize(max)! ? `The profile is larger than ${max}.` : undefined;
}
