package passes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// ranker returns one result for every ranking, and notes which it evaluated.
type ranker struct {
	result   series.Result
	err      error
	rankings []string
}

func (r *ranker) rank(_ context.Context, n plan.Node) (series.Result, error) {
	r.rankings = append(r.rankings, promql.Text(n, time.Hour))
	return r.result, r.err
}

// resultOf has a series for each row of the values of the labels model and version.
func resultOf(rows ...[]string) (out series.Result) {
	for _, row := range rows {
		out.Series = append(out.Series, series.Series{Labels: map[string]string{"model": row[0], "version": row[1]}, Times: []int64{1}, Values: []float64{1}})
	}
	return out
}

func total(by ...string) plan.Node {
	return sum(plan.IncreaseOverRange{Of: plan.Select{Metric: "requests"}}, by...)
}

func topOf(of plan.Node, k int, by ...string) plan.TopK {
	return plan.TopK{Of: of, By: by, K: k, Rank: total(by...)}
}

func restOf(of plan.Node, k int, by ...string) plan.TopK {
	out := topOf(of, k, by...)
	out.Rest = true
	return out
}

func TestTopGroupsAreNamed(t *testing.T) {
	t.Parallel()
	r := &ranker{result: resultOf([]string{"b", "1"}, []string{"a", "2"}, []string{"a", "1"})}
	named, err := NameTopGroups(t.Context(), topOf(last("up"), 3, "model", "version"), r.rank)
	require.NoError(t, err)
	groups := plan.Groups{By: []string{"model", "version"}, Values: [][]string{{"a", "1"}, {"a", "2"}, {"b", "1"}}}
	require.Equal(t, plan.SemiJoin{Of: last("up"), On: []string{"model", "version"}, Exists: groups}, named)
	require.Equal(t, []string{`topk(3, sum by (model, version) (increase(requests[1h] @ end())))`}, r.rankings)

	slices.Reverse(r.result.Series)
	again, err := NameTopGroups(t.Context(), topOf(last("up"), 3, "model", "version"), r.rank)
	require.NoError(t, err)
	require.Equal(t, named, again, "whatever order the groups come in")

	named, err = NameTopGroups(t.Context(), topOf(last("up"), 3, "model"), r.rank)
	require.NoError(t, err)
	require.Equal(t, [][]string{{"a"}, {"b"}}, named.(plan.SemiJoin).Exists.(plan.Groups).Values, "each group once")
}

func TestTheRestAreAllOthers(t *testing.T) {
	t.Parallel()
	r := &ranker{result: resultOf([]string{"a", "1"})}
	named, err := NameTopGroups(t.Context(), restOf(last("up"), 1, "model"), r.rank)
	require.NoError(t, err)
	require.Equal(t, plan.AntiJoin{Of: last("up"), On: []string{"model"}, Exists: plan.Groups{By: []string{"model"}, Values: [][]string{{"a"}}}}, named)
}

func TestEachRankingIsEvaluatedOnce(t *testing.T) {
	t.Parallel()
	r := &ranker{result: resultOf([]string{"a", "1"})}
	n := plan.Union{Of: []plan.Node{
		topOf(last("x"), 1, "model"), sum(restOf(last("y"), 1, "model")), topOf(topOf(last("z"), 1, "model"), 1, "model"),
	}}
	named, err := NameTopGroups(t.Context(), n, r.rank)
	require.NoError(t, err)
	require.Len(t, r.rankings, 1)
	require.False(t, plan.Any(named, func(n plan.Node) bool { _, is := n.(plan.TopK); return is }))

	r.rankings = nil
	byOther := topOf(last("x"), 1, "model")
	byOther.By = []string{"version"}
	_, err = NameTopGroups(t.Context(), plan.Union{Of: []plan.Node{
		topOf(last("x"), 1, "model"), topOf(last("x"), 2, "model"), topOf(last("x"), 1, "model", "version"), byOther,
	}}, r.rank)
	require.NoError(t, err)
	require.Len(t, r.rankings, 4, "another number, ranking or label is another question")
}

func TestRankingsWithinRankingsAreNamedFirst(t *testing.T) {
	t.Parallel()
	r := &ranker{result: resultOf([]string{"a", "1"})}
	n := plan.TopK{Of: last("up"), By: []string{"model"}, K: 1, Rank: restOf(total("model"), 2, "model")}
	_, err := NameTopGroups(t.Context(), n, r.rank)
	require.NoError(t, err)
	require.Equal(t, []string{
		`topk(2, sum by (model) (increase(requests[1h] @ end())))`,
		`topk(1, sum by (model) (increase(requests[1h] @ end())) unless on (model) label_replace(vector(1), "model", "a", "", ""))`,
	}, r.rankings)
}

func TestNoGroups(t *testing.T) {
	t.Parallel()
	r := &ranker{}
	named, err := NameTopGroups(t.Context(), topOf(last("up"), 1, "model"), r.rank)
	require.NoError(t, err)
	require.Equal(t, plan.SemiJoin{Of: last("up"), On: []string{"model"}, Exists: plan.Groups{By: []string{"model"}}}, named)
}

