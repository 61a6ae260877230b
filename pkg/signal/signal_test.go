package signal

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Names are public: one that vanishes breaks dashboards and alert rules. Add to the list; take nothing away.
var published = []string{
	"requests", "error_rate", "client_error_rate", "response_time", "inference_time", "queue_time", "time_to_first_byte", "request_size",
	"response_size", "replicas", "concurrent_requests", "async_queue_size", "async_queue_time", "cpu_usage", "memory_usage", "gpu_utilization",
	"gpu_memory", "gpu_power", "models_resident", "model_loads", "model_evictions", "load_time", "response_cache_hit_ratio",
	"time_to_first_token", "inter_token_latency", "prefill_time", "decode_time", "input_tokens", "output_tokens", "model_memory", "cold_hit_rate",
	"cold_load_rate", "age_at_eviction", "prefix_cache_hit_ratio", "kv_cache_usage", "prediction_staleness", "feature_extraction_time",
	"cache_hit_ratio", "model_gpu_utilization", "energy_per_thousand_requests", "slo_violation", "slo_burn_rate", "slo_objective", "gpu_memory_usage",
}

func TestPublishedNamesStay(t *testing.T) {
	t.Parallel()
	for _, name := range published {
		_, ok := Find(name)
		require.True(t, ok, name)
	}
	require.Len(t, Builtin(), len(published), "a new signal belongs into the list of published names")
	_, ok := Find("")
	require.False(t, ok)
}

func TestCatalogueIsComplete(t *testing.T) {
	t.Parallel()
	seen, titles := map[string]bool{}, map[string]bool{}
	for _, s := range Builtin() {
		require.Regexp(t, `^[a-z]+(_[a-z]+)*$`, s.Name)
		require.False(t, seen[s.Name] || titles[s.Title], s.Name)
		seen[s.Name], titles[s.Title] = true, true
		require.NotEmpty(t, s.Title)
		require.True(t, strings.HasSuffix(s.Description, "."), s.Name)
		require.NotEmpty(t, s.MeasuredBy, s.Name)
		require.Contains(t, []Group{Volume, Latency, Size, ReplicaRow, Demand, Compute, ModelCache, OtherCaches, Freshness, Objectives}, s.Group)
		require.NotEmpty(t, s.Statistics(), s.Name)
		require.NotEmpty(t, s.GrafanaUnit(), s.Name)
		require.True(t, s.Unit.Known(), s.Name)
		factor, err := s.Unit.Factor(s.Unit)
		require.NoError(t, err)
		require.InDelta(t, 1, factor, 0)
		for _, st := range s.DefaultStatistics() {
			require.True(t, s.Has(st), "%s has no %s", s.Name, st)
		}
		for _, l := range s.GroupBy {
			require.Contains(t, Labels, l, s.Name)
		}
		for _, st := range s.Statistics() {
			_, quantile := st.Quantile()
			require.False(t, quantile && s.Shape != Distribution, "quantiles come only from distributions")
		}
	}
}

func TestAllIsACopy(t *testing.T) {
	t.Parallel()
	Builtin()[0].Name = "changed"
	require.Equal(t, "requests", Builtin()[0].Name)
}

func TestStatistics(t *testing.T) {
	t.Parallel()
	for st, want := range map[Statistic]float64{P50: 0.5, P90: 0.9, P95: 0.95, P99: 0.99} {
		q, ok := st.Quantile()
		require.True(t, ok)
		require.InDelta(t, want, q, 0)
	}
	for _, st := range []Statistic{Mean, Rate, Last, Max, "p42", ""} {
		_, ok := st.Quantile()
		require.False(t, ok, st)
	}
	load, _ := Find("load_time")
	require.True(t, load.Has(Last), "a statistic beside those of the shape")
}

