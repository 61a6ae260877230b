package query

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// triton is the page of a server with two models: a has 4 requests a second, of which a tenth fail, and b has 1.
const triton = `
nv_inference_request_success{model="a",version="1"} 0+54x160
nv_inference_request_failure{model="a",version="1",reason="OTHER"} 0+6x160
nv_inference_request_success{model="b",version="1"} 0+15x160
nv_inference_request_failure{model="b",version="1",reason="OTHER"} 0+0x160
nv_inference_request_duration_us{model="a",version="1"} 0+5400000x160
nv_inference_request_duration_us{model="b",version="1"} 0+3000000x160
nv_cpu_utilization 0.25x160`

func TestSignalsOverARange(t *testing.T) {
	t.Parallel()
	h := newHarness(t, triton)
	for name, c := range map[string]struct {
		request Request
		want    map[string]float64
	}{
		"rates by model": {signalOf("requests", []string{"rate"}, "model"), map[string]float64{"model=a": 4, "model=b": 1}},
		"all":            {signalOf("requests", []string{"rate"}), map[string]float64{"": 5}},
		"by status": {signalOf("requests", []string{"rate"}, "model", "status"),
			map[string]float64{"model=a status=success": 3.6, "model=a status=failure": 0.4}},
		"a ratio":          {signalOf("error_rate", nil, "model"), map[string]float64{"model=a": 0.1, "model=b": 0}},
		"a ratio of sums":  {signalOf("error_rate", nil), map[string]float64{"": 0.08}},
		"a mean":           {signalOf("response_time", []string{"mean"}, "model"), map[string]float64{"model=a": 0.1, "model=b": 0.2}},
		"a level":          {signalOf("cpu_usage", []string{"mean"}), map[string]float64{"": 0.25}},
		"an instant":       {instant(signalOf("requests", []string{"rate"}, "model")), map[string]float64{"model=a": 4, "model=b": 1}},
		"the default type": {func() Request { r := signalOf("requests", nil); r.Type = ""; return r }(), map[string]float64{"": 5}},
	} {
		answer := h.ask(c.request)
		for key, want := range c.want {
			var pairs []string
			for _, word := range strings.Fields(key) {
				pairs = append(pairs, strings.Split(word, "=")...)
			}
			require.InDelta(t, want, answer.last(pairs...), 1e-9, "%s: %s", name, key)
		}
	}
}

func TestRangesHaveAPointAtEachStep(t *testing.T) {
	t.Parallel()
	h := newHarness(t, triton)
	_, field := h.ask(signalOf("requests", nil)).frame()
	require.Equal(t, 31, field.Len())
	_, field = h.ask(instant(signalOf("requests", nil))).frame()
	require.Equal(t, 1, field.Len())
}

func TestFilters(t *testing.T) {
	t.Parallel()
	h := newHarness(t, triton)
	r := signalOf("requests", nil, "model")
	r.Filters = map[string][]string{"model": {"b"}}
	answer := h.ask(r)
	require.InDelta(t, 1, answer.last("model", "b"), 1e-9)
	answer.lacks("model", "a")
	r.Filters = map[string][]string{"model": {"none"}}
	require.Contains(t, h.ask(r).notices(), "No data for requests in this time range: no traffic, or no match for the filters.")
}

func TestTheBusiestModelsAndTheOthers(t *testing.T) {
	t.Parallel()
	var lines []string
	for i := range 6 {
		lines = append(lines, fmt.Sprintf(`nv_inference_request_success{model="m%d",version="1"} 0+%dx160`, i, 15*(i+1)))
	}
	h := newHarness(t, lines...)
	r := signalOf("requests", nil, "model")
	r.Limit = 2
	answer := h.ask(r)
	require.Len(t, answer.Frames, 3)
	require.InDelta(t, 6, answer.last("model", "m5"), 1e-9)
	require.InDelta(t, 5, answer.last("model", "m4"), 1e-9)
	require.InDelta(t, 1+2+3+4, answer.last("model", "others"), 1e-9)
	r.IncludeOthers = false
	require.Len(t, h.ask(r).Frames, 2)
	r.Limit = 6
	require.Len(t, h.ask(r).Frames, 6, "there is nothing beyond the limit")
}

func TestWindowsOfRates(t *testing.T) {
	t.Parallel()
	// One request a second until five minutes before noon, none since.
	h := newHarness(t, `nv_inference_request_success{model="a",version="1"} 0+15x140 2100x19`)
	r := instant(signalOf("requests", nil))
	require.Zero(t, h.ask(r).last(), "the rate interval is a minute")
	r.Window = 10 * time.Minute
	require.InDelta(t, 0.5, h.ask(r).last(), 0.02)
}

