package fleet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRatesAddUpAndFallWithTheRank(t *testing.T) {
	models := Models()
	rates := Rates(models, 40, Popularity)
	var sum float64
	previous := 1e9
	for _, model := range models {
		rate, sent := rates[model.Name]
		require.Equal(t, !model.Internal, sent, model.Name)
		if !sent {
			continue
		}
		require.Less(t, rate, previous, model.Name)
		previous = rate
		sum += rate
	}
	require.InDelta(t, 40, sum, 1e-9)
}

func TestModelsCanCarryTheirLoad(t *testing.T) {
	models := Models()
	rates := Rates(models, 40, Popularity)
	for _, model := range models {
		if len(model.Steps) > 0 {
			continue
		}
		busy := rates[model.Name] * model.ServiceMS / 1000 / float64(model.Instances)
		require.Less(t, busy, 0.7, "%s would be overloaded by the steady load", model.Name)
	}
}

func TestNamesAreUniqueAndStepsExist(t *testing.T) {
	seen := map[string]Model{}
	for _, model := range append(Models(), Tail()...) {
		require.NotContains(t, seen, model.Name)
		seen[model.Name] = model
	}
	require.Contains(t, seen, Reloaded)
	for _, model := range Models() {
		for _, step := range model.Steps {
			require.True(t, seen[step].Internal, "%s of %s", step, model.Name)
		}
	}
}

func TestTheTailDoesNotFitIntoMemory(t *testing.T) {
	require.Greater(t, len(Tail()), 2*TailSlots)
	rates := Rates(Tail(), 1, TailPopularity)
	var popular float64
	for _, model := range Tail()[:TailSlots] {
		popular += rates[model.Name]
	}
	require.Greater(t, popular, 0.8, "what fits takes most of the requests")
	require.Less(t, popular, 0.95, "but not all")
}

func TestOneModelOfTheTailIsStale(t *testing.T) {
	for _, model := range Tail() {
		require.Equal(t, model.Name == Stale, model.TrainedAgo > 48*time.Hour, model.Name)
		require.Less(t, model.TrainedAgo, 72*time.Hour, model.Name)
		require.Positive(t, model.TrainedAgo, model.Name)
	}
}