func TestUnits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to Unit
		factor   float64
	}{
		{Microseconds, Seconds, 1e-6}, {Milliseconds, Seconds, 1e-3}, {Nanoseconds, Milliseconds, 1e-6}, {Seconds, Microseconds, 1e6},
		{Kibibytes, Bytes, 1024}, {Gibibytes, Mebibytes, 1024}, {Percent, Ratio, 0.01}, {BasisPoints, Ratio, 1e-4}, {BasisPoints, Percent, 0.01}, {Milliwatts, Watts, 1e-3}, {Microseconds, Microseconds, 1},
	} {
		got, err := c.from.Factor(c.to)
		require.NoError(t, err)
		require.InEpsilon(t, c.factor, got, 1e-12, "%s to %s", c.from, c.to)
	}
	for _, c := range [][2]Unit{{Seconds, Bytes}, {Joules, Watts}, {"", ""}, {"furlongs", Seconds}, {Seconds, "furlongs"}, {Requests, Models}} {
		_, err := c[0].Factor(c[1])
		require.Error(t, err, "%s to %s", c[0], c[1])
	}
	require.Equal(t, "reqps", Requests.Grafana(true))
	require.Equal(t, "short", Requests.Grafana(false))
	require.Equal(t, "s", Seconds.Grafana(false))
	for unit := range measures {
		require.NotEmpty(t, unit.Grafana(false), unit)
		require.NotEmpty(t, unit.Grafana(true), unit)
	}
}

func TestNewQuery(t *testing.T) {
	t.Parallel()
	q, err := Builtin().NewQuery("response_time", []string{"p95", "mean", "p95"}, []string{"model", "version", "model"},
		map[string][]string{"model": {"a", "b"}, "environment": {}, "deployment": nil}, 7, true, time.Minute)
	require.NoError(t, err)
	require.Equal(t, []Statistic{P95, Mean}, q.Statistics)
	require.Equal(t, []Label{Model, Version}, q.GroupBy)
	require.Equal(t, map[Label][]string{Model: {"a", "b"}}, q.Filters, "a label without values filters nothing")
	require.Equal(t, 7, q.Limit)
	require.Equal(t, time.Minute, q.Window)

	q, err = Builtin().NewQuery("requests", nil, nil, nil, 0, false, 0)
	require.NoError(t, err)
	require.Equal(t, []Statistic{Rate}, q.Statistics)
	require.NotNil(t, q.Filters)
}

func TestRefusedQueries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                string
		statistics, groupBy []string
		filters             map[string][]string
		limit               int
		window              time.Duration
		message             string
	}{
		{name: "respones_time", message: `there is no signal "respones_time": did you mean response_time? Choose one of: requests, `},
		{name: "", message: `there is no signal "": choose one of: `},
		{name: "requests", statistics: []string{"p95"}, message: `signal "requests" has no statistic "p95": choose one of: rate`},
		{name: "response_time", statistics: []string{""}, message: `signal "response_time" has no statistic "": choose one of: p50, p90, p95, p99, mean`},
		{name: "cpu_usage", groupBy: []string{"model"}, message: `signal "cpu_usage" cannot be grouped by "model": choose one of: environment, deployment, replica`},
		{name: "requests", filters: map[string][]string{"pod": {"x"}}, message: `there is no label "pod" to filter by: choose one of: environment, deployment, model`},
		{name: "requests", filters: map[string][]string{"pod": nil}, message: `there is no label "pod" to filter by`},
		{name: "requests", limit: -1, message: "the limit -1 is not between 0 (the default) and 1000"},
		{name: "requests", limit: 1001, message: "the limit 1001 is not between 0 (the default) and 1000"},
		{name: "requests", window: -time.Second, message: "the window -1s is negative"},
	} {
		_, err := Builtin().NewQuery(c.name, c.statistics, c.groupBy, c.filters, c.limit, true, c.window)
		require.ErrorContains(t, err, c.message)
	}
}

// Every label that a signal can be grouped by has a place in the order of labels, once.
func TestLabelsAreListedOnce(t *testing.T) {
	t.Parallel()
	sorted := slices.Sorted(slices.Values(Labels))
	require.Len(t, slices.Compact(sorted), len(Labels))
}
