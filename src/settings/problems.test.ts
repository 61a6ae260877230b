import { countProblem, duplicateProblem, durationProblem, sizeProblem, timeoutProblem, urlProblem } from './problems';

const EXAMPLE = 'http://host:8002/metrics';

it.each([
  { url: 'http://triton:8002/metrics', want: undefined },
  { url: ' https://models.example.com/metrics?format=text ', want: undefined },
  { url: '', want: undefined },
  { url: undefined, want: undefined },
  { url: 'triton/metrics', want: 'Write the whole address' },
  { url: 'triton:8002/metrics', want: 'must start with http://' },
  { url: 'ftp://triton/metrics', want: 'must start with http://' },
  { url: 'file:///etc/passwd', want: 'must start with http://' },
  { url: 'http://user:hunter2@triton:8002/metrics', want: 'user and password' },
  { url: 'http://user@triton:8002/metrics', want: 'user and password' },
  { url: 'http://triton:8002/metrics#top', want: 'after #' },
  { url: 'http://triton:80020/metrics', want: 'Write the whole address' },
])('urlProblem($url)', ({ url, want }) => {
  const problem = urlProblem(url, EXAMPLE);
  expect(problem).toEqual(want && expect.stringContaining(want));
  expect(problem ?? '').not.toContain('hunter2');
});

it('names the other target of the same address', () => {
  const targets = ['http://a/metrics', 'http://b/metrics', ' http://A:80/metrics', ''].map((url, i) => ({
    id: `t${i}`,
    url,
  }));
  expect(duplicateProblem(targets, 0)).toBe('Target 3 has the same address.');
  expect(duplicateProblem(targets, 2)).toBe('Target 1 has the same address.');
  expect(duplicateProblem(targets, 1)).toBeUndefined();
  expect(duplicateProblem([...targets, { id: 't4', url: '' }], 3)).toBeUndefined();
});

it.each([
  { text: '15s', ok: true },
  { text: '', ok: true },
  { text: undefined, ok: true },
  { text: 'soon', ok: false },
  { text: '0s', ok: false },
])('durationProblem($text)', ({ text, ok }) => {
  expect(durationProblem(text) === undefined).toBe(ok);
});

it.each([
  { timeout: '10s', interval: '15s', ok: true },
  { timeout: '15s', interval: '15s', ok: true },
  { timeout: '20s', interval: '15s', ok: false },
  { timeout: '20s', interval: '', ok: true },
  { timeout: '20s', interval: 'soon', ok: true },
  { timeout: 'soon', interval: '15s', ok: false },
])('timeoutProblem($timeout, $interval)', ({ timeout, interval, ok }) => {
  expect(timeoutProblem(timeout, interval) === undefined).toBe(ok);
});

it.each([
  { text: '10GB', ok: true },
  { text: '', ok: true },
  { text: 'ten', ok: false },
])('sizeProblem($text)', ({ text, ok }) => {
  expect(sizeProblem(text) === undefined).toBe(ok);
});

it.each([
  { count: undefined, ok: true },
  { count: 1, ok: true },
  { count: 0, ok: false },
  { count: -1, ok: false },
  { count: 1.5, ok: false },
  { count: NaN, ok: false },
])('countProblem($count)', ({ count, ok }) => {
  expect(countProblem(count) === undefined).toBe(ok);
});
