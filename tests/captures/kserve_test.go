package captures

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var kserve = []sequence{
	{"kserve", "idle", []string{"1-metrics-idle", "1-metrics-idle"}, []string{}},
	{"kserve", "loaded", []string{"2-metrics-loaded", "3-metrics-loaded"}, []string{"kserve"}},
}

func TestKServeFailuresAreInferred(t *testing.T) {
	t.Parallel()
	loaded := []string{"2-metrics-loaded", "3-metrics-loaded"}
	require.Equal(t, []string{
		"model=failing status=failure 30", "model=failing status=success 60", "model=fast status=failure 0",
		"model=fast status=success 90", "model=slow status=failure 0", "model=slow status=success 60",
	}, answers(t, "kserve", loaded, "requests", signal.Rate))
	require.Contains(t, answers(t, "kserve", loaded, "error_rate", signal.Mean), "model=failing 0.3333")
}
