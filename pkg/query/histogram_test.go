package query

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// replica2 makes a page be that of another replica.
func replica2(page string) string { return strings.ReplaceAll(page, "two:8000", "two:8001") }

func TestQuantilesOfHistogramsWithTheSameBounds(t *testing.T) {
	t.Parallel()
	h := newHarness(t, vllm("llama", 60, 90, 100, 100), replica2(vllm("llama", 60, 90, 100, 100)))
	answer := h.ask(signalOf("response_time", []string{"p95"}, "model"))
	require.InDelta(t, 0.3, answer.last("model", "llama"), 1e-6, "halfway between 0.2 and 0.4 s")
	bucket := answer.custom("model", "llama").Bucket
	require.NotNil(t, bucket)
	require.InDelta(t, 0.2, *bucket.Lower, 1e-9)
	require.Contains(t, answer.executed(), "histogram_quantile(0.95")
	require.NotContains(t, answer.executed(), "Bucket bounds differ")
}

func TestQuantilesOfHistogramsWithDifferentBoundsAreMerged(t *testing.T) {
	t.Parallel()
	coarse := replica2(vllm("llama", 60, 0, 100, 100))
	var kept []string
	for _, line := range strings.Split(coarse, "\n") {
		if !strings.Contains(line, `le="0.2"`) {
			kept = append(kept, line)
		}
	}
	h := newHarness(t, vllm("llama", 60, 90, 100, 100), strings.Join(kept, "\n"))
	for _, r := range []Request{signalOf("response_time", []string{"p95"}, "model"), instant(signalOf("response_time", []string{"p95"}, "model"))} {
		answer := h.ask(r)
		// Up to x s, one has had 90+50(x−0.2) and the other 60+133.3(x−0.1) of their 100 requests: 190 together.
		require.InDelta(t, 0.3454545, answer.last("model", "llama"), 1e-5)
		require.Contains(t, answer.executed(), "Bucket bounds differ")
		bucket := answer.custom("model", "llama").Bucket
		require.LessOrEqual(t, *bucket.Lower, 0.3454545)
		require.GreaterOrEqual(t, *bucket.Upper, 0.3454545)
	}
}

func TestQuantilesBeyondTheLastBoundAreLowerBounds(t *testing.T) {
	t.Parallel()
	h := newHarness(t, vllm("llama", 60, 80, 90, 100))
	answer := h.ask(signalOf("response_time", []string{"p95"}, "model"))
	require.InDelta(t, 0.4, answer.last("model", "llama"), 1e-9)
	require.Contains(t, answer.notices(), "p95 of llama is a lower bound")
	require.Contains(t, answer.notices(), "0.4 s")
}

// nativeHistogram has 40 requests up to 1 s and 60 between 1 and 2 s at each scrape.
const nativeHistogram = `
vllm:num_requests_running{model_name="native"} 1x160
vllm:e2e_request_latency_seconds{model_name="native"} {{schema:0 sum:0 count:100 buckets:[40 60]}}+{{schema:0 sum:0 count:100 buckets:[40 60]}}x160`

func TestQuantilesOfNativeHistograms(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nativeHistogram)
	answer := h.ask(signalOf("response_time", []string{"p50"}, "model"))
	require.InDelta(t, 1.122462, answer.last("model", "native"), 1e-5, "a sixth of the way from 1 to 2 s, as powers of two")
	bucket := answer.custom("model", "native").Bucket
	require.InDelta(t, 1, *bucket.Lower, 1e-9)
	require.InDelta(t, 2, *bucket.Upper, 1e-9)
}

func TestNativeAndClassicHistogramsTogether(t *testing.T) {
	t.Parallel()
	h := newHarness(t, nativeHistogram, vllm("llama", 60, 90, 100, 100))
	apart := h.ask(signalOf("response_time", []string{"p95"}, "model"))
	require.InDelta(t, 0.3, apart.last("model", "llama"), 1e-3)
	require.InDelta(t, 1.887749, apart.last("model", "native"), 0.05)
	together := h.ask(signalOf("response_time", []string{"p50"}))
	require.InDelta(t, 0.4, together.last(), 0.2, "half of the requests are llama's, of which none took longer than 0.4 s")
	require.Contains(t, together.executed(), "Bucket bounds differ")
}

func TestQuantilesWithoutRequests(t *testing.T) {
	t.Parallel()
	h := newHarness(t, vllm("llama", 0, 0, 0, 0))
	answer := h.ask(signalOf("response_time", []string{"p95"}, "model"))
	answer.lacks("model", "llama")
	require.Contains(t, answer.notices(), "No data for response_time")
}
