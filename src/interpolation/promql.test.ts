import { DashboardTemplateSrv } from '../testing/templateSrv';
import { interpolatePromql } from './promql';

const templateSrv = new DashboardTemplateSrv([
  { name: 'one', value: 'a.b' },
  { name: 'quoted', value: 'say "hi", it\'s\n\\d' },
  { name: 'some', value: ['a.b', 'c|d'], multi: true },
  { name: 'only', value: ['a.b'], multi: true },
  { name: 'chosen', value: 'a.b', includeAll: true },
  { name: 'every', value: '$__all', options: ['x', 'y'], includeAll: true },
  { name: 'custom', value: '$__all', options: ['x'], allValue: '.+', includeAll: true },
  { name: 'none', value: [], multi: true },
]);

it.each([
  { name: 'one value as it is', expr: 'm{a="$one"}', want: 'm{a="a.b"}' },
  {
    name: 'quotes, newlines and backslashes',
    expr: 'm{a="$quoted"}',
    want: 'm{a="say \\x22hi\\x22, it\\x27s\\n\\\\d"}',
  },
  { name: 'several values as alternatives', expr: 'm{a=~"$some"}', want: 'm{a=~"(a\\\\.b|c\\\\|d)"}' },
  { name: 'one of several values', expr: 'm{a=~"$only"}', want: 'm{a=~"a\\\\.b"}' },
  { name: 'one value of a variable that has All', expr: 'm{a=~"$chosen"}', want: 'm{a=~"a\\\\.b"}' },
  { name: 'All', expr: 'm{a=~"$every"}', want: 'm{a=~"(x|y)"}' },
  { name: 'a custom All value', expr: 'm{a=~"$custom"}', want: 'm{a=~".+"}' },
  { name: 'no value matches nothing', expr: 'm{a=~"$none"}', want: 'm{a=~"[^\\\\x00-\\\\x{10FFFF}]"}' },
  { name: 'an explicit format', expr: 'm{a=~"${some:pipe}"}', want: 'm{a=~"a.b|c|d"}' },
  { name: "the backend's own macros", expr: 'rate(m[$__rate_interval])', want: 'rate(m[$__rate_interval])' },
])('$name', ({ expr, want }) => {
  expect(interpolatePromql(templateSrv, expr, {})).toBe(want);
});
