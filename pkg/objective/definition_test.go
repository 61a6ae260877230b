package objective

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Every objective governs signals of the catalogue, by statistics that they have, and compares what it demands.
func TestDefinitionsFitTheCatalogue(t *testing.T) {
	t.Parallel()
	full := Objective{P95: 200 * time.Millisecond, ErrorRate: 0.01, CacheHitRatio: 0.8, Staleness: 48 * time.Hour}
	for _, d := range Definitions {
		shown, ok := signal.Find(d.Name)
		require.True(t, ok, d.Name)
		require.Contains(t, shown.Statistics(), d.Statistic, d.Name)
		measured, ok := signal.Find(d.Measured)
		require.True(t, ok, d.Measured)
		require.Contains(t, measured.Statistics(), d.Statistic, d.Measured)
		require.Equal(t, shown.Unit, measured.Unit, d.Name)
		require.Positive(t, d.Target(full), d.Name)
		switch d.Direction {
		case AtMost:
			require.InDelta(t, d.Target(full), d.Limit(full), 1e-12, d.Name)
			require.Equal(t, d.Name, d.Measured)
		case AtLeast:
			require.InDelta(t, 1-d.Target(full), d.Limit(full), 1e-12, d.Name)
			require.NotEqual(t, d.Name, d.Measured)
		default:
			t.Fatalf("%s has no direction", d.Name)
		}
		switch d.Budget {
		case NoBudget:
			require.False(t, d.OverRequests, "%s is no share of requests", d.Name)
		case ShareBudget:
			require.Equal(t, signal.Mean, d.Statistic, d.Name)
			require.LessOrEqual(t, d.Limit(full), 1.0, "%s is a share", d.Name)
		case QuantileBudget:
			require.Equal(t, signal.Distribution, measured.Shape, d.Name)
			require.Positive(t, d.SlowShare(), d.Name)
		default:
			t.Fatalf("%s has no budget", d.Name)
		}
		require.Zero(t, d.Target(Objective{}), "%s is switched off", d.Name)
		require.Zero(t, d.Limit(Objective{}), "%s is switched off", d.Name)
		require.False(t, d.Set(Override{}), d.Name)
		require.Equal(t, d.Measured, Find(d.Name).Measured)
	}
	require.Equal(t, 0.05, Find(ResponseTime).SlowShare(), "exactly, so that burn rates are round")
	require.Zero(t, Find(ErrorRate).SlowShare())
	require.Panics(t, func() { Find("latency") })
}
