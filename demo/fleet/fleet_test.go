package fleet

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRatesAddUpAndFallWithTheRank(t *testing.T) {
	models := Models()
	rates := Rates(models, 40)
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
	rates := Rates(models, 40)
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
	for _, model := range Models() {
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
