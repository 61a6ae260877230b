package analysis

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/distribution"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

func bucket(model, replica, le string, values ...float64) series.Series {
	s := series.Series{Labels: map[string]string{"model": model, "replica": replica, BoundLabel: le}, Values: values}
	for i := range values {
		s.Times = append(s.Times, int64(i+1)*1000)
	}
	return s
}

func TestQuantilesMergeLayouts(t *testing.T) {
	t.Parallel()
	by, apart := []signal.Label{signal.Model}, []signal.Label{signal.Replica}
	b := NewDistributions()
	b.Add([]series.Series{
		bucket("a", "one", "1000", 50, 50), bucket("a", "one", "10000", 100, 100), bucket("a", "one", "+Inf", 100, 100),
		bucket("a", "two", "500", 0), bucket("a", "two", "2000", 100), bucket("a", "two", "+Inf", 100),
		bucket("idle", "one", "1000", 0), bucket("idle", "one", "+Inf", 0), bucket("torn", "one", "1000", 5), bucket("odd", "one", "much", 5),
	}, by, apart, 1e-3, 1)
	got, newest := b.Quantile(0.5)
	require.Len(t, got, 1, "without weight or an open bucket there is no quantile")
	require.Equal(t, map[string]string{"model": "a"}, got[0].Labels)
	require.Equal(t, []int64{1000, 2000}, got[0].Times)
	require.Greater(t, got[0].Values[0], 1.0)
	require.InDelta(t, 1, got[0].Values[1], 1e-9, "the second replica is gone")
	require.Equal(t, []distribution.Estimate{{Value: 1, Lower: 0, Upper: 1}}, newest)
}

func TestLayouts(t *testing.T) {
	t.Parallel()
	by := []signal.Label{signal.Model}
	same := NewLayouts([]series.Series{bucket("a", "", "1000", 2, 2), bucket("a", "", "5000", 2, 2), bucket("a", "", "+Inf", 2, 2)}, by, 1e-3)
	require.False(t, same.Mixed)
	require.Equal(t, distribution.Estimate{Value: 3, Lower: 1, Upper: 5}, same.Estimate("a", 3))
	require.Equal(t, distribution.Estimate{Value: 0.5, Lower: 0, Upper: 1}, same.Estimate("a", 0.5))
	require.True(t, same.Estimate("a", 5).Saturated())
	require.True(t, math.IsNaN(same.Estimate("unknown", 5).Upper))
	require.True(t, NewLayouts([]series.Series{bucket("a", "", "1", 2), bucket("a", "", "3", 1), bucket("a", "", "+Inf", 2)}, by, 1).Mixed, "two at a time")
	changed := []series.Series{bucket("a", "", "1", 1, 1), bucket("a", "", "3", 1), bucket("a", "", "+Inf", 1, 1)}
	require.True(t, NewLayouts(changed, by, 1).Mixed, "one after the other")
}
