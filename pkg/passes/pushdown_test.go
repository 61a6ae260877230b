package passes

import (
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
)

func last(metric string, matchers ...plan.Matcher) plan.Node {
	return plan.Last{Of: plan.Select{Metric: metric, Matchers: matchers}}
}

func sum(of plan.Node, by ...string) plan.Node { return plan.Aggregate{Op: plan.Sum, By: by, Of: of} }

// ofModels are two groups, one of which has a name that a regular expression would read otherwise.
var ofModels = plan.Groups{By: []string{"model"}, Values: [][]string{{"b.c"}, {"a"}}}

func TestMatchersAreWrittenWhereThatIsCertain(t *testing.T) {
	t.Parallel()
	minute := time.Minute
	up := plan.Select{Metric: "up"}
	inReplica := plan.Matcher{Label: "replica", Compare: plan.Equal, Value: "r"}
	for want, n := range map[string]plan.Node{
		`up{model=~"a|b\\.c"}`:                                              last("up"),
		`up{replica="r", model=~"a|b\\.c"}`:                                 last("up", inReplica),
		`up{model=~"a|b\\.c"} offset 1m`:                                    plan.Last{Of: up, Before: minute},
		`rate(up{model=~"a|b\\.c"}[1m])`:                                    plan.Rate{Of: up, Window: minute},
		`max_over_time(up{model=~"a|b\\.c"}[1m])`:                           plan.OverTime{Of: up, Window: minute, Reduce: plan.MaxOver},
		`increase(up{model=~"a|b\\.c"}[1h] @ end())`:                        plan.IncreaseOverRange{Of: up},
		`sum_over_time((rate(up{model=~"a|b\\.c"}[1m]))[3m:1m])`:            plan.SumOverTime{Of: plan.Rate{Of: up, Window: minute}, Window: 3 * minute, Every: minute},
		`2 * up{model=~"a|b\\.c"}`:                                          plan.Scale{Of: last("up"), Factor: 2},
		`clamp_min(up{model=~"a|b\\.c"}, 1)`:                                plan.ClampMin{Of: last("up"), Bound: 1},
		`(up{model=~"a|b\\.c"} > 1) == 2`:                                   plan.EqualTo{Of: plan.GreaterThan{Of: last("up"), Than: 1}, Value: 2},
		`time() - up{model=~"a|b\\.c"}`:                                     plan.Age{Of: last("up")},
		`sum by (replica, model) (up{model=~"a|b\\.c"})`:                    sum(last("up"), "replica", "model"),
		`histogram_sum(up{model=~"a|b\\.c"})`:                               plan.HistogramSum{Of: last("up")},
		`histogram_count(up{model=~"a|b\\.c"})`:                             plan.HistogramCount{Of: last("up")},
		`histogram_quantile(0.9, sum by (model, le) (b{model=~"a|b\\.c"}))`: plan.Quantile{Q: 0.9, Of: sum(last("b"), "model", "le")},
		`x{model=~"a|b\\.c"} / y{model=~"a|b\\.c"}`:                         plan.Ratio{Of: last("x"), To: last("y")},
		`x{model=~"a|b\\.c"} or y{model=~"a|b\\.c"}`:                        plan.Union{Of: []plan.Node{last("x"), last("y")}},
		`label_replace(up{model=~"a|b\\.c"}, "part", "1", "", "")`:          plan.SetLabel{Of: last("up"), Label: "part", Value: "1"},
		`label_replace(up{model=~"a|b\\.c"}, "job", "$1", "model", "(.+)")`: plan.Rename{Of: last("up"), From: "model", To: "job"},
		`label_replace(up{model=~"a|b\\.c"}, "job", "x", "model", "m.*")`:   plan.LabelReplace{Of: last("up"), From: "model", To: "job", Match: "m.*", Class: "x"},
		`x{model=~"a|b\\.c"} and on (model, job) y{model=~"a|b\\.c"}`:       plan.SemiJoin{Of: last("x"), On: []string{"model", "job"}, Exists: last("y")},
		`x{model=~"a|b\\.c"} and on (job) y`:                                plan.SemiJoin{Of: last("x"), On: []string{"job"}, Exists: last("y")},
		`x{model=~"a|b\\.c"} unless on (model) y{model=~"a|b\\.c"}`:         plan.AntiJoin{Of: last("x"), On: []string{"model"}, Exists: last("y")},
		`x{model=~"a|b\\.c"} unless on (job) y`:                             plan.AntiJoin{Of: last("x"), On: []string{"job"}, Exists: last("y")},
		// Series of one model depend on those of others, or become them:
		`sum by (job) (up)`:                               sum(last("up"), "job"),
		`group by () (up)`:                                plan.Aggregate{Op: plan.Group, Of: last("up")},
		`up and on (model) topk(1, up)`:                   plan.TopK{Of: last("up"), By: []string{"model"}, K: 1, Rank: last("up")},
		`up unless on (job) topk(1, up)`:                  plan.TopK{Of: last("up"), By: []string{"job"}, K: 1, Rank: last("up"), Rest: true},
		`topk(1, up)`:                                     plan.Highest{K: 1, Of: last("up")},
		`label_replace(up, "model", "m", "", "")`:         plan.SetLabel{Of: last("up"), Label: "model", Value: "m"},
		`label_replace(up, "model", "$1", "job", "(.+)")`: plan.Rename{Of: last("up"), From: "job", To: "model"},
		`label_replace(up, "model", "x", "job", "j.*")`:   plan.LabelReplace{Of: last("up"), From: "job", To: "model", Match: "j.*", Class: "x"},
		`label_replace(vector(1), "model", "m", "", "")`:  plan.Groups{By: []string{"model"}, Values: [][]string{{"m"}}},
	} {
		join := plan.SemiJoin{Of: n, On: []string{"model"}, Exists: ofModels}
		pushed, ok := PushDown(join).(plan.SemiJoin)
		require.True(t, ok)
		require.Equal(t, want, promql.Text(pushed.Of, time.Hour))
		require.Equal(t, join.Exists, pushed.Exists)
		require.Equal(t, join.On, pushed.On)
	}
}

