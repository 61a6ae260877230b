import { TargetSettings } from '../types';
import bounds from './bounds.json';
import {
  authSchemeProblem,
  countProblem,
  duplicateProblem,
  durationProblem,
  profileCountProblem,
  profileNameProblem,
  profileTextProblem,
  sizeProblem,
  targetCountProblem,
  timeoutProblem,
  urlProblem,
  WINDOW_BOUNDS,
} from './problems';

const EXAMPLE = 'http://host:8002/metrics';

it.each([
  { url: 'http://triton:8002/metrics', want: undefined },
  { url: ' https://models.example.com/metrics?format=text ', want: undefined },
  { url: '', want: undefined },
  { url: undefined, want: undefined },
  { url: 'triton/metrics', want: 'Enter the full URL' },
  { url: 'triton:8002/metrics', want: 'must start with http://' },
  { url: 'ftp://triton/metrics', want: 'must start with http://' },
  { url: 'file:///etc/passwd', want: 'must start with http://' },
  { url: 'http://user:hunter2@triton:8002/metrics', want: 'user and password' },
  { url: 'http://user@triton:8002/metrics', want: 'user and password' },
  { url: 'http://triton:8002/metrics?format=x&token=hunter2', want: 'Remove token from the URL' },
  { url: 'http://triton:8002/metrics?API-Key=hunter2', want: 'Enter the API key instead.' },
  { url: 'http://triton:8002/metrics?X-Amz-Signature=hunter2', want: 'every user of Grafana can read it there' },
  { url: 'http://triton:8002/metrics?name=a&collect[]=cpu', want: undefined },
  { url: 'http://triton:8002/metrics#top', want: 'after #' },
  { url: 'http://triton:80020/metrics', want: 'Enter the full URL' },
])('urlProblem($url)', ({ url, want }) => {
  const problem = urlProblem(url, EXAMPLE);
  expect(problem).toEqual(want && expect.stringContaining(want));
  expect(problem ?? '').not.toContain('hunter2');
});

describe('duplicateProblem', () => {
  const targetsAt = (...targets: Array<Partial<TargetSettings>>) =>
    targets.map((target, i): TargetSettings => ({ id: `t${i}`, url: 'http://a/metrics', ...target }));

  it.each([
    { name: 'the same', first: {}, second: {} },
    { name: 'spaces, case and the default port', first: {}, second: { url: ' http://A:80/metrics' } },
    { name: 'no path, which is /metrics', first: { url: 'http://a' }, second: { url: 'http://a/' } },
    { name: 'spaces around labels', first: { deployment: 'vision' }, second: { deployment: ' vision ' } },
    { name: 'an empty label', first: { environment: '' }, second: {} },
    { name: 'no address yet', first: { url: 'host' }, second: { url: 'host' } },
  ])('names the other target: $name', ({ first, second }) => {
    const targets = targetsAt({ url: 'http://other/metrics' }, first, second);
    expect(duplicateProblem(targets, 0)).toBeUndefined();
    expect(duplicateProblem(targets, 1)).toMatch(/^Target 3 has the same URL, environment and deployment/);
    expect(duplicateProblem(targets, 2)).toMatch(/^Target 2 has the same URL, environment and deployment/);
  });

  it.each([
    { name: 'another address', first: {}, second: { url: 'http://b/metrics' } },
    { name: 'another path', first: { url: 'http://a' }, second: { url: 'http://a/export' } },
    { name: 'another environment', first: { environment: 'staging' }, second: { environment: 'production' } },
    { name: 'another deployment', first: {}, second: { deployment: 'vision' } },
    { name: 'nothing typed yet', first: { url: '' }, second: { url: ' ' } },
  ])('allows $name', ({ first, second }) => {
    const targets = targetsAt(first, second);
    expect(duplicateProblem(targets, 0)).toBeUndefined();
    expect(duplicateProblem(targets, 1)).toBeUndefined();
  });
});

it.each([
  { scheme: undefined, ok: true },
  { scheme: '', ok: true },
  { scheme: ' Bearer ', ok: true },
  { scheme: 'Api-Key', ok: true },
  { scheme: 'Bearer hunter2', ok: false },
  { scheme: 'Bearer:', ok: false },
  { scheme: 'AWS4-HMAC-SHA256', ok: true },
  { scheme: '0123456789abcdef0123456789abcdef', ok: false },
])('authSchemeProblem($scheme)', ({ scheme, ok }) => {
  const problem = authSchemeProblem(scheme);
  expect(problem === undefined).toBe(ok);
  expect(problem ?? '').not.toContain('hunter2');
});

