package captures

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var rayServe = []sequence{
	{"ray_serve", "loaded", []string{"1-before-traffic", "2-metrics-during"}, []string{"ray_serve"}},
	{"ray_serve", "after-burst", []string{"2-metrics-during", "3-metrics-loaded"}, []string{"ray_serve"}},
	{"ray_serve", "after-scale-down", []string{"3-metrics-loaded", "4-metrics-during-burst2"}, []string{"ray_serve"}},
}

// Sums of histograms are made of the middles of buckets.
func TestRayHistogramSumsAreNotUsed(t *testing.T) {
	t.Parallel()
	page := string(Recording(t, "ray_serve", "2-metrics-during"))
	require.Contains(t, page, "ray_serve_http_request_latency_ms_sum")
	for _, name := range []string{"response_time", "inference_time", "queue_time", "load_time"} {
		require.Empty(t, answers(t, "ray_serve", rayServe[0].recordings, name, signal.Mean), name)
		require.NotEmpty(t, answers(t, "ray_serve", rayServe[0].recordings, name, signal.P95), name)
	}
}

// The request counter of a deployment has 50 of the 70 requests that failing was sent: 20 raised. Of the 240 that fast was
// sent, 66 were refused and reached no replica.
func TestRayRequestsThatRaisedOrWereRefusedAreCounted(t *testing.T) {
	t.Parallel()
	lines := answers(t, "ray_serve", rayServe[0].recordings, "requests", signal.Rate)
	for _, want := range []string{
		"code=200 model=failing status=2xx 30", "code=500 model=failing status=5xx 20",
		"code=200 model=fast status=2xx 174", "code=503 model=fast status=5xx 66",
	} {
		require.Contains(t, lines, want)
	}
}

// What no application serves belongs to no model.
func TestRayRequestsThatNoApplicationServesAreLeftOut(t *testing.T) {
	t.Parallel()
	require.Contains(t, string(Recording(t, "ray_serve", "2-metrics-during")), `application="",method="GET"`)
	for _, line := range answers(t, "ray_serve", rayServe[0].recordings, "requests", signal.Rate) {
		require.Contains(t, line, "model=")
	}
	for _, line := range answers(t, "ray_serve", rayServe[0].recordings, "response_time", signal.P95) {
		require.Contains(t, line, "model=")
	}
}

// 4 of the 24 loads failed, and have no time.
func TestRayLoadsThatFailedAreCounted(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"model=mux 24"}, answers(t, "ray_serve", rayServe[0].recordings, "model_loads", signal.Rate))
	require.Equal(t, []string{"model=mux 0.375"}, answers(t, "ray_serve", rayServe[0].recordings, "cold_load_rate", signal.Mean))
}

// Replicas that were removed have no series, even where their counters stay.
func TestRayReplicasThatWereRemovedAreGone(t *testing.T) {
	t.Parallel()
	require.Contains(t, answers(t, "ray_serve", rayServe[1].recordings, "replicas", signal.Last), "model=fast state=active 3")
	require.Contains(t, answers(t, "ray_serve", rayServe[2].recordings, "replicas", signal.Last), "model=fast state=active 1")
}

// The label handle ends like le, the bound of buckets: a reader that searches for le=" takes one for the other.
func TestRayHandlesAreNotBounds(t *testing.T) {
	t.Parallel()
	recorded := replay(t, "ray_serve", []string{"2-metrics-during"})
	const buckets = "ray_serve_router_args_resolution_latency_ms_bucket"
	require.Contains(t, string(Recording(t, "ray_serve", "2-metrics-during")), buckets)
	series := recorded.ask(buckets)
	require.NotEmpty(t, series)
	for _, s := range series {
		_, err := strconv.ParseFloat(s.Metric.Get("le"), 64)
		require.NoError(t, err)
		require.NotEmpty(t, s.Metric.Get("handle"))
	}
}
