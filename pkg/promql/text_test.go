package promql

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
)

func TestTextOfRandomPlansComesBack(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		r := randomPlan{rand.New(rand.NewPCG(seed, 7))}
		n := r.node(r.IntN(5))
		span := r.window()
		text := Text(n, span)
		back := readBack{t, max(span, time.Second)}.node(parse(t, text))
		require.Equal(t, n, back, "seed %d: %s", seed, text)
	}
}

func TestTextOfEveryNode(t *testing.T) {
	t.Parallel()
	up := plan.Select{Metric: "up", Matchers: []plan.Matcher{{Label: "job", Compare: plan.Equal, Value: `a"b`}}}
	sum := plan.Aggregate{Op: plan.Sum, By: []string{"model", "version"}, Of: plan.Last{Of: up}}
	for text, n := range map[string]plan.Node{
		`up{job="a\"b"}`:                           plan.Last{Of: up},
		`rate(up{job="a\"b"}[1m30s])`:              plan.Rate{Of: up, Window: 90 * time.Second},
		`increase(up{job="a\"b"}[1h] @ end())`:     plan.IncreaseOverRange{Of: up},
		`max_over_time(up{job="a\"b"}[5m])`:        plan.OverTime{Of: up, Window: 5 * time.Minute, Reduce: plan.MaxOver},
		`sum by (model, version) (up{job="a\"b"})`: sum,
		`histogram_quantile(0.95, up)`:             plan.Quantile{Q: 0.95, Of: plan.Last{Of: plan.Select{Metric: "up"}}},
		`a / (b / c)`:                              plan.Ratio{Of: last("a"), To: plan.Ratio{Of: last("b"), To: last("c")}},
		`1e-06 * a`:                                plan.Scale{Of: last("a"), Factor: 1e-6},
		`a > 0`:                                    plan.GreaterThan{Of: last("a")},
		`2 * (((a - last_over_time(a[1h] offset 15s)) >= 0 or a) unless a offset 15s)`: plan.Scale{Factor: 2,
			Of: plan.NewCounter{Of: plan.Select{Metric: "a"}, Offset: 15 * time.Second, Lookback: time.Hour}},
		`increase(a[1h] @ 1700000000.123)`:                  plan.IncreaseOverRange{Of: plan.Select{Metric: "a"}, End: time.UnixMilli(1_700_000_000_123)},
		`increase(a[1h] @ 1700000000)`:                      plan.IncreaseOverRange{Of: plan.Select{Metric: "a"}, End: time.UnixMilli(1_700_000_000_000)},
		`topk(3, a)`:                                        plan.Highest{K: 3, Of: last("a")},
		`2 * topk(3, a)`:                                    plan.Scale{Factor: 2, Of: plan.Highest{K: 3, Of: last("a")}},
		`vector(1)`:                                         plan.Groups{Values: [][]string{{}}},
		`a and on (model) (vector(1) > 1)`:                  plan.SemiJoin{Of: last("a"), On: []string{"model"}, Exists: plan.Groups{By: []string{"model"}}},
		`label_replace(vector(1), "model", "x$$y", "", "")`: plan.Groups{By: []string{"model"}, Values: [][]string{{"x$y"}}},
		`a unless on (m, v) (label_replace(label_replace(vector(1), "m", "a", "", ""), "v", "1", "", "")` +
			` or (label_replace(label_replace(vector(1), "m", "b", "", ""), "v", "2", "", "") or label_replace(label_replace(vector(1), "m", "c", "", ""), "v", "", "", "")))`: plan.AntiJoin{
			Of: last("a"), On: []string{"m", "v"}, Exists: plan.Groups{By: []string{"m", "v"}, Values: [][]string{{"a", "1"}, {"b", "2"}, {"c", ""}}}},
		`a == 0`:                          plan.EqualTo{Of: last("a")},
		`a offset 30s`:                    plan.Last{Of: plan.Select{Metric: "a"}, Before: 30 * time.Second},
		`a offset -30s`:                   plan.Last{Of: plan.Select{Metric: "a"}, Before: -30 * time.Second},
		`sum_over_time((a or b)[1h:15s])`: plan.SumOverTime{Of: plan.Union{Of: []plan.Node{last("a"), last("b")}}, Window: time.Hour, Every: 15 * time.Second},
		`a or (b or c)`:                   plan.Union{Of: []plan.Node{last("a"), plan.Union{Of: []plan.Node{last("b"), last("c")}}}},
		`label_replace(a, "status", "x$$y", "", "")`:       plan.SetLabel{Of: last("a"), Label: "status", Value: "x$y"},
		`label_replace(a, "code", "$1", "reason", "(.+)")`: plan.Rename{Of: last("a"), From: "reason", To: "code"},
		`a and on (model) topk(5, b)`:                      plan.TopK{Of: last("a"), By: []string{"model"}, K: 5, Rank: last("b")},
		`a unless on (model) topk(5, b)`:                   plan.TopK{Of: last("a"), By: []string{"model"}, K: 5, Rank: last("b"), Rest: true},
		`a unless on (job, instance) b`:                    plan.AntiJoin{Of: last("a"), On: []string{"job", "instance"}, Exists: last("b")},
		`a and on (job, instance) b`:                       plan.SemiJoin{Of: last("a"), On: []string{"job", "instance"}, Exists: last("b")},
	} {
		require.Equal(t, text, Text(n, time.Hour))
	}
}

func last(metric string) plan.Node { return plan.Last{Of: plan.Select{Metric: metric}} }

// A total over no time at all would not be PromQL.
func TestTotalsHaveASpan(t *testing.T) {
	t.Parallel()
	for span, want := range map[time.Duration]string{0: "1s", -time.Hour: "1s", 1: "1s", time.Minute + 1: "1m", 10 * 365 * 24 * time.Hour: "10y"} {
		text := Text(plan.IncreaseOverRange{Of: plan.Select{Metric: "m"}}, span)
		require.Equal(t, fmt.Sprintf("increase(m[%s] @ end())", want), text)
		parse(t, text)
	}
}

func TestUnknownNodesPanic(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { Text(nil, time.Hour) })
}

// What a selector matches is exactly the value that was given, whatever it is made of.
func TestSelectorMatchesAwkwardValuesLiterally(t *testing.T) {
	t.Parallel()
	all := append(append([]string{}, awkward...), invalidUTF8...)
	for _, value := range all {
		s := Selector(plan.Select{Metric: "m", Matchers: []plan.Matcher{{Label: "model", Compare: plan.Equal, Value: value}}})
		matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(s)
		require.NoError(t, err, s)
		for _, other := range all {
			matches := true
			for _, m := range matchers {
				matches = matches && m.Matches(labels.FromStrings(model.MetricNameLabel, "m", "model", other).Get(m.Name))
			}
			require.Equal(t, value == other, matches, "%q and %q", value, other)
		}
	}
}
