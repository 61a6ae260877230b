package analysis

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

func TestColdShares(t *testing.T) {
	t.Parallel()
	of := func(model, start string, others bool, values ...float64) Series {
		s := Series{Series: each(values...), Statistic: signal.Mean, Others: others}
		s.Labels = map[string]string{"model": model, "start": start}
		return s
	}
	got := ColdShares([]Series{
		of("a", "cold", false, 1, -1, 0), of("a", "hot", false, 3, 5, 0), of("warm", "hot", false, 2, 2, 2), of("idle", "hot", false, 0, 0, 0),
		of("a", "cold", true, 4), of("", "hot", false, 1), of("woken", "cold", false, -1, 2),
	}, []signal.Label{signal.Model})
	require.Len(t, got, 5)
	require.Equal(t, series.Series{Labels: map[string]string{"model": "a"}, Times: []int64{0, 1000}, Values: []float64{0.25, 0}}, got[0].Series)
	require.Equal(t, []float64{0, 0, 0}, got[1].Values)
	require.True(t, got[2].Others)
	require.Equal(t, []float64{1}, got[2].Values)
	require.Equal(t, []int64{1000}, got[4].Times)
}
