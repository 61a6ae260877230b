package recordingrule

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// recordedBy is a store in which everything of a profile is recorded at windows.
func recordedBy(set profile.Set, aligned bool, phase time.Duration, windows ...time.Duration) *Rewrite {
	return &Rewrite{
		Known: KnownOf(set), Windows: windows,
		Covers: func(string, time.Duration) bool { return true },
		Exists: func(name string) bool { return !strings.Contains(name, "topk_") },
		Phase:  func(time.Duration, time.Duration) (time.Duration, bool) { return phase, aligned },
	}
}

// classic is a store of classic histograms.
func classic(set profile.Set) func(string) bool {
	names := map[string]bool{}
	for _, name := range set.SeriesNames() {
		names[name] = true
	}
	return func(name string) bool { return names[name] && !names[name+"_bucket"] }
}

func compiledPart(t *testing.T, set profile.Set, env profile.Environment, rewrite *Rewrite, name string, st signal.Statistic, by []string, filters map[string][]string) profile.Part {
	t.Helper()
	q, err := signal.Builtin().NewQuery(name, []string{string(st)}, by, filters, 50, true, 0)
	require.NoError(t, err)
	parts := rewrite.Parts(set.Compile(q, env))
	require.Len(t, parts, 1)
	return parts[0]
}

func TestPlansReadRecordedSeries(t *testing.T) {
	t.Parallel()
	const minute = time.Minute
	production := map[string][]string{"environment": {"production"}}
	for _, c := range []struct {
		name, server, signal string
		statistic            signal.Statistic
		by                   []string
		filters              map[string][]string
		window               time.Duration
		unaligned            bool
		phase                time.Duration
		windows              []time.Duration
		reads                string // empty where the plan is the same as without recordings
	}{
		{
			name: "a counter", server: "recorder", signal: "requests", statistic: signal.Rate, by: []string{"model"}, window: minute,
			reads: "sum by (model) (modelserving_environment_deployment_model_start_code:modelserving_requests:rate1m)",
		},
		{
			name: "filters on what is kept", server: "recorder", signal: "requests", statistic: signal.Rate, by: []string{"start"}, filters: production, window: minute,
			reads: `sum by (start) (modelserving_environment_deployment_model_start_code:modelserving_requests:rate1m{environment="production"})`,
		},
		{
			name: "a ratio's both sides", server: "triton", signal: "error_rate", statistic: signal.Mean, by: []string{"model"}, window: minute,
			reads: `sum by (model) (modelserving_environment_deployment_model_reason:nv_inference_request_failure:rate1m{reason!="CANCELED"}) / sum by (model) (label_replace(sum by (model) (modelserving_environment_deployment_model:nv_inference_request_success:rate1m), "part", "1", "", "") or label_replace(sum by (model) (modelserving_environment_deployment_model_reason:nv_inference_request_failure:rate1m), "part", "2", "", ""))`,
		},
		{
			name: "buckets", server: "recorder", signal: "response_time", statistic: signal.P95, by: []string{"model"}, window: minute,
			reads: "histogram_quantile(0.95, sum by (model, le) (modelserving_environment_deployment_model_start_le:modelserving_response_time_seconds_bucket:rate1m))",
		},
		{
			name: "a mean", server: "recorder", signal: "response_time", statistic: signal.Mean, window: minute,
			reads: "sum by () (modelserving_environment_deployment_model_start:modelserving_response_time_seconds_sum:rate1m) / sum by () (modelserving_environment_deployment_model_start:modelserving_response_time_seconds_count:rate1m)",
		},
		{
			name: "several windows in one", server: "recorder", signal: "requests", statistic: signal.Rate, window: 6 * minute, windows: []time.Duration{5 * minute, 2 * minute, minute},
			reads: "sum by () (0.3333333333333333 * sum_over_time((modelserving_environment_deployment_model_start_code:modelserving_requests:anchored_rate2m)[5m:2m]))",
		},
		{
			name: "several windows up to a time between", server: "recorder", signal: "requests", statistic: signal.Rate, window: 2 * minute, phase: 17 * time.Second,
			reads: "sum by () (0.5 * sum_over_time((modelserving_environment_deployment_model_start_code:modelserving_requests:anchored_rate1m offset -17s)[1m47s:1m]))",
		},
		{
			name: "second names of labels", server: "vllm", signal: "client_error_rate", statistic: signal.Mean, by: []string{"model"}, window: minute, filters: map[string][]string{"model": {"a"}},
			reads: "modelserving_environment_deployment_model_model_name_finished_reason:vllm_request_success:rate1m",
		},
		{name: "several windows at other times", server: "recorder", signal: "requests", statistic: signal.Rate, window: 2 * minute, unaligned: true},
		{name: "no multiple of the window", server: "recorder", signal: "requests", statistic: signal.Rate, window: 90 * time.Second},
		{name: "shorter than the window", server: "recorder", signal: "requests", statistic: signal.Rate, window: 30 * time.Second},
		{name: "grouped by what is not kept", server: "recorder", signal: "requests", statistic: signal.Rate, by: []string{"replica"}, window: minute},
		{name: "filtered by what is not kept", server: "recorder", signal: "requests", statistic: signal.Rate, window: minute, filters: map[string][]string{"version": {"2"}}},
		{name: "a gauge", server: "triton", signal: "models_resident", statistic: signal.Last, window: minute},
		{name: "a summary", server: "triton", signal: "response_time", statistic: signal.P95, window: minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			set := profiles(t, c.server)
			if c.windows == nil {
				c.windows = []time.Duration{minute}
			}
			env := profile.Environment{Window: c.window, Exists: classic(set)}
			without := compiledPart(t, set, env, nil, c.signal, c.statistic, c.by, c.filters)
			with := compiledPart(t, set, env, recordedBy(set, !c.unaligned, c.phase, c.windows...), c.signal, c.statistic, c.by, c.filters)
			got := text(with.Plan)
			if c.reads == "" {
				want := text(without.Plan)
				require.Equal(t, want, got)
				require.Empty(t, with.Recorded)
				return
			}
			require.Contains(t, got, c.reads)
			require.NotContains(t, got, "rate(")
			require.NotEmpty(t, with.Provenance(classic(set))[0].Recorded)
			require.Contains(t, with.Describe(), "read from recording rules (rates over ")
		})
	}
}