it.each([
  { text: '15s', accepted: bounds.interval, want: undefined },
  { text: '', accepted: bounds.interval, want: undefined },
  { text: undefined, accepted: bounds.interval, want: undefined },
  { text: 'soon', accepted: bounds.interval, want: 'Enter a duration' },
  { text: '1s', accepted: bounds.interval, want: undefined },
  { text: '999ms', accepted: bounds.interval, want: 'between 1s and 1h' },
  { text: '1h', accepted: bounds.interval, want: undefined },
  { text: '1h1ms', accepted: bounds.interval, want: 'between 1s and 1h' },
  { text: '59m', accepted: bounds.retentionTime, want: 'between 1h and 100y' },
  { text: '101y', accepted: bounds.retentionTime, want: 'between 1h and 100y' },
  { text: '0s', accepted: WINDOW_BOUNDS, want: 'at least 1ms' },
  { text: '10y', accepted: WINDOW_BOUNDS, want: undefined },
])('durationProblem($text, $accepted)', ({ text, accepted, want }) => {
  expect(durationProblem(text, accepted)).toEqual(want && expect.stringContaining(want));
});

it.each([
  { timeout: '10s', interval: '15s', want: undefined },
  { timeout: '15s', interval: '15s', want: undefined },
  { timeout: '20s', interval: '15s', want: 'not exceed the interval of 15s' },
  { timeout: '20s', interval: '', want: undefined },
  { timeout: '20s', interval: 'soon', want: undefined },
  { timeout: 'soon', interval: '15s', want: 'Enter a duration' },
  { timeout: '6m', interval: '1h', want: 'between 100ms and 5m' },
  { timeout: '50ms', interval: '', want: 'between 100ms and 5m' },
])('timeoutProblem($timeout, $interval)', ({ timeout, interval, want }) => {
  expect(timeoutProblem(timeout, interval)).toEqual(want && expect.stringContaining(want));
});

it.each([
  { text: '10GB', accepted: bounds.retentionSize, want: undefined },
  { text: '', accepted: bounds.retentionSize, want: undefined },
  { text: 'ten', accepted: bounds.retentionSize, want: 'Enter a size' },
  { text: '1023KB', accepted: bounds.retentionSize, want: 'at least 1MB' },
  { text: '1GiB', accepted: bounds.scrapeLimits.bodySize, want: undefined },
  { text: '1025MB', accepted: bounds.scrapeLimits.bodySize, want: 'between 1KB and 1GB' },
  { text: '1000B', accepted: bounds.scrapeLimits.bodySize, want: 'between 1KB and 1GB' },
])('sizeProblem($text, $accepted)', ({ text, accepted, want }) => {
  expect(sizeProblem(text, accepted)).toEqual(want && expect.stringContaining(want));
});

it.each([
  { count: undefined, ok: true },
  { count: 0, ok: true },
  { count: 1, ok: true },
  { count: 1000, ok: true },
  { count: 1001, ok: false },
  { count: -1, ok: false },
  { count: 1.5, ok: false },
  { count: NaN, ok: false },
])('countProblem($count, 1000)', ({ count, ok }) => {
  expect(countProblem(count, { max: 1000 })).toEqual(ok ? undefined : expect.stringContaining('from 1 to 1000'));
});

it('bounds how many targets and profiles there are', () => {
  const targets = Array.from({ length: 1001 }, (_, i) => ({ id: `t${i}`, url: '' }));
  expect(targetCountProblem(targets.slice(1))).toBeUndefined();
  expect(targetCountProblem(targets)).toBe('1001 targets are configured. The maximum is 1000.');
  const profiles = Array.from({ length: 101 }, (_, i) => ({ name: `${i}`, text: '' }));
  expect(profileCountProblem(profiles.slice(1))).toBeUndefined();
  expect(profileCountProblem(profiles)).toBe('101 profiles are configured. The maximum is 100.');
});

it('requires a unique name for each profile', () => {
  const profiles = ['a.yaml', ' ', ' a.yaml ', 'A.yaml', ''].map((name) => ({ name, text: 'id: a' }));
  expect(profileNameProblem(profiles, 0)).toBe('Profile 3 has the same name.');
  expect(profileNameProblem(profiles, 2)).toBe('Profile 1 has the same name.');
  expect(profileNameProblem(profiles, 3)).toBeUndefined();
  expect(profileNameProblem(profiles, 1)).toMatch(/Enter a name/);
  expect(profileNameProblem(profiles, 4)).toMatch(/Enter a name/);
});

it.each([
  { name: 'a text', text: 'id: a', want: undefined },
  { name: 'nothing', text: '', want: 'Enter the profile' },
  { name: 'blanks', text: ' \n', want: 'Enter the profile' },
  { name: 'as much as there may be', text: 'x'.repeat(262_144), want: undefined },
  { name: 'one byte more', text: 'x'.repeat(262_145), want: 'larger than 256KB' },
  { name: 'characters of several bytes', text: 'µ'.repeat(131_073), want: 'larger than 256KB' },
])('profileTextProblem of $name', ({ text, want }) => {
  expect(profileTextProblem(text)).toEqual(want && expect.stringContaining(want));
});
