package analysis

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/distribution"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

func TestLeastColdOfSummaries(t *testing.T) {
	identity := map[string]signal.Label{"name": signal.Model, "pod": signal.Replica}
	one := func(model, replica string, values ...float64) series.Series {
		s := series.Series{Labels: map[string]string{"name": model, "pod": replica, "quantile": "x"}}
		for i, v := range values {
			s.Times, s.Values = append(s.Times, int64(i+1)*1000), append(s.Values, v)
		}
		return s
	}
	exact := func(float64) float64 { return 0 }
	quantiles := map[float64][]series.Series{
		0.5:  {one("a", "1", .04, .04, .04), one("a", "2", .04, .04), one("b", "1", .04)},
		0.9:  {one("a", "2", .05, 3), one("b", "1", .04)},
		0.95: {one("a", "1", 3, 3, .05), one("a", "2", .05, 3)},
		0.99: {one("a", "2", 3, 3), one("b", "1", .05)},
	}
	shares, newest := LeastCold(quantiles, identity, exact, []signal.Label{signal.Model})
	require.Len(t, shares, 1, "nothing jumps in b")
	require.Equal(t, map[string]string{"model": "a"}, shares[0].Labels)
	require.Equal(t, []int64{1000, 2000}, shares[0].Times, "at the third time nothing jumps")
	require.InDeltaSlice(t, []float64{.01, .05}, shares[0].Values, 1e-12, "the lowest of the replicas")
	require.Len(t, newest, 1)
	require.InDelta(t, .05, newest[0].Lower, 1e-12)
	require.InDelta(t, .5, newest[0].Upper, 1e-12)

	off := func(q float64) float64 { return map[float64]float64{.5: .05, .95: .001, .99: .002}[q] }
	shares, newest = LeastCold(quantiles, identity, off, []signal.Label{signal.Model})
	require.InDeltaSlice(t, []float64{.008, .049}, shares[0].Values, 1e-12, "at least, whatever the server's error")
	require.InDelta(t, .55, newest[0].Upper, 1e-12)

	byReplica, _ := LeastCold(quantiles, identity, exact, []signal.Label{signal.Model, signal.Replica})
	require.Len(t, byReplica, 2)

	quantiles[0.5][1] = one("a", "2", 5, 5)
	shares, _ = LeastCold(quantiles, identity, exact, []signal.Label{signal.Model})
	require.Empty(t, shares, "one of the replicas tells nothing, or nonsense")
}

func TestComplementOfALowerBoundIsAnUpperOne(t *testing.T) {
	of := func(kind distribution.Bound) distribution.Bound {
		s := Series{Series: series.Series{Times: []int64{1}, Values: []float64{.1}},
			Interval: &Interval{distribution.Estimate{Value: .1, Lower: .1, Upper: .4}, kind}}
		out := Linear([]Series{s}, func(map[string]string) (a, b float64) { return 1, -1 })
		require.InDelta(t, .6, out[0].Interval.Lower, 1e-12)
		require.InDelta(t, .9, out[0].Interval.Upper, 1e-12)
		return out[0].Interval.Bound
	}
	require.Equal(t, distribution.AtMost, of(distribution.AtLeast))
	require.Equal(t, distribution.Estimated, of(distribution.Estimated))
}