// A part that reads one thing as it is reads nothing as it was recorded: both sides of a ratio are of the same moment.
func TestIfOneRecordedSeriesIsMissingNoneIsRead(t *testing.T) {
	t.Parallel()
	set := profiles(t, "triton")
	env := profile.Environment{Window: time.Minute, Exists: classic(set)}
	want := text(compiledPart(t, set, env, nil, "error_rate", signal.Mean, []string{"model"}, nil).Plan)
	for name, lacking := range map[string]func(*Rewrite){
		"no samples": func(r *Rewrite) { r.Exists = func(n string) bool { return !strings.Contains(n, "failure") } },
		"not far enough": func(r *Rewrite) {
			r.Covers = func(n string, _ time.Duration) bool { return !strings.Contains(n, "success") }
		},
		"none": func(r *Rewrite) { r.Windows = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rewrite := recordedBy(set, true, 0, time.Minute)
			lacking(rewrite)
			got := compiledPart(t, set, env, rewrite, "error_rate", signal.Mean, []string{"model"}, nil)
			require.Empty(t, got.Recorded)
			require.Equal(t, want, text(got.Plan))
		})
	}
}

// The top models are read as they were recorded most recently, and the counts of buckets instead of the buckets.
func TestTopModelsAndLayouts(t *testing.T) {
	t.Parallel()
	set := profiles(t, "recorder")
	env := profile.Environment{Window: time.Minute, Exists: classic(set), Limited: true}
	rewrite := recordedBy(set, true, 0, time.Minute)
	rewrite.Exists = func(string) bool { return true }
	q, err := signal.Builtin().NewQuery("response_time", []string{"p95"}, []string{"model"}, nil, 50, true, 0)
	require.NoError(t, err)
	parts := rewrite.Parts(set.Compile(q, env))
	require.Len(t, parts, 2, "the top models and the others")
	for _, part := range parts {
		require.Len(t, part.Buckets, 1)
		quantile := text(part.Buckets[0].Quantile)
		const recording = "modelserving_environment_deployment_model_start_le:modelserving_response_time_seconds_bucket"
		require.Contains(t, quantile, recording+":topk_rate1m or "+recording+":rate1m")
		layout := text(part.Buckets[0].Layout)
		require.Contains(t, layout, recording+":count")
		require.NotContains(t, layout, "(modelserving_response_time_seconds_bucket")
		rates := text(part.Buckets[0].Rates)
		require.Contains(t, rates, "rate(modelserving_response_time_seconds_bucket[1m])", "of each replica, which recordings do not keep")
	}
}

