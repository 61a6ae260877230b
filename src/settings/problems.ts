import { TargetSettings } from '../types';
import { isSize, parseDuration } from './quantities';

/** What is wrong with an entry, as a sentence for who typed it; undefined where nothing is. */
export type Problem = string | undefined;

export function durationProblem(text: string | undefined): Problem {
  if (!text) {
    return undefined;
  }
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined) {
    return 'Write a duration as a number and a unit, such as 15s, 5m or 15d.';
  }
  return milliseconds === 0 ? 'The duration must be above zero.' : undefined;
}

/** A scrape that may take longer than the interval would overlap the next one. */
export function timeoutProblem(timeout: string | undefined, interval: string | undefined): Problem {
  const problem = durationProblem(timeout);
  if (problem || !timeout || !interval) {
    return problem;
  }
  const longest = parseDuration(interval);
  const asked = parseDuration(timeout);
  return longest !== undefined && asked !== undefined && asked > longest
    ? `The time-out must not be longer than the interval of ${interval}.`
    : undefined;
}

export function sizeProblem(text: string | undefined): Problem {
  return !text || isSize(text) ? undefined : 'Write a size as a number and a unit, such as 16MB or 10GB.';
}

export function countProblem(count: number | undefined): Problem {
  return count === undefined || (Number.isInteger(count) && count > 0)
    ? undefined
    : 'Write a whole number above zero, or leave it empty.';
}

export function urlProblem(text: string | undefined, example: string): Problem {
  if (!text?.trim()) {
    return undefined;
  }
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    return `Write the whole address, such as ${example}.`;
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return `The address must start with http:// or https://, such as ${example}.`;
  }
  if (url.username || url.password) {
    return 'Take the user and password out of the address: it is not kept secret. Set the API key instead.';
  }
  if (url.hash) {
    return 'Take the part after # out of the address: it has no meaning here.';
  }
  return undefined;
}

/** Which other target, counted from 1, has the same address. */
export function duplicateProblem(targets: TargetSettings[], index: number): Problem {
  const address = sameAddress(targets[index].url);
  const other = targets.findIndex(({ url }, i) => i !== index && address !== '' && sameAddress(url) === address);
  return other < 0 ? undefined : `Target ${other + 1} has the same address.`;
}

function sameAddress(url: string): string {
  try {
    return new URL(url.trim()).href;
  } catch {
    return url.trim();
  }
}
