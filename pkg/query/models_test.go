package query

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestModelsTable(t *testing.T) {
	t.Parallel()
	h := newHarness(t, triton, vllm("llama", 60, 90, 100, 100))
	table := h.ask(halfHour(Request{Type: Models}))
	require.Equal(t, []string{"llama", "a", "b"}, table.column("model"))
	require.Equal(t, []string{"text", "vision", "vision"}, table.column("deployment"))
	require.Equal(t, []string{"0", "0.1", "0"}, table.column("error_rate_mean"))
	require.Empty(t, table.column("response_time_p95")[1], "a mean is no p95")
	r := halfHour(Request{Type: Models, Filters: map[string][]string{"model": {"nobody"}}})
	require.Empty(t, h.ask(r).column("model"))
}