func TestMeansStandInForQuantilesInPanelsAlone(t *testing.T) {
	t.Parallel()
	h := newHarness(t, triton)
	answer := h.ask(signalOf("response_time", []string{"p95"}, "model"))
	require.InDelta(t, 0.2, answer.last("model", "b"), 1e-9)
	require.Contains(t, answer.notices(), "Mean shown instead of percentiles for a, b")
	require.Contains(t, answer.notices(), "summary_latencies=true")
	alert := h.ask(instant(signalOf("response_time", []string{"p95"}, "model")))
	alert.lacks("model", "b")
	require.NotContains(t, alert.notices(), "Means are shown")
	both := h.ask(signalOf("response_time", []string{"p95", "mean"}, "model"))
	require.NotContains(t, both.notices(), "Means are shown")
	require.InDelta(t, 0.1, both.last("model", "a"), 1e-9)
}

func TestMistakesOfQueriesAreTheirAuthors(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for name, c := range map[string]struct {
		request Request
		message string
	}{
		"type":      {halfHour(Request{Type: "sql"}), `unknown query type "sql": choose one of signal, models, events, promql, objectives, diagnosis`},
		"signal":    {signalOf("speed", nil), "speed"},
		"statistic": {signalOf("requests", []string{"p95"}), "p95"},
		"label":     {signalOf("cpu_usage", nil, "status"), "status"},
		"filter": {func() Request {
			r := signalOf("requests", nil)
			r.Filters = map[string][]string{"pod": {"x"}}
			return r
		}(), `"pod"`},
		"models":     {halfHour(Request{Type: Models, Filters: map[string][]string{"pod": {"x"}}}), `"pod"`},
		"diagnosis":  {halfHour(Request{Type: Diagnosis, Filters: map[string][]string{"pod": {"x"}}}), `"pod"`},
		"events":     {halfHour(Request{Type: Events, Filters: map[string][]string{"pod": {"x"}}}), `"pod"`},
		"objectives": {halfHour(Request{Type: Objectives, Filters: map[string][]string{"pod": {"x"}}}), `"pod"`},
	} {
		err := h.fails(c.request)
		require.ErrorAs(t, err, new(UserError), name)
		require.ErrorContains(t, err, c.message, name)
		require.Error(t, errors.Unwrap(err))
	}
}

func TestKnownTypes(t *testing.T) {
	t.Parallel()
	require.True(t, Models.Known())
	require.False(t, Type("sql").Known())
}

func TestEmptyAsRow(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	r := signalOf("requests", nil)
	r.EmptyAsRow = true
	answer := h.ask(r)
	require.Len(t, answer.Frames, 1)
	require.Contains(t, answer.describe(), "No data")
}

var errDown = errors.New("the store is down")

// Whatever call of a store fails, the query does, and with that error.
func TestEveryErrorOfTheStoreEndsTheQuery(t *testing.T) {
	t.Parallel()
	pages := []string{triton, vllm("llama", 60, 90, 100, 100), gpus, baseten, management}
	requests := map[string]Request{
		"events": halfHour(Request{Type: Events}), "models": halfHour(Request{Type: Models}), "objectives": halfHour(Request{Type: Objectives}),
		"diagnosis": halfHour(Request{Type: Diagnosis}),
	}
	for _, s := range []string{"requests", "response_time", "cold_hit_rate", "cache_hit_ratio", signal.ModelGPUUtilization, signal.EnergyPerThousandRequests,
		signal.SLOObjective, signal.SLOViolation, signal.SLOBurnRate} {
		r := signalOf(s, nil, "model")
		r.MinimumRequests = 1
		requests[s] = r
	}
	requests["by labels"] = signalOf("requests", nil, "environment", "deployment")
	h := newHarness(t, pages...)
	good := h.Store
	for name, r := range requests {
		for failing := 1; ; failing++ {
			h.Store = good
			seen := 0
			h.fail(errDown, func(call int, _ string) bool {
				seen = max(seen, call)
				return call != failing
			})
			_, err := h.Evaluate(t.Context(), r)
			if seen < failing {
				require.NoError(t, err, name)
				require.Greater(t, failing, 2, name)
				break
			}
			require.ErrorIs(t, err, errDown, "%s: call %d", name, failing)
			require.NotErrorAs(t, err, new(UserError), name)
		}
	}
}

func TestCancelledQueriesEnd(t *testing.T) {
	t.Parallel()
	h := newHarness(t, triton)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, r := range []Request{signalOf("requests", nil), halfHour(Request{Type: Models}), halfHour(Request{Type: Events}), halfHour(Request{Type: PromQL, Expr: "up"})} {
		_, err := h.Evaluate(ctx, r)
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorAs(t, err, new(UserError))
	}
}
