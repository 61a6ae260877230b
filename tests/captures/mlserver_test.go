package captures

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var mlserver = []sequence{
	{"mlserver", "idle", []string{"1-metrics-idle", "1-metrics-idle"}, []string{"mlserver"}},
	{"mlserver", "from-zero", []string{"0-before-any-request", "2-metrics-loaded"}, []string{"mlserver"}},
	{"mlserver", "loaded", []string{"2-metrics-loaded", "3-metrics-during-burst"}, []string{"mlserver"}},
	{"mlserver", "after-unload", []string{"3-metrics-during-burst", "4-metrics-after-unload"}, []string{"mlserver"}},
	{"mlserver", "after-restart", []string{"4-metrics-after-unload", "5-metrics-after-restart"}, []string{"mlserver"}},
}

func TestMLServerVersionIsNoneOrEmptyUnlessNamed(t *testing.T) {
	t.Parallel()
	lines := answers(t, "mlserver", []string{"0-before-any-request", "2-metrics-loaded"}, "requests", signal.Rate)
	require.Contains(t, lines, "model=fast status=success version=None 120")
	require.Contains(t, lines, "model=fast status=success version=v1 30")
	require.Contains(t, lines, "model=fast status=success 20")
}

func TestMLServerUnknownModelsOnlyFail(t *testing.T) {
	t.Parallel()
	lines := answers(t, "mlserver", []string{"0-before-any-request", "2-metrics-loaded"}, "error_rate", signal.Mean)
	require.NotContains(t, lines, "model=nosuch version=None 0")
	require.Contains(t, lines, "model=nosuch version=None 1")
	require.Equal(t, []string{"state=active 1"},
		answers(t, "mlserver", []string{"0-before-any-request", "2-metrics-loaded"}, "replicas", signal.Last), "not of a model")
}

func TestMLServerErrorsByGRPCAreCounted(t *testing.T) {
	t.Parallel()
	lines := answers(t, "mlserver", []string{"0-before-any-request", "2-metrics-loaded"}, "requests", signal.Rate)
	require.Contains(t, lines, "model=nosuch status=failure 4", "grpc_server_handled_total lacks them")
}

func TestMLServerClientErrorsAreOfInferenceRoutes(t *testing.T) {
	t.Parallel()
	lines := answers(t, "mlserver", []string{"0-before-any-request", "2-metrics-loaded"}, "client_error_rate", signal.Mean)
	require.Equal(t, []string{"0.09836"}, lines, "20 + 10 + 6 of 366")
	lines = answers(t, "mlserver", []string{"2-metrics-loaded", "3-metrics-during-burst"}, "client_error_rate", signal.Mean)
	require.Equal(t, []string{"0"}, lines, "a question about the repository was 422")
}

func TestMLServerUnloadedModelsHaveNoReplicas(t *testing.T) {
	t.Parallel()
	after := []string{"3-metrics-during-burst", "4-metrics-after-unload"}
	require.Equal(t, []string{"state=active 1"}, answers(t, "mlserver", after, "replicas", signal.Last))
	require.Empty(t, answers(t, "mlserver", after, "models_resident", signal.Last), "its management endpoint tells")
}
