package blackbox

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// latencies is a vLLM's histogram that grows at every scrape by these requests, by the upper bound of their bucket.
func latencies(model string, more map[float64]float64) string {
	bounds := []float64{0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, math.Inf(1)}
	var b strings.Builder
	total := 0.0
	for _, le := range bounds {
		total += more[le]
		text := fmt.Sprint(le)
		if math.IsInf(le, 1) {
			text = "+Inf"
		}
		fmt.Fprintf(&b, "vllm:e2e_request_latency_seconds_bucket{model_name=%q,le=%q} +%v\n", model, text, total)
	}
	fmt.Fprintf(&b, "vllm:e2e_request_latency_seconds_sum{model_name=%q} +1\nvllm:e2e_request_latency_seconds_count{model_name=%q} +%v\n", model, model, total)
	fmt.Fprintf(&b, "vllm:num_requests_running{model_name=%q} 0\n", model)
	return b.String()
}

// Nothing counts cold hits in vLLM: they are estimated where response times have two modes, with an interval, and refused
// where they have one.
func TestColdHitsAreEstimatedFromTwoModes(t *testing.T) {
	t.Parallel()
	page := latencies("two", map[float64]float64{0.3: 10, 0.5: 60, 0.8: 20, 20: 4, 30: 5, 40: 1}) + latencies("one", map[float64]float64{0.3: 10, 0.5: 60, 0.8: 20, 1: 9, 1.5: 1})
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("cold", driver.Target("vllm", growing(t, page).URL+"/metrics"))
	two := map[string]string{"model": "two"}
	// The first scrapes are too few requests, and what is taken of less than the window is extrapolated.
	var answer backend.DataResponse
	require.Eventually(t, func() bool {
		answer = p.Ask(s, 30*time.Second, within("20s", query("cold_hit_rate", nil, "model")))["A"]
		share, found := driver.Find(answer, two)
		return found && math.Abs(share-0.1) < 0.01
	}, waitForScrape, 4*pollEvery)
	_, found := driver.Find(answer, map[string]string{"model": "one"})
	require.False(t, found)
	from := provenanceOf(t, answer, two)
	require.Equal(t, "estimated", from[0].Kind)
	require.Contains(t, driver.Notices(answer), "The cold-hit rate of two is estimated")
	text, err := json.Marshal(answer.Frames[0].Meta.Custom)
	require.NoError(t, err)
	var custom struct {
		Interval struct{ Lower, Upper float64 }
	}
	require.NoError(t, json.Unmarshal(text, &custom))
	require.True(t, 0 < custom.Interval.Lower && custom.Interval.Lower < 0.1 && 0.1 < custom.Interval.Upper && custom.Interval.Upper < 0.4, string(text))

	one := query("cold_hit_rate", nil, "model")
	one["filters"] = map[string]any{"model": []string{"one"}}
	answers := p.Ask(s, 30*time.Second, within("20s", one), within("20s", query("cold_hit_rate", nil)), within("20s", query("cache_hit_ratio", nil, "model")))
	require.Contains(t, driver.Notices(answers["A"]), "The cold-hit rate cannot be estimated from the response times: one: ")
	_, found = driver.Find(answers["B"], nil)
	require.False(t, found, "the response times of several models together say nothing of loads")
	require.InDelta(t, 0.9, driver.Value(t, answers["C"], two), 0.01)
	require.Equal(t, "estimated", provenanceOf(t, answers["C"], two)[0].Kind)
}

func TestObjectivesTable(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("objectives-table", driver.Target("triton", growing(t, gpuPage).URL+"/metrics"))
	s.JSON["objectives"] = map[string]any{"overrides": []map[string]any{{"model": "a", "errorRate": "5%", "staleness": "none"}}}
	q := map[string]any{"queryType": "objectives"}
	require.Eventually(t, func() bool {
		answer := p.Ask(s, 30*time.Second, q)["A"]
		return answer.Error == nil && len(answer.Frames) == 1 && answer.Frames[0].Rows() == 2
	}, waitForScrape, 4*pollEvery)
	table := p.Ask(s, 30*time.Second, q)["A"]
	require.InDelta(t, 0.05, *cell(t, table, "a", "error_rate_mean"), 1e-9)
	require.InDelta(t, 0.01, *cell(t, table, "b", "error_rate_mean"), 1e-9)
	require.InDelta(t, 0.2, *cell(t, table, "a", "response_time_p95"), 1e-9)
	require.Nil(t, cell(t, table, "a", "prediction_staleness_last"))
	require.InDelta(t, 48*3600, *cell(t, table, "b", "prediction_staleness_last"), 1e-9)
	_, listed := p.Call(s, "values", "label=objective")
	require.ElementsMatch(t, []any{"response_time", "error_rate", "cache_hit_ratio", "prediction_staleness"}, listed["values"])
}
