package query

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/distribution"
	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// latencies is a vLLM's histogram that grows at each scrape by these requests, by the upper bound of their bucket.
func latencies(model string, more map[float64]int) string {
	bounds := []float64{0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, math.Inf(1)}
	var b strings.Builder
	total := 0
	for _, le := range bounds {
		total += more[le]
		text := strings.TrimPrefix(fmt.Sprint(le), "+")
		if math.IsInf(le, 1) {
			text = "+Inf"
		}
		fmt.Fprintf(&b, "vllm:e2e_request_latency_seconds_bucket{model_name=%q,le=%q} 0+%dx160\n", model, text, total)
	}
	fmt.Fprintf(&b, "vllm:e2e_request_latency_seconds_sum{model_name=%q} 0+1x160\n", model)
	fmt.Fprintf(&b, "vllm:e2e_request_latency_seconds_count{model_name=%q} 0+%dx160\n", model, total)
	fmt.Fprintf(&b, "vllm:num_requests_running{model_name=%q} 0x160\n", model)
	return b.String()
}

// mesh counts the cold hits of a model: a quarter of its requests.
const mesh = `
modelmesh_api_request_milliseconds_count{modelId="iris",code="OK"} 0+100x160
modelmesh_cache_miss_milliseconds_count{modelId="iris"} 0+25x160
modelmesh_models_loaded_total 1x160`

func TestCountedColdHits(t *testing.T) {
	t.Parallel()
	h := newHarness(t, mesh)
	answer := h.ask(signalOf("cold_hit_rate", nil, "model"))
	require.InDelta(t, 0.25, answer.last("model", "iris"), 1e-9)
	require.NotEqual(t, "estimated", answer.custom("model", "iris").Provenance[0].Origin)
	ratio := h.ask(signalOf("cache_hit_ratio", nil, "model"))
	require.InDelta(t, 0.75, ratio.last("model", "iris"), 1e-9)
	require.Equal(t, series.Derived, ratio.custom("model", "iris").Provenance[0].Origin)
	require.Contains(t, ratio.executed(), "cache_hit_ratio is computed from")
}

func TestColdHitsAreEstimatedFromTwoModes(t *testing.T) {
	t.Parallel()
	h := newHarness(t, latencies("two", map[float64]int{0.3: 10, 0.5: 60, 0.8: 20, 20: 4, 30: 5, 40: 1}),
		latencies("one", map[float64]int{0.3: 10, 0.5: 60, 0.8: 20, 1: 9, 1.5: 1}))
	answer := h.ask(signalOf("cold_hit_rate", nil, "model"))
	require.InDelta(t, 0.1, answer.last("model", "two"), 0.01)
	answer.lacks("model", "one")
	custom := answer.custom("model", "two")
	require.Equal(t, series.Estimated, custom.Provenance[0].Origin)
	require.Equal(t, distribution.Estimated, custom.Interval.Bound)
	require.Less(t, custom.Interval.Lower, 0.1)
	require.Greater(t, custom.Interval.Upper, 0.1)
	require.Contains(t, answer.notices(), "Cold-hit rate of two: estimated")
	require.InDelta(t, 0.9, h.ask(signalOf("cache_hit_ratio", nil, "model")).last("model", "two"), 0.01)

	r := signalOf("cold_hit_rate", nil, "model")
	r.Filters = map[string][]string{"model": {"one"}}
	require.Contains(t, h.ask(r).notices(), "cannot be estimated from response times: one: ")
	h.ask(signalOf("cold_hit_rate", nil)).lacks() // response times of several models together say nothing of loads
}

func TestColdHitsOfOverlappingModesAreALowerBound(t *testing.T) {
	t.Parallel()
	h := newHarness(t, latencies("blurred", map[float64]int{0.3: 300, 0.5: 500, 0.8: 120, 1: 40, 1.5: 40, 2: 40, 2.5: 30, 5: 100, 10: 300, 15: 100}))
	answer := h.ask(signalOf("cold_hit_rate", nil, "model"))
	require.Equal(t, distribution.AtLeast, answer.custom("model", "blurred").Interval.Bound)
	require.Contains(t, answer.notices(), "Cold-hit rate of blurred: estimated from response times, a lower bound (the two modes overlap)")
	require.Equal(t, distribution.AtMost, h.ask(signalOf("cache_hit_ratio", nil, "model")).custom("model", "blurred").Interval.Bound)
}

func TestColdHitsOfQuantilesAloneAreALowerBound(t *testing.T) {
	t.Parallel()
	summaries := func(model string, of map[string]int) (lines []string) {
		lines = append(lines, fmt.Sprintf(`nv_inference_request_success{model=%q,version="1"} 0+20x160`, model),
			fmt.Sprintf(`nv_inference_request_duration_us{model=%q,version="1"} 0+4000000x160`, model))
		for q, value := range of {
			lines = append(lines, fmt.Sprintf(`nv_inference_request_summary_us{model=%q,version="1",quantile=%q} %dx160`, model, q, value))
		}
		return lines
	}
	h := newHarness(t, slices.Concat(summaries("seldom", map[string]int{"0.5": 40_000, "0.95": 3_000_000, "0.99": 3_100_000}),
		summaries("tailed", map[string]int{"0.5": 40_000, "0.95": 200_000, "0.99": 300_000}))...)
	for _, r := range []Request{signalOf("cold_hit_rate", nil, "model"), instant(signalOf("cold_hit_rate", nil, "model"))} {
		answer := h.ask(r)
		require.InDelta(t, 0.049, answer.last("model", "seldom"), 1e-9, "a twentieth, less the p95's error of 0.1 %")
		answer.lacks("model", "tailed")
		custom := answer.custom("model", "seldom")
		require.Equal(t, distribution.AtLeast, custom.Interval.Bound)
		require.InDelta(t, 0.55, custom.Interval.Upper, 1e-9, "half, and the p50's error of 5 %")
	}
}

// scaledToZero goes to no replica for 4 of 10 scrapes, again and again. In each of these rounds 12 of 60 requests come without one.
func scaledToZero() string {
	var requests, active strings.Builder
	for n := range scrapes {
		place := n % 10
		fmt.Fprintf(&requests, " %d", 60*(n/10)+12+8*min(place, 6))
		fmt.Fprintf(&active, " %d", map[bool]int{true: 1}[place <= 5])
	}
	return "baseten_inference_requests_total{model_name=\"iris\",deployment_id=\"d1\",is_async=\"false\",status_code=\"200\"}" + requests.String() +
		"\nbaseten_replicas_active{model_name=\"iris\",deployment_id=\"d1\"}" + active.String()
}

func TestRequestsWithoutAReplicaAreColdHits(t *testing.T) {
	t.Parallel()
	h := newHarness(t, scaledToZero())
	r := signalOf("cold_hit_rate", nil, "model")
	r.Window = 20 * scrapeInterval
	answer := h.ask(instant(r))
	require.InDelta(t, 0.2, answer.last("model", "iris"), 0.06, "the window's ends are not those of rounds")
	custom := answer.custom("model", "iris")
	require.Equal(t, series.Derived, custom.Provenance[0].Origin)
	require.Contains(t, custom.Provenance[0].Recipe, "every 15s")
	require.Contains(t, answer.executed(), "baseten_replicas_active")
	require.InDelta(t, 0.2, h.ask(r).last("model", "iris"), 0.06)
}

func TestAModelThatAlwaysHasAReplicaHasNoColdHits(t *testing.T) {
	t.Parallel()
	require.Zero(t, newHarness(t, baseten).ask(signalOf("cold_hit_rate", nil, "model")).last("model", "iris"))
}