func TestNewCountersAreSelected(t *testing.T) {
	t.Parallel()
	n := plan.NewCounter{Of: plan.Select{Metric: "up"}, Offset: time.Minute, Lookback: time.Hour}
	want := n
	want.Of.Matchers = []plan.Matcher{{Label: "model", Compare: plan.Match, Value: `a|b\.c`}}
	require.Equal(t, want, PushDown(plan.SemiJoin{Of: n, On: []string{"model"}, Exists: ofModels}).(plan.SemiJoin).Of)
}

// A quantile is taken over its bounds, so that none of them may be left out.
func TestBoundsOfHistogramsAreNeverSelected(t *testing.T) {
	t.Parallel()
	n := plan.SemiJoin{
		Of: plan.Quantile{Q: 0.9, Of: last("b")}, On: []string{"le", "model"},
		Exists: plan.Groups{By: []string{"le", "model"}, Values: [][]string{{"1", "m"}}},
	}
	require.Equal(t, `histogram_quantile(0.9, b{model="m"})`, promql.Text(PushDown(n).(plan.SemiJoin).Of, 0))
	n.Of = last("b")
	require.Equal(t, `b{le="1", model="m"}`, promql.Text(PushDown(n).(plan.SemiJoin).Of, 0))
}

func TestOnlyJoinsWithGroupsSelect(t *testing.T) {
	t.Parallel()
	for _, n := range []plan.Node{
		plan.SemiJoin{Of: last("x"), On: []string{"model"}, Exists: last("y")},
		plan.AntiJoin{Of: last("x"), On: []string{"model"}, Exists: ofModels}, // which others there are is unknown
		plan.SemiJoin{Of: last("x"), On: []string{"model"}, Exists: plan.Groups{By: []string{"model"}}},
		plan.SemiJoin{Of: last("x"), On: []string{"__name__"}, Exists: plan.Groups{By: []string{"__name__"}, Values: [][]string{{"up"}}}},
		plan.SemiJoin{Of: last("x"), On: []string{"model"}, Exists: plan.Groups{By: []string{"model"}, Values: [][]string{{"a"}, {"\xff"}}}},
	} {
		require.Equal(t, n, PushDown(n))
	}
}

func TestJoinsWithinAPlanSelect(t *testing.T) {
	t.Parallel()
	join := plan.SemiJoin{Of: sum(last("x"), "model", "job"), On: []string{"model", "job"}, Exists: plan.Groups{By: []string{"model", "job"}, Values: [][]string{{"a", "j"}, {"b", "j"}}}}
	before := promql.Text(join, 0)
	got := PushDown(plan.Ratio{Of: plan.SemiJoin{Of: join, On: []string{"model"}, Exists: ofModels}, To: last("y")}).(plan.Ratio)
	require.Equal(t, last("y"), got.To)
	inner := got.Of.(plan.SemiJoin).Of.(plan.SemiJoin)
	require.Equal(t, `sum by (model, job) (x{model=~"a|b", job="j", model=~"a|b\\.c"})`, promql.Text(inner.Of, 0))
	require.Equal(t, before, promql.Text(join, 0), "the plan given stays as it is")
}

func TestMatchersOfValues(t *testing.T) {
	t.Parallel()
	matcherOf := func(values ...string) *labels.Matcher {
		groups := plan.Groups{By: []string{"model"}}
		for _, v := range values {
			groups.Values = append(groups.Values, []string{v})
		}
		m, ok := oneOf("model", groups, 0)
		require.True(t, ok)
		out, err := promql.Matchers(plan.Select{Matchers: []plan.Matcher{m}})
		require.NoError(t, err)
		require.Len(t, out, 1)
		return out[0]
	}
	require.Equal(t, `model="a.b"`, matcherOf("a.b", "a.b").String())
	require.Equal(t, `model=~"a|b"`, matcherOf("b", "a", "b").String())
	require.True(t, matcherOf("", "a").Matches(""), "series without the label")
	require.True(t, matcherOf("").Matches(""))
	odd := []string{"a|b", "(", "x.y", "模型", "two\nlines", ""}
	for _, v := range odd {
		require.True(t, matcherOf(odd...).Matches(v))
	}
	for _, v := range []string{"a", "b", "xzy", "two lines"} {
		require.False(t, matcherOf(odd...).Matches(v))
	}
}
