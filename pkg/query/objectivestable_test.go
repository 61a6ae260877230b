package query

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestObjectivesTable(t *testing.T) {
	t.Parallel()
	h := newHarness(t, triton)
	h.holdModelA()
	table := h.ask(halfHour(Request{Type: Objectives}))
	require.Equal(t, []string{"a", "b"}, table.column("model"))
	require.Equal(t, []string{"0.05", "0.01"}, table.column("error_rate_mean"))
	require.Equal(t, []string{"0.2", "0.2"}, table.column("response_time_p95"))
	require.Equal(t, []string{"", "172800"}, table.column("prediction_staleness_last"))
}
