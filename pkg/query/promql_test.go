package query

import (
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"
)

func TestPromQL(t *testing.T) {
	t.Parallel()
	h := newHarness(t, triton, nativeHistogram)
	query := func(expr string) Request { return halfHour(Request{Type: PromQL, Expr: expr}) }
	require.InDelta(t, 4.6, h.ask(query(`sum(rate(nv_inference_request_success[1m]))`)).last(), 1e-9)
	require.InDelta(t, 0.25, h.ask(instant(query("nv_cpu_utilization"))).last("deployment", "vision"), 1e-9)
	require.Contains(t, h.ask(query("vllm:e2e_request_latency_seconds")).notices(), "Native histograms are not shown")
	require.Contains(t, h.ask(query("rate(nv_cpu_utilization[1m])")).notices(), "nv_cpu_utilization", "a hint of Prometheus")
	require.Empty(t, h.ask(query("nobody")).notices())
	require.ErrorContains(t, h.fails(query(" ")), "the PromQL expression is empty")
	require.ErrorAs(t, h.fails(query(" ")), new(UserError))
	for _, expr := range []string{"sum(", "unknown(up)"} {
		require.True(t, backend.IsDownstreamError(h.fails(query(expr))), "the server says that it is no query: %s", expr)
	}
	h.server.Close()
	down := h.fails(query("up"))
	require.True(t, backend.IsDownstreamError(down))
	require.NotErrorAs(t, down, new(UserError), "a server that does not answer is not the author's fault")
}
