package query

import (
	"context"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	engineql "github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

func TestModelsTable(t *testing.T) {
	t.Parallel()
	h := newHarness(t, triton, vllm("llama", 60, 90, 100, 100))
	table := h.ask(halfHour(Request{Type: Models}))
	require.Equal(t, []string{"llama", "a", "b"}, table.column("model"))
	require.Equal(t, []string{"text", "vision", "vision"}, table.column("deployment"))
	require.Equal(t, []string{"0", "0.1", "0"}, table.column("error_rate_mean"))
	require.Equal(t, "", table.column("response_time_p95")[1], "a mean is no p95")
	r := halfHour(Request{Type: Models, Filters: map[string][]string{"model": {"nobody"}}})
	require.Empty(t, h.ask(r).column("model"))
}

// holdModelA holds a to other objectives than the default: 5 % errors, and no response time.
func (h *harness) holdModelA() {
	errors, off := 0.05, time.Duration(0)
	set, err := objective.NewSet(objective.Default(), []objective.Override{{Model: "a", ErrorRate: &errors, Staleness: &off}})
	require.NoError(h.t, err)
	h.Objectives = set
}

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

func TestViolationsAndBurnRates(t *testing.T) {
	t.Parallel()
	h := newHarness(t, triton, vllm("llama", 60, 90, 100, 100))
	h.holdModelA()
	by := []string{"model", "objective"}
	violation := h.ask(signalOf(signal.SLOViolation, nil, by...))
	require.InDelta(t, 2, violation.last("model", "a", "objective", "error_rate"), 1e-9, "10 % where 5 % are allowed")
	require.InDelta(t, 1.5, violation.last("model", "llama", "objective", "response_time"), 1e-6, "0.3 s where 0.2 s are allowed")
	violation.lacks("model", "a", "objective", "response_time")
	require.InDelta(t, 2, h.ask(signalOf(signal.SLOViolation, nil)).last(), 1e-6, "the highest of all")
	burn := h.ask(signalOf(signal.SLOBurnRate, nil, by...))
	require.InDelta(t, 2, burn.last("model", "llama", "objective", "response_time"), 1e-6, "10 % are slower than 0.2 s where 5 % may be")
	require.InDelta(t, 2, burn.last("model", "a", "objective", "error_rate"), 1e-9)
	allowed := h.ask(signalOf(signal.SLOObjective, nil, by...))
	require.InDelta(t, 0.05, allowed.last("model", "a", "objective", "error_rate"), 1e-9)
	r := signalOf(signal.SLOViolation, nil, by...)
	r.Filters = map[string][]string{"objective": {"error_rate"}}
	h.ask(r).lacks("objective", "response_time")
	r = signalOf(signal.SLOViolation, nil, by...)
	r.Limit = 1
	limited := h.ask(r)
	require.Len(t, limited.Frames, 1)
	require.Contains(t, limited.notices(), "The 1 highest of ")
	require.InDelta(t, 2, limited.last("model", "a"), 1e-9)
}

func TestABurnRateBeyondTheHistogramIsABound(t *testing.T) {
	t.Parallel()
	h := newHarness(t, vllm("llama", 60, 80, 90, 100))
	set, err := objective.NewSet(objective.Objective{P95: 2 * time.Second}, nil)
	require.NoError(t, err)
	h.Objectives = set
	answer := h.ask(signalOf(signal.SLOBurnRate, nil, "model"))
	require.InDelta(t, 2, answer.last("model", "llama"), 1e-6, "at most 10 % are slower where 5 % may be")
	require.Contains(t, answer.notices(), "at most what is shown")
}

func TestValuesOfFewRequestsAreLeftOut(t *testing.T) {
	t.Parallel()
	h := newHarness(t, triton)
	r := signalOf("error_rate", nil, "model")
	r.MinimumRequests = 100 // a minute has 240 of a and 60 of b
	answer := h.ask(r)
	require.InDelta(t, 0.1, answer.last("model", "a"), 1e-9)
	answer.lacks("model", "b")
	r.Window = 5 * time.Minute
	require.Zero(t, h.ask(r).last("model", "b"))
}

func TestDiagnosis(t *testing.T) {
	t.Parallel()
	const pods = `{kn_service_name="iris",kn_revision_name="iris-1"} `
	slow := newHarness(t, "kn_revision_pods_count"+pods+"1x160", "kn_revision_pods_not_ready_count"+pods+"3x160")
	table := slow.ask(halfHour(Request{Type: Diagnosis}))
	require.Equal(t, []string{"Slow cold starts"}, table.column("finding"))
	require.Equal(t, []string{"vision"}, table.column("deployment"))
	require.Contains(t, table.column("evidence")[0], "3.0 replicas were starting on average beside 1.0 active ones")
	fine := newHarness(t, "kn_revision_pods_count"+pods+"1x160").ask(halfHour(Request{Type: Diagnosis}))
	require.Contains(t, fine.notices(), "Nothing is wrong with the scaling in this time range.")
	require.Contains(t, newHarness(t).ask(halfHour(Request{Type: Diagnosis})).notices(), "No data for replicas")
}

func TestPromQL(t *testing.T) {
	t.Parallel()
	h := newHarness(t, triton, nativeHistogram)
	query := func(expr string) Request { return halfHour(Request{Type: PromQL, Expr: expr}) }
	require.InDelta(t, 4.6, h.ask(query(`sum(rate(nv_inference_request_success[1m]))`)).last(), 1e-9)
	require.InDelta(t, 0.25, h.ask(instant(query("nv_cpu_utilization"))).last("deployment", "vision"), 1e-9)
	require.Contains(t, h.ask(query("vllm:e2e_request_latency_seconds")).notices(), "Native histograms among the results are left out")
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

func TestWhoseErrorAnExpressionIs(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, expressionError(t.Context(), nil))
	require.ErrorAs(t, expressionError(t.Context(), errDown), new(UserError), "the embedded engine's errors are of the text")
	require.NotErrorAs(t, expressionError(cancelled, errDown), new(UserError))
	require.NotErrorAs(t, expressionError(t.Context(), engineql.ErrStorage{Err: errDown}), new(UserError))
	require.NotErrorAs(t, expressionError(t.Context(), engineql.ErrQueryTimeout("late")), new(UserError))
	require.NotErrorAs(t, expressionError(t.Context(), backend.DownstreamError(errDown)), new(UserError))
}

func TestNoticesOfCollecting(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scraper scraper
		want    string
	}{
		"no targets":    {scraper{}, "No targets are configured"},
		"no scrape yet": {scraper{targets: []Target{{Up: true}}}, "nothing has been scraped yet"},
		"just begun":    {scraper{targets: []Target{{Up: true}}, since: noon.Add(-20 * time.Second)}, "Collecting data since 11:59:40 UTC"},
		"long since":    {scraper{targets: []Target{{Up: true}}, since: noon.Add(-time.Hour)}, "No data for requests in this time range"},
		"one fails":     {scraper{targets: []Target{{Problem: "x is down"}, {Up: true}}, since: noon.Add(-time.Hour)}, "1 of 2 targets do not answer: x is down"},
		"many fail": {scraper{targets: []Target{{Problem: "1"}, {Problem: "2"}, {Problem: "3"}, {Problem: "4"}}, since: noon.Add(-time.Hour)},
			"4 of 4 targets do not answer, among them 1; 2; 3"},
		"a warning": {scraper{targets: []Target{{Up: true}}, warnings: []string{"The disk is full."}}, "The disk is full."},
	} {
		h := newHarness(t)
		h.Collector = c.scraper
		require.Contains(t, h.ask(signalOf("requests", nil)).notices(), c.want, name)
	}
	h := newHarness(t, triton)
	h.Collector, h.Mistakes = scraper{targets: []Target{{Up: true}}, since: noon.Add(-time.Hour)}, []string{"Custom profile ignored."}
	require.Equal(t, "Custom profile ignored.", h.ask(signalOf("requests", nil)).notices())
	h.Collector = scraper{err: errDown}
	require.ErrorIs(t, h.fails(signalOf("requests", nil)), errDown)
	require.ErrorIs(t, h.fails(halfHour(Request{Type: PromQL, Expr: "nobody"})), errDown)
}

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

func TestServersThatRulesAreWrittenFor(t *testing.T) {
	t.Parallel()
	h := newHarness(t, triton)
	servers, err := h.Servers(t.Context(), time.Hour)
	require.NoError(t, err)
	require.Len(t, servers.Profiles, 1)
	require.Equal(t, "triton", servers.Profiles[0].ID)
	require.True(t, servers.Exists("nv_cpu_utilization"))
	require.False(t, servers.Exists("nv_gpu_utilization"))
	h.fail(errDown, func(int, string) bool { return false })
	_, err = h.Servers(t.Context(), time.Hour)
	require.ErrorIs(t, err, errDown)
}

func TestErrorsOfAuthors(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, NewUserError(errDown), errDown)
	require.Equal(t, "model, version", JoinLabels([]signal.Label{signal.Model, signal.Version}))
}