// Names say which labels a recording has; those of another mapping are other names.
func TestNamesOfRecordedSeries(t *testing.T) {
	t.Parallel()
	here := profiles(t, "vllm").Named(map[signal.Label]string{signal.Environment: "cluster", signal.Deployment: "job"})
	names := map[string]bool{}
	for _, rules := range KnownOf(here) {
		for _, r := range rules {
			require.False(t, names[r.Rate(time.Minute)], "%s twice", r.Rate(time.Minute))
			names[r.Rate(time.Minute)] = true
			require.Equal(t, 90*time.Second, WindowOf(r.Rate(90*time.Second)))
			require.Zero(t, WindowOf(r.BucketCount()))
		}
	}
	require.True(t, names["modelserving_cluster_job_model_model_name_finished_reason:vllm_request_success:rate1m"])
	require.Zero(t, WindowOf("modelserving:model:error_rate:mean_5m"))
	require.Zero(t, WindowOf("job:http_requests:rate5m"))
}

// No two series of the profiles that come with the plugin would be recorded under one name, and whatever they read is recorded.
func TestNoTwoSeriesAreRecordedUnderOneName(t *testing.T) {
	t.Parallel()
	set, err := profile.Embedded()
	require.NoError(t, err)
	named := map[string]string{}
	recorded := KnownOf(set)
	for series, all := range recorded {
		for _, r := range all {
			require.NotContains(t, named, r.BucketCount())
			named[r.BucketCount()] = series
		}
	}
	for _, p := range set {
		for _, recipes := range p.Signals {
			for _, r := range recipes {
				for _, metric := range r.Histogram {
					require.Contains(t, recorded, metric+"_bucket", p.ID)
				}
			}
		}
	}
}

// Where two series of a team's own profile would have one name, neither is recorded.
func TestSeriesThatWouldShareANameAreNotRecorded(t *testing.T) {
	t.Parallel()
	const twice = `id: twice
name: Twice
layer: server
detect: ["twice:requests_total"]
identity_metric: "twice:requests_total"
replica: [job, instance]
labels: {model: model, replica: instance, environment: environment, deployment: deployment}
metrics:
  "twice:requests_total": {type: counter, unit: requests, labels: [model]}
  twice_requests: {type: counter, unit: requests, labels: [model]}
  twice_failures_total: {type: counter, unit: requests, labels: [model]}
signals:
  requests:
    - sum: [{metric: "twice:requests_total"}]
  error_rate:
    - ratio: {of: [{metric: twice_failures_total}], to: [{metric: twice_requests}]}
`
	p, err := profile.Parse([]byte(twice))
	require.NoError(t, err)
	recorded := KnownOf(profile.Set{p})
	require.Contains(t, recorded, "twice_failures_total")
	require.NotContains(t, recorded, "twice_requests")
	require.NotContains(t, recorded, "twice:requests_total")
}
