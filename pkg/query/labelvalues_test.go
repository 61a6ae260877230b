package query

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

func TestLabelValues(t *testing.T) {
	t.Parallel()
	h := newHarness(t, triton, vllm("llama", 1, 1, 1, 1))
	values := func(label signal.Label, filters map[signal.Label][]string) []string {
		got, err := h.LabelValues(t.Context(), label, filters, noon.Add(-time.Hour), noon)
		require.NoError(t, err)
		return got
	}
	require.Equal(t, []string{"a", "b", "llama"}, values(signal.Model, nil))
	require.Equal(t, []string{"text", "vision"}, values(signal.Deployment, nil))
	require.Equal(t, []string{"llama"}, values(signal.Model, map[signal.Label][]string{signal.Deployment: {"text"}}))
	require.Equal(t, []string{"cache_hit_ratio", "error_rate", "prediction_staleness", "response_time"}, values(signal.Objective, nil))
	for failing := 1; failing <= 2; failing++ {
		broken := newHarness(t, triton)
		broken.fail(errDown, func(call int, _ string) bool { return call != failing })
		_, err := broken.LabelValues(context.WithoutCancel(t.Context()), signal.Model, nil, noon.Add(-time.Hour), noon)
		require.ErrorIs(t, err, errDown)
	}
}