func TestGroupsThatCannotBeNamed(t *testing.T) {
	t.Parallel()
	many := func(n int) (out series.Result) {
		for i := range n {
			out.Series = append(out.Series, resultOf([]string{fmt.Sprint(i), "1"}).Series...)
		}
		return out
	}
	partial := many(1)
	partial.Warnings = []string{"a part"}
	n := sum(topOf(last("up"), 1000, "model"), "model")
	for _, result := range []series.Result{partial, many(maxGroups + 1)} {
		r := &ranker{result: result}
		got, err := NameTopGroups(t.Context(), n, r.rank)
		require.NoError(t, err)
		require.Equal(t, n, got)
	}
	r := &ranker{result: many(maxGroups)}
	got, err := NameTopGroups(t.Context(), n, r.rank)
	require.NoError(t, err)
	require.NotEqual(t, n, got)
}

// The groups at the end of the range are not those of the steps before it.
func TestRankingsOfEachStepStay(t *testing.T) {
	t.Parallel()
	requests := plan.Select{Metric: "requests"}
	for _, of := range []plan.Node{
		last("requests"),
		plan.Rate{Of: requests, Window: time.Minute},
		plan.NewCounter{Of: requests, Offset: time.Minute, Lookback: time.Hour},
		plan.OverTime{Of: requests, Window: time.Minute, Reduce: plan.MaxOver},
		plan.SumOverTime{Of: total("model"), Window: time.Hour, Every: time.Minute},
		plan.Age{Of: total("model")},
		plan.SemiJoin{Of: total("model"), On: []string{"model"}, Exists: last("up")},
	} {
		r := &ranker{result: resultOf([]string{"a", "1"})}
		n := plan.TopK{Of: last("up"), By: []string{"model"}, K: 1, Rank: sum(of, "model")}
		got, err := NameTopGroups(t.Context(), n, r.rank)
		require.NoError(t, err)
		require.Equal(t, n, got)
		require.Empty(t, r.rankings)
	}
}

func TestFailedRankings(t *testing.T) {
	t.Parallel()
	r := &ranker{err: errors.New("it died")}
	_, err := NameTopGroups(t.Context(), plan.Ratio{Of: topOf(last("x"), 1, "model"), To: topOf(last("y"), 2, "model")}, r.rank)
	require.ErrorIs(t, err, r.err)
	require.Len(t, r.rankings, 1, "the first failure ends it")
}

func TestDependsOnRange(t *testing.T) {
	t.Parallel()
	up := plan.Select{Metric: "up"}
	whole, at := plan.IncreaseOverRange{Of: up}, plan.IncreaseOverRange{Of: up, End: time.Unix(1, 0)}
	future := plan.Last{Of: up, Before: -time.Second}
	for _, n := range []plan.Node{
		last("up"), plan.Last{Of: up, Before: time.Minute}, plan.Rate{Of: up, Window: time.Minute}, plan.NewCounter{Of: up, Offset: time.Minute, Lookback: time.Hour},
		plan.OverTime{Of: up, Window: time.Minute, Reduce: plan.MeanOver}, at, ofModels,
	} {
		require.False(t, DependsOnRange(n), "%T", n)
	}
	require.True(t, DependsOnRange(whole))
	require.True(t, DependsOnRange(future))
	around := func(n plan.Node) []plan.Node {
		other := last("up")
		return []plan.Node{
			plan.Aggregate{Op: plan.Sum, Of: n}, plan.Quantile{Q: 0.5, Of: n}, plan.HistogramSum{Of: n}, plan.HistogramCount{Of: n},
			plan.Ratio{Of: n, To: other}, plan.Ratio{Of: other, To: n}, plan.Scale{Of: n, Factor: 2}, plan.GreaterThan{Of: n}, plan.EqualTo{Of: n},
			plan.SumOverTime{Of: n, Window: time.Hour, Every: time.Minute}, plan.ClampMin{Of: n}, plan.Union{Of: []plan.Node{other, n}},
			plan.SetLabel{Of: n, Label: "a"}, plan.Rename{Of: n, From: "a", To: "b"}, plan.LabelReplace{Of: n, From: "a", To: "b"}, plan.Age{Of: n},
			plan.Highest{K: 1, Of: n}, plan.TopK{Of: n, K: 1, Rank: other}, plan.TopK{Of: other, K: 1, Rank: n},
			plan.SemiJoin{Of: n, Exists: other}, plan.SemiJoin{Of: other, Exists: n}, plan.AntiJoin{Of: n, Exists: other}, plan.AntiJoin{Of: other, Exists: n},
		}
	}
	for _, n := range around(whole) {
		require.True(t, DependsOnRange(n), "%#v", n)
	}
	for _, n := range around(future) {
		require.True(t, DependsOnRange(n), "%#v", n)
	}
	for _, n := range around(at) {
		require.False(t, DependsOnRange(n), "%#v", n)
	}
}
