package profile_test

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
	"github.com/coldhit/modelserving-datasource/tests/captures"
)

// recorded is the version of the Triton whose answers were recorded.
const recorded = "24.10"

var typeLine = regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`)

// page is the metrics and their types that a recorded metrics page shows.
func page(t *testing.T, name string) map[string]profile.Type {
	t.Helper()
	text := captures.Recording(t, "triton", name)
	out := map[string]profile.Type{}
	for _, m := range typeLine.FindAllStringSubmatch(string(text), -1) {
		out[m[1]] = profile.Type(m[2])
	}
	require.NotEmpty(t, out)
	return out
}

func shownOn(p map[string]profile.Type) func(string) bool {
	return func(metric string) bool { _, ok := p[metric]; return ok }
}

func pages(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "tests", "captures", "testdata", "triton", "*-metrics-*.txt"))
	require.NoError(t, err)
	require.Len(t, files, 8)
	var out []string
	for _, f := range files {
		base := filepath.Base(f)
		out = append(out, base[:len(base)-len(".txt")])
	}
	return out
}

// What the profile says of Triton's metrics is what a real Triton said.
func TestTritonSaysWhatItsProfileSays(t *testing.T) {
	t.Parallel()
	triton := embedded(t).Find("triton")
	for _, name := range pages(t) {
		shown := page(t, name)
		always := 0
		for metric, m := range triton.Metrics {
			kind, there := shown[metric]
			if m.Enable == "" && m.Since <= recorded {
				require.True(t, there, "%s lacks %s", name, metric)
				always++
			}
			if there {
				require.Equal(t, kind, m.Type, "%s on %s", metric, name)
			}
		}
		require.GreaterOrEqual(t, always, 12)
		require.Equal(t, "triton", embedded(t).Targets().Detect(shownOn(shown))[0].ID)
	}
}

func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	triton := embedded(t).Find("triton")
	const (
		gpu       = "For gpu_utilization, gpu_memory, gpu_memory_usage, gpu_power: run Triton on a host with an NVIDIA GPU and DCGM, with --allow-gpu-metrics=true."
		histogram = "For time_to_first_byte: run Triton 24.11 or later with --metrics-config histogram_latencies=true; only decoupled models have it."
		loads     = "For load_time: run Triton 24.11 or later."
		summaries = "For quantiles of response_time, quantiles of inference_time, quantiles of queue_time: start Triton with --metrics-config summary_latencies=true (a model with a response cache never has it)."
	)
	require.Equal(t, []string{histogram, gpu, loads}, triton.SwitchedOff(shownOn(page(t, "2-metrics-all-loaded"))))
	require.Equal(t, []string{summaries, histogram, gpu, loads}, triton.SwitchedOff(shownOn(page(t, "9-metrics-default-loaded"))))
	unloaded := triton.SwitchedOff(shownOn(page(t, "6-metrics-after-unload-cached")))
	require.Len(t, unloaded, 4)
	require.Contains(t, unloaded[3], "For response_cache_hit_ratio: start Triton with --cache-config",
		"the mean of inference_time needs no cache")
	require.Empty(t, triton.SwitchedOff(everything))
}

// Every signal is filled by a profile, or it is said what would measure it.
func TestEverySignalIsFilledOrExplained(t *testing.T) {
	t.Parallel()
	set := embedded(t)
	var unfilled []string
	for _, s := range signal.Builtin() {
		filled := slices.ContainsFunc(set, func(p *profile.Profile) bool { return len(p.Signals[s.Name]) > 0 })
		if !filled {
			unfilled = append(unfilled, s.Name)
		}
		for _, st := range s.Statistics() {
			why := set.Explain(s, st, nothing)
			require.NotEmpty(t, s.MeasuredBy)
			require.Regexp(t, `^[A-Z].*\.$`, why)
			require.Contains(t, why, s.Name)
			if !filled {
				require.Contains(t, why, "NVIDIA Triton Inference Server does not report "+s.Name+".")
				require.Contains(t, why, "It is measured by "+s.MeasuredBy+".")
			} else {
				require.NotContains(t, why, "It is measured by")
			}
		}
	}
	require.Subset(t, unfilled, []string{"feature_extraction_time", "prediction_staleness"}, "teams have metrics of their own for these")
}

func TestExplain(t *testing.T) {
	t.Parallel()
	set := embedded(t)
	for _, c := range []struct {
		signal string
		st     signal.Statistic
		set    profile.Set
		exists func(string) bool
		want   string
	}{
		{"response_time", signal.P95, set, nothing, "NVIDIA Triton Inference Server does not report p95 of response_time. To enable it, start Triton with --metrics-config summary_latencies=true (a model with a response cache never has it)."},
		{"gpu_power", signal.Last, set, nothing, "NVIDIA Triton Inference Server does not report last of gpu_power. To enable it, run Triton on a host with an NVIDIA GPU and DCGM, with --allow-gpu-metrics=true."},
		{"load_time", signal.P95, set, everything, "NVIDIA Triton Inference Server reports load_time, but not its p95."},
		{"request_size", signal.P95, nil, nothing, "No server here reports request_size. It is measured by the recorder in front of the server, or a gateway that counts it (Istio, Envoy, ModelMesh)."},
		{"request_size", signal.P95, profile.Set{set.Find("modelserving")}, nothing, "No server here reports request_size. It is measured by the recorder in front of the server, or a gateway that counts it (Istio, Envoy, ModelMesh)."},
	} {
		s, ok := signal.Find(c.signal)
		require.True(t, ok)
		require.Equal(t, c.want, c.set.Explain(s, c.st, c.exists))
	}
}

func TestListing(t *testing.T) {
	t.Parallel()
	selectors := func(label signal.Label, filters map[signal.Label][]string) map[string][]string {
		out := map[string][]string{}
		for _, l := range embedded(t).Listing(label, filters) {
			for _, s := range l.Series {
				out[l.Label] = append(out[l.Label], promql.Selector(s))
			}
		}
		return out
	}
	production := map[signal.Label][]string{signal.Environment: {"production"}, signal.Model: {"a"}}
	require.Equal(t, map[string][]string{"model": {`modelserving_model_resident{environment="production"}`, `nv_inference_request_success{environment="production"}`}},
		selectors(signal.Model, production), "a dropdown does not shrink to what it has chosen")
	require.Equal(t, map[string][]string{"deployment": {`modelserving_model_resident{environment="production", model="a"}`, `nv_inference_request_success{environment="production", model="a"}`}},
		selectors(signal.Deployment, production))
	require.Equal(t, map[string][]string{"instance": {"modelserving_model_resident", "nv_inference_request_success"}}, selectors(signal.Replica, nil))
	require.Equal(t, map[string][]string{"reason": {`nv_inference_request_failure{environment="production", model="a"}`}}, selectors(signal.Code, production))
	require.Contains(t, selectors(signal.GPU, production)["gpu_uuid"], `nv_gpu_utilization{environment="production"}`, "GPUs do not say the model: all are listed")
	require.Equal(t, map[string][]string{"state": {"modelserving_replicas"}}, selectors(signal.State, nil))
	require.Equal(t, map[signal.Label][]string{signal.Environment: {"production"}, signal.Model: {"a"}}, production, "what was given stays as it was")
}

func TestGivenValues(t *testing.T) {
	t.Parallel()
	set := embedded(t)
	require.Equal(t, []string{"active", "executing", "queued"}, set.SetValues(signal.State))
	require.Equal(t, []string{"failure", "success"}, set.SetValues(signal.Status))
	require.Empty(t, set.SetValues(signal.Model))
}

func TestSet(t *testing.T) {
	t.Parallel()
	set := embedded(t)
	require.Nil(t, set.Find("unknown"))
	require.Empty(t, set.Detect(nothing))
	require.Len(t, set.Detect(everything), 2)
	require.Equal(t, []string{"triton"}, []string{set.Targets()[0].ID}, "the project's own series are no server's")
	require.Len(t, set.Targets(), 1)
	names := set.SeriesNames()
	require.True(t, slices.IsSorted(names))
	require.Contains(t, names, firstResponse+"_bucket", "histograms are stored by their buckets")
	require.Contains(t, names, firstResponse, "or as native ones")
	require.Len(t, names, len(set.Find("triton").Metrics)+1+len(set.Find("modelserving").Metrics))
}

// Names of labels are the project's own words or the server's: both can be read back from a series without a mix-up.
func TestNamesOfLabelsAreUnambiguous(t *testing.T) {
	t.Parallel()
	for _, p := range embedded(t) {
		taken := map[string]signal.Label{}
		for _, ours := range slices.Sorted(maps.Keys(p.Labels)) {
			theirs := p.Labels[ours]
			require.Empty(t, taken[theirs], "%s: %s and %s are both %s", p.ID, ours, taken[theirs], theirs)
			taken[theirs] = ours
			if slices.Contains(signal.Labels, signal.Label(theirs)) {
				require.Equal(t, string(ours), theirs, "%s: a word of the project's for something else", p.ID)
			}
		}
	}
}

func TestCounterAndGroups(t *testing.T) {
	t.Parallel()
	set := embedded(t)
	loads, _ := signal.Find("model_loads")
	out, _ := text(t, set.Counter(loads, map[signal.Label][]string{signal.Model: {"a"}}))
	require.Equal(t, `sum by (environment, deployment, model, version, replica) (label_replace(sum by (environment, deployment, model, version, instance) (modelserving_model_loads_total{model="a"}), "replica", "$1", "instance", "(.+)"))`, out)
	require.Nil(t, set.Counter(loads, map[signal.Label][]string{signal.GPU: {"a"}}), "a filter that leaves nothing")
	require.Nil(t, profile.Set{set.Find("triton")}.Counter(loads, nil), "nothing there counts it")

	q, err := signal.Builtin().NewQuery("error_rate", nil, []string{"model"}, nil, 5, true, time.Minute)
	require.NoError(t, err)
	out, _ = text(t, set.Groups(q, profile.Environment{Exists: everything}))
	require.Regexp(t, `^count by \(\) \(sum by \(model\) \(.*increase\(nv_inference_request_success\[1h\] @ end\(\)\).*$`, out)
	require.Nil(t, set.Groups(q, profile.Environment{Exists: nothing}), "nothing counts traffic")
	q.Limit = 0
	require.Nil(t, set.Groups(q, profile.Environment{Exists: everything}), "no limit")
	q.Limit, q.GroupBy = 5, []signal.Label{signal.Replica}
	require.Nil(t, set.Groups(q, profile.Environment{Exists: everything}), "models are not told apart")
}
