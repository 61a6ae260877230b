import { ProfileSettings, TargetSettings } from '../types';
import { parseDuration, parseSize } from './quantities';

/** What is wrong with an entry, as a sentence for who typed it; undefined where nothing is. */
export type Problem = string | undefined;

/** What the backend takes, in the notation of the entry. Both ends are allowed. */
export interface Range {
  least: string;
  most?: string;
}

export const INTERVAL_RANGE: Range = { least: '1s', most: '1h' };
const TIMEOUT_RANGE: Range = { least: '100ms', most: '5m' };
export const RETENTION_TIME_RANGE: Range = { least: '1h', most: '100y' };
export const RETENTION_SIZE_RANGE: Range = { least: '1MB' };
export const BODY_SIZE_RANGE: Range = { least: '1KB', most: '1GB' };
/** What the rates of a query are taken over. */
export const WINDOW_RANGE: Range = { least: '1ms' };

const MOST_TARGETS = 1000;
const MOST_PROFILES = 100;
const MOST_PROFILE_KILOBYTES = 256;

export function durationProblem(text: string | undefined, range: Range): Problem {
  const example = 'Write a duration as a number and a unit, such as 15s, 5m or 15d.';
  return quantityProblem(text, range, parseDuration, 'duration', example);
}

/** A scrape that may take longer than the interval would overlap the next one. */
export function timeoutProblem(timeout: string | undefined, interval: string | undefined): Problem {
  const problem = durationProblem(timeout, TIMEOUT_RANGE);
  if (problem || !timeout || !interval) {
    return problem;
  }
  const longest = parseDuration(interval);
  const asked = parseDuration(timeout);
  return longest !== undefined && asked !== undefined && asked > longest
    ? `The time-out must not be longer than the interval of ${interval}.`
    : undefined;
}

export function sizeProblem(text: string | undefined, range: Range): Problem {
  const example = 'Write a size as a number and a unit, such as 16MB or 10GB.';
  return quantityProblem(text, range, parseSize, 'size', example);
}

/** Checks a text that parse makes a number of; example says how it is written, quantity what it is. */
export function quantityProblem(
  text: string | undefined,
  { least, most }: Range,
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
  if (value >= parse(least)! && (most === undefined || value <= parse(most)!)) {
    return undefined;
  }
  const bounds = most === undefined ? `at least ${least}` : `between ${least} and ${most}`;
  return `The ${quantity} must be ${bounds}.`;
}

/** Zero asks for the default, as an empty field does. */
export function countProblem(count: number | undefined, most: number): Problem {
  return count === undefined || (Number.isInteger(count) && count >= 0 && count <= most)
    ? undefined
    : `Write a whole number from 1 to ${most}, or leave it empty.`;
}

export function urlProblem(text: string | undefined, example: string): Problem {
  if (!text?.trim()) {
    return undefined;
  }
  const problem = addressProblem(text, example, 'Set the API key instead.');
  if (!problem && new URL(text.trim()).hash) {
    return 'Take the part after # out of the address: it has no meaning here.';
  }
  return problem;
}

/** What is wrong with an address; instead says what to do in place of a user and a password in it. */
export function addressProblem(text: string, example: string, instead: string): Problem {
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    return `Write the whole address, such as ${example}.`;
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return `The address must start with http:// or https://, such as ${example}.`;
  }
  return url.username || url.password
    ? `Take the user and password out of the address: it is not kept secret. ${instead}`
    : undefined;
}

const AUTHORIZATION_SCHEME = /^[A-Za-z0-9_-]{1,64}$/;

/** People paste the key here, where it would not be kept secret. */
export function authSchemeProblem(scheme: string | undefined): Problem {
  return !scheme?.trim() || AUTHORIZATION_SCHEME.test(scheme.trim())
    ? undefined
    : 'Write one word, such as Bearer, Api-Key or Token. The key itself goes into the API key.';
}

/** Which other target, counted from 1, reads the same page under the same environment and deployment. */
export function duplicateProblem(targets: TargetSettings[], index: number): Problem {
  const place = placeOf(targets[index]);
  const other = targets.findIndex((target, i) => i !== index && place !== undefined && placeOf(target) === place);
  return other < 0
    ? undefined
    : `Target ${other + 1} has the same address, environment and deployment: its requests would be counted twice.`;
}

function placeOf({ url, environment, deployment }: TargetSettings): string | undefined {
  return url.trim() === ''
    ? undefined
    : JSON.stringify([pageOf(url.trim()), environment?.trim() ?? '', deployment?.trim() ?? '']);
}

/** The page that is read for an address: without a path, that is /metrics. */
function pageOf(address: string): string {
  try {
    const url = new URL(address);
    url.pathname = url.pathname === '/' ? '/metrics' : url.pathname;
    return url.href;
  } catch {
    return address;
  }
}

export function targetCountProblem(targets: TargetSettings[]): Problem {
  return tooManyProblem('targets', targets.length, MOST_TARGETS);
}

export function profileCountProblem(profiles: ProfileSettings[]): Problem {
  return tooManyProblem('profiles', profiles.length, MOST_PROFILES);
}

export function tooManyProblem(what: string, count: number, most: number): Problem {
  return count > most ? `There are ${count} ${what}; at most ${most} are possible.` : undefined;
}

export function profileNameProblem(profiles: ProfileSettings[], index: number): Problem {
  const name = profiles[index].name.trim();
  if (!name) {
    return 'Give the profile a name, such as features.yaml: messages about its mistakes begin with it.';
  }
  const other = profiles.findIndex((profile, i) => i !== index && profile.name.trim() === name);
  return other < 0 ? undefined : `Profile ${other + 1} has the same name.`;
}

export function profileTextProblem(text: string): Problem {
  if (!text.trim()) {
    return 'Write the profile as YAML, or remove it.';
  }
  return new TextEncoder().encode(text).length > MOST_PROFILE_KILOBYTES * 1024
    ? `The profile is larger than ${MOST_PROFILE_KILOBYTES} kB.`
    : undefined;
}
