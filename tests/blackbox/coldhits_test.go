package blackbox

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
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
	s := driver.Embedded("cold", unmanaged(t, "vllm", growing(t, page).URL+"/metrics"))
	two := map[string]string{"model": "two"}
	// The first scrapes are too few requests, and what is taken of less than the window is extrapolated.
	var answer backend.DataResponse
	require.Eventually(t, func() bool {
		answer = p.Ask(s, 30*time.Second, within("20s", query("cold_hit_rate", nil, "model")))["A"]
		share, found := driver.Find(answer, two)
		return found && math.Abs(share-0.1) < 0.01 && intervalOf(t, answer, two).Bound == "estimated"
	}, waitForScrape, 4*pollEvery)
	_, found := driver.Find(answer, map[string]string{"model": "one"})
	require.False(t, found)
	from := provenanceOf(t, answer, two)
	require.Equal(t, "estimated", from[0].Origin)
	require.Contains(t, driver.Notices(answer), "Cold-hit rate of two: estimated")
	bounds := intervalOf(t, answer, two)
	require.True(t, 0 < bounds.Lower && bounds.Lower < 0.1 && 0.1 < bounds.Upper && bounds.Upper < 0.4, "%v", bounds)

	one := query("cold_hit_rate", nil, "model")
	one["filters"] = map[string]any{"model": []string{"one"}}
	answers := p.Ask(s, 30*time.Second, within("20s", one), within("20s", query("cold_hit_rate", nil)), within("20s", query("cache_hit_ratio", nil, "model")))
	require.Contains(t, driver.Notices(answers["A"]), "The cold-hit rate cannot be estimated from response times: one: ")
	_, found = driver.Find(answers["B"], nil)
	require.False(t, found, "the response times of several models together say nothing of loads")
	require.InDelta(t, 0.9, driver.Value(t, answers["C"], two), 0.01)
	require.Equal(t, "estimated", provenanceOf(t, answers["C"], two)[0].Origin)
}

type interval struct {
	Bound        string
	Lower, Upper float64
}

// intervalOf is what a series' frame says about the bounds of its newest value.
func intervalOf(t *testing.T, answer backend.DataResponse, labels map[string]string) interval {
	t.Helper()
	for _, frame := range answer.Frames {
		for _, field := range frame.Fields {
			if field.Type() != data.FieldTypeFloat64 || !driver.Includes(field.Labels, labels) {
				continue
			}
			text, err := json.Marshal(frame.Meta.Custom)
			require.NoError(t, err)
			var custom struct{ Interval *interval }
			require.NoError(t, json.Unmarshal(text, &custom))
			require.NotNil(t, custom.Interval, string(text))
			return *custom.Interval
		}
	}
	require.Fail(t, "no such series", driver.Describe(answer))
	return interval{}
}

// Where the modes overlap, the share is a lower bound, and what is left of it an upper one.
func TestColdHitsOfOverlappingModesAreAtLeastSoMany(t *testing.T) {
	t.Parallel()
	page := latencies("blurred", map[float64]float64{0.3: 300, 0.5: 500, 0.8: 120, 1: 40, 1.5: 40, 2: 40, 2.5: 30, 5: 100, 10: 300, 15: 100})
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("blurred", unmanaged(t, "vllm", growing(t, page).URL+"/metrics"))
	blurred := map[string]string{"model": "blurred"}
	answer := eventually(t, p, s, within("20s", query("cold_hit_rate", nil, "model")), blurred)
	require.Equal(t, "at least", intervalOf(t, answer, blurred).Bound)
	require.Contains(t, driver.Notices(answer), "Cold-hit rate of blurred: estimated from response times, a lower bound (the two modes overlap).")
	answer = p.Ask(s, 30*time.Second, within("20s", query("cache_hit_ratio", nil, "model")))["A"]
	ratio := intervalOf(t, answer, blurred)
	require.Equal(t, "at most", ratio.Bound)
	require.InDelta(t, ratio.Upper, driver.Value(t, answer, blurred), 0.1)
}

// summaries is a Triton with quantiles of the response time, in milliseconds.
func summaries(model string, milliseconds map[float64]float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "nv_inference_request_success{model=%[1]q,version=\"1\"} +20\nnv_inference_request_duration_us{model=%[1]q,version=\"1\"} +4000000\n", model)
	for q, value := range milliseconds {
		fmt.Fprintf(&b, "nv_inference_request_summary_us{model=%q,version=\"1\",quantile=\"%g\"} %g\n", model, q, value*1000)
	}
	return b.String()
}

// recorderPage is that of a recorder which has seen no request.
const recorderPage = "modelserving_recorder_models_limit 1000\n"

// leastSeldom and mostSeldom are what a p50 of 40 ms with a p95 of 3 s means: at least 5 % of the requests were cold and at most
// half of them, but that Triton's p95 may be off by 0.1 % of the requests and its p50 by 5 %.
const leastSeldom, mostSeldom = 0.05 - 0.001, 0.5 + 0.05

// A p50 of 40 ms with a p95 of 3 s means that at least 5 % of the requests were cold. Once something counts them, the share
// itself is shown.
func TestColdHitsOfQuantilesAloneAreAtLeastSoMany(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	triton := growing(t, summaries("seldom", map[float64]float64{0.5: 40, 0.95: 3000, 0.99: 3100})+summaries("tailed", map[float64]float64{0.5: 40, 0.95: 200, 0.99: 300}))
	recorder := newFakeServer(t, recorderPage)
	s := driver.Embedded("quantiles", unmanaged(t, "triton", triton.URL+"/metrics"), unmanaged(t, "recorder", recorder.URL+"/metrics"))
	seldom := map[string]string{"model": "seldom"}
	q := within("10s", query("cold_hit_rate", nil, "model"))
	q["instant"] = true
	answer := eventually(t, p, s, q, seldom)
	require.InDelta(t, leastSeldom, driver.Value(t, answer, seldom), 1e-9)
	bounds := intervalOf(t, answer, seldom)
	require.Equal(t, "at least", bounds.Bound)
	require.InDelta(t, leastSeldom, bounds.Lower, 1e-9)
	require.InDelta(t, mostSeldom, bounds.Upper, 1e-9)
	from := provenanceOf(t, answer, seldom)
	require.Equal(t, "estimated", from[0].Origin)
	require.Equal(t, "NVIDIA Triton Inference Server", from[0].Server)
	require.Contains(t, driver.Notices(answer), "Cold-hit rate of seldom: estimated from response times, a lower bound")
	_, found := driver.Find(answer, map[string]string{"model": "tailed"})
	require.False(t, found, "a long tail says nothing of loads")
	overTime := eventually(t, p, s, within("10s", query("cold_hit_rate", nil, "model")), seldom)
	require.InDelta(t, leastSeldom, driver.Value(t, overTime, seldom), 1e-9)

	recorder.show(recorderPage + `modelserving_requests_total{model="seldom",version="",start="hot",start_source="header",protocol="http",code="200"} +17
modelserving_requests_total{model="seldom",version="",start="cold",start_source="header",protocol="http",code="200"} +3
`)
	require.Eventually(t, func() bool {
		answer = p.Ask(s, 30*time.Second, q)["A"]
		share, found := driver.Find(answer, seldom)
		return found && math.Abs(share-0.15) < 1e-9
	}, untilRounds, 4*pollEvery)
	require.Equal(t, "measured", provenanceOf(t, answer, seldom)[0].Origin)
	require.NotContains(t, driver.Notices(answer), "at least")
}

func TestObjectivesTable(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("objectives-table", unmanaged(t, "triton", growing(t, gpuPage).URL+"/metrics"))
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
