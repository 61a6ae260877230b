package captures

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var bentoml = []sequence{
	{"bentoml", "idle", []string{"1-metrics-idle", "1-metrics-idle"}, []string{"bentoml"}},
	{"bentoml", "from-zero", []string{"0-before-any-request", "2-metrics-loaded"}, []string{"bentoml"}},
	{"bentoml", "loaded", []string{"1-metrics-idle", "2-metrics-loaded"}, []string{"bentoml"}},
	{"bentoml", "before-1.2", []string{"7-with-runners-idle", "8-with-runners-loaded"}, []string{"bentoml"}},
	{"bentoml", "burst", []string{"4-metrics-loaded", "5-metrics-during-burst"}, []string{"bentoml"}},
}

func TestBentoMLHealthChecksAreNoRequests(t *testing.T) {
	t.Parallel()
	lines := answers(t, "bentoml", []string{"0-before-any-request", "2-metrics-loaded"}, "requests", signal.Rate)
	require.Contains(t, lines, "code=200 model=front status=2xx version=not available 261", "without one to /readyz")
	require.Contains(t, lines, "code=429 model=front status=4xx version=not available 99")
}

func TestBentoMLServicesBehindServicesAreApart(t *testing.T) {
	t.Parallel()
	lines := answers(t, "bentoml", []string{"0-before-any-request", "2-metrics-loaded"}, "error_rate", signal.Mean)
	require.Equal(t, []string{"model=front version=not available 0.07692", "model=inner_model version=not available 0"}, lines,
		"40 of 261 + 80 + 40 + 99 + 40")
}
