package analysis

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/distribution"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

func combinable(server, model string, times []int64, values ...float64) Series {
	return Series{
		Series:    series.Series{Labels: map[string]string{"model": model}, Times: times, Values: values},
		Statistic: signal.P95, Provenance: []series.Provenance{{Server: server}},
		Newest: &distribution.Estimate{Value: values[len(values)-1]},
	}
}

func TestRecipesOfDifferentKindsFollowOneAnother(t *testing.T) {
	t.Parallel()
	out, contested := Combine([]Series{
		combinable("recorder", "a", []int64{30, 40}, 3, 4), combinable("recorder", "b", []int64{30}, 30),
		combinable("triton", "a", []int64{10, 20}, 1, 2), combinable("triton", "c", []int64{10}, 10),
	})
	require.Empty(t, contested)
	require.Len(t, out, 3)
	require.Equal(t, []int64{10, 20, 30, 40}, out[0].Times)
	require.Equal(t, []float64{1, 2, 3, 4}, out[0].Values)
	require.InDelta(t, 4, out[0].Newest.Value, 0)
	require.Equal(t, []series.Provenance{{Server: "recorder"}, {Server: "triton"}}, out[0].Provenance)
	require.Equal(t, []series.Provenance{{Server: "recorder"}}, out[1].Provenance)
}

func TestOfTwoNumbersAtOneTimeTheFirstCountsAndItIsSaid(t *testing.T) {
	t.Parallel()
	out, contested := Combine([]Series{
		combinable("recorder", "a", []int64{10, 30}, 1, 3), combinable("triton", "a", []int64{10, 20, 40}, 9, 2, 4),
	})
	require.Len(t, contested, 1)
	require.Equal(t, []float64{1, 2, 3, 4}, out[0].Values)
	require.InDelta(t, 4, out[0].Newest.Value, 0)
}

func TestOtherStatisticsAndOthersAreKeptApart(t *testing.T) {
	t.Parallel()
	mean, others := combinable("x", "a", []int64{10}, 1), combinable("x", "a", []int64{10}, 2)
	mean.Statistic, others.Others = signal.Mean, true
	out, contested := Combine([]Series{combinable("x", "a", []int64{10}, 3), mean, others})
	require.Len(t, out, 3)
	require.Empty(t, contested)
}
