package promql

import (
	"math/rand/v2"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
)

func TestMatchers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of   plan.Select
		want []*labels.Matcher
	}{
		{plan.Select{}, nil},
		{plan.Select{Metric: "up", Layer: "gateway"}, []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "__name__", "up")}},
		{plan.Select{Metric: "up", Matchers: []plan.Matcher{
			{Label: "a", Compare: plan.Equal, Value: "x"}, {Label: "b", Compare: plan.NotEqual, Value: ""},
			{Label: "c", Compare: plan.Match, Value: "x|y.+"}, {Label: "c", Compare: plan.NotMatch, Value: "yz"},
		}}, []*labels.Matcher{
			labels.MustNewMatcher(labels.MatchEqual, "__name__", "up"),
			labels.MustNewMatcher(labels.MatchEqual, "a", "x"), labels.MustNewMatcher(labels.MatchNotEqual, "b", ""),
			labels.MustNewMatcher(labels.MatchRegexp, "c", "x|y.+"), labels.MustNewMatcher(labels.MatchNotRegexp, "c", "yz"),
		}},
	} {
		got, err := Matchers(c.of)
		require.NoError(t, err)
		require.Equal(t, texts(c.want), texts(got))
	}
}

func texts(of []*labels.Matcher) (out []string) {
	for _, m := range of {
		out = append(out, m.String())
	}
	return out
}

func TestMatchersOfAnInvalidExpression(t *testing.T) {
	t.Parallel()
	_, err := Matchers(plan.Select{Metric: "up", Matchers: []plan.Matcher{{Label: "model", Compare: plan.Match, Value: "("}}})
	require.ErrorContains(t, err, `the selector up{model=~"("} is invalid`)
}

// Prometheus's own parser reads the same matchers from a selection's text.
func TestMatchersAreThoseOfTheSelector(t *testing.T) {
	t.Parallel()
	for seed := range uint64(1000) {
		s := randomPlan{rand.New(rand.NewPCG(seed, 3))}.selection()
		want, err := parser.NewParser(parser.Options{}).ParseMetricSelector(Selector(s))
		require.NoError(t, err)
		got, err := Matchers(s)
		require.NoError(t, err)
		require.ElementsMatch(t, texts(want), texts(got))
	}
}
