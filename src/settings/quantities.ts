const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const UNIT_MILLISECONDS = [365 * DAY, 7 * DAY, DAY, HOUR, MINUTE, SECOND, 1];

/** Milliseconds of a duration in Prometheus's notation, such as 1h30m; undefined if the text is none. */
export function parseDuration(text: string): number | undefined {
  const match = text === '' ? null : DURATION.exec(text);
  if (!match) {
    return undefined;
  }
  return UNIT_MILLISECONDS.reduce((sum, unit, i) => sum + Number(match[i + 1] ?? 0) * unit, 0);
}

const SIZE = /^(\d+(?:\.\d+)?)(?:B|([KMGTPE])i?B)$/;
const SIZE_PREFIXES = 'KMGTPE';
const KIBI = 1024;

/** Bytes of a size, such as 512MB or 10GiB, which both count in powers of 1024; undefined if the text is none. */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text);
  if (!match) {
    return undefined;
  }
  const [, count, prefix] = match;
  return Number(count) * KIBI ** (prefix ? SIZE_PREFIXES.indexOf(prefix) + 1 : 0);
}

const SHARE = /^(\d+(?:\.\d+)?) ?(%?)$/;

/** A share as a number from 0 to 1, from 1% or 0.01; undefined if the text is none. */
export function parseShare(text: string): number | undefined {
  const match = SHARE.exec(text);
  if (!match) {
    return undefined;
  }
  const [, number, percent] = match;
  return percent ? Number(number) / 100 : Number(number);
}
