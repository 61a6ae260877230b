package captures

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var torchserve = []sequence{
	{"torchserve", "idle", []string{"1-metrics-idle", "1-metrics-idle"}, []string{"torchserve"}},
	{"torchserve", "loaded", []string{"2-metrics-loaded", "3-metrics-after-v2-scale"}, []string{"torchserve"}},
	{"torchserve", "burst", []string{"3-metrics-after-v2-scale", "4-metrics-during-burst"}, []string{"torchserve"}},
	{"torchserve", "after-unregister", []string{"4-metrics-during-burst", "5-metrics-after-scale-down-unregister"}, []string{"torchserve"}},
	{"torchserve", "name-filter", []string{"5-metrics-after-scale-down-unregister", "6-metrics-name-filter"}, []string{"torchserve"}},
	{"torchserve", "from-zero", []string{"0-before-any-request", "2-metrics-loaded"}, []string{"torchserve"}},
}

func TestTorchServeHasNoMeanBecauseLatencyCountsSuccessesOnly(t *testing.T) {
	t.Parallel()
	loaded := []string{"0-before-any-request", "2-metrics-loaded"}
	for _, name := range []string{"response_time", "inference_time", "queue_time"} {
		require.Empty(t, answers(t, "torchserve", loaded, name, signal.Mean), name)
	}
	require.Contains(t, answers(t, "torchserve", loaded, "requests", signal.Rate), "model=slow version=default 140",
		"79 of them were refused: 94 answers of 5xx, less 15 of failing")
}

func TestTorchServeExecutingIsWithoutTheTimeInTheQueue(t *testing.T) {
	t.Parallel()
	lines := answers(t, "torchserve", []string{"0-before-any-request", "2-metrics-loaded"}, "concurrent_requests", signal.Last)
	require.Contains(t, lines, "model=slow state=queued version=default 0.4871", "29.2288 s in a minute")
	require.Contains(t, lines, "model=slow state=executing version=default 0.08418", "34.2799 s less 29.2288 s in a minute")
}

func TestTorchServeStatusIsOfTheWholeHost(t *testing.T) {
	t.Parallel()
	loaded := []string{"0-before-any-request", "2-metrics-loaded"}
	require.Equal(t, []string{"0.2089"}, answers(t, "torchserve", loaded, "error_rate", signal.Mean), "94 of 435 + 15, whatever the model")
	require.Equal(t, []string{"0.03333"}, answers(t, "torchserve", loaded, "client_error_rate", signal.Mean), "15 of 450")
}

func TestTorchServeVersionIsDefaultUnlessNamed(t *testing.T) {
	t.Parallel()
	lines := answers(t, "torchserve", []string{"3-metrics-after-v2-scale", "4-metrics-during-burst"}, "requests", signal.Rate)
	require.Contains(t, lines, "model=fast version=default 0")
	require.Contains(t, lines, "model=fast version=2.0 0")
	require.Contains(t, lines, "model=slow version=default 35")
}

func TestTorchServeSeriesOfUnregisteredModelsMakeNoReplicas(t *testing.T) {
	t.Parallel()
	after := []string{"4-metrics-during-burst", "5-metrics-after-scale-down-unregister"}
	require.Contains(t, answers(t, "torchserve", after, "requests", signal.Rate), "model=failing version=default 0", "it is not there any more")
	require.Equal(t, []string{"state=active 1"}, answers(t, "torchserve", after, "replicas", signal.Last))
	require.Empty(t, answers(t, "torchserve", after, "models_resident", signal.Last))
}
