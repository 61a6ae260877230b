package promql

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	engineql "github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

const (
	scrapeEvery = 15 * time.Second
	scrapes     = 41
	// window holds four samples: those at 0, 15, 30 and 45 seconds before the time of evaluation.
	window        = time.Minute
	inWindow      = 4
	warmUp        = inWindow - 1
	fleetSpan     = (scrapes - 1) * scrapeEvery
	fleetModels   = 7
	fleetReplicas = 3
)

// fleet is a storage with made-up metrics of Triton servers, and the same numbers in memory.
type fleet struct {
	t       *testing.T
	storage *teststorage.TestStorage
	engine  *engineql.Engine
	start   time.Time
	samples []sampled
}

// sampled is one series: a value for every scrape.
type sampled struct {
	labels labels.Labels
	values []float64
}

func newFleet(t *testing.T, seed uint64) *fleet {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	f := &fleet{t: t, storage: teststorage.New(t), start: time.UnixMilli(1_700_000_000_000)}
	f.engine = engineql.NewEngine(engineql.EngineOpts{
		MaxSamples: 1e7, Timeout: time.Minute, EnableAtModifier: true, Parser: parser.NewParser(parser.Options{}),
	})
	t.Cleanup(func() { _ = f.engine.Close() })
	for replica := range fleetReplicas {
		of := []string{"job", string(rune('a' + replica)), "instance", "host-" + string(rune('a'+replica)) + ":8002", "environment", "production",
			"deployment", []string{"vision", "vision", "text"}[replica]}
		f.add("nv_cpu_utilization", gauge(r, 1), of)
		f.add("nv_cpu_memory_used_bytes", gauge(r, 1<<30), of)
		for model := range fleetModels {
			if (model+replica)%fleetReplicas == 0 {
				continue // not every replica serves every model
			}
			own := slices.Concat(of, []string{"model", "model-" + string(rune('0'+model)), "version", string(rune('1' + model%2))})
			f.add("nv_inference_request_success", counter(r, 100*(model+1)), own)
			for _, reason := range []string{"OTHER", "BACKEND", "CANCELED"} {
				f.add("nv_inference_request_failure", counter(r, 10), slices.Concat(own, []string{"reason", reason}))
			}
			f.add("nv_inference_request_duration_us", counter(r, 9_000_000), own)
			f.add("nv_inference_queue_duration_us", counter(r, 1_000_000), own)
			f.add("nv_inference_compute_infer_duration_us", counter(r, 5_000_000), own)
			f.add("nv_inference_pending_request_count", gauge(r, 20), own)
			f.add("nv_inference_request_summary_us", gauge(r, 1e6), slices.Concat(own, []string{"quantile", "0.5"}))
			if model%2 == 0 {
				f.add("nv_cache_num_hits_per_model", counter(r, 20), own)
				f.add("nv_cache_num_misses_per_model", counter(r, 20), own)
			}
			f.addHistogram(r, own)
		}
	}
	f.store()
	return f
}

var bounds = []string{"10", "50", "100", "500", "1000", "+Inf"}

func (f *fleet) addHistogram(r *rand.Rand, own []string) {
	cumulative := make([]float64, scrapes)
	for _, le := range bounds {
		for i, v := range monotonic(r, 50) {
			cumulative[i] += v
		}
		f.add("nv_inference_first_response_histogram_ms_bucket", slices.Clone(cumulative), slices.Concat(own, []string{"le", le}))
	}
}

func (f *fleet) add(metric string, values []float64, pairs []string) {
	f.samples = append(f.samples, sampled{labels.FromStrings(append([]string{model.MetricNameLabel, metric}, pairs...)...), values})
}

func (f *fleet) store() {
	for i := range scrapes {
		app := f.storage.Appender(f.t.Context())
		for _, s := range f.samples {
			_, err := app.Append(0, s.labels, f.at(i).UnixMilli(), s.values[i])
			require.NoError(f.t, err)
		}
		require.NoError(f.t, app.Commit())
	}
}

func (f *fleet) at(scrape int) time.Time { return f.start.Add(time.Duration(scrape) * scrapeEvery) }

// counter grows by random steps and is reset now and then, as by a server that was restarted.
func counter(r *rand.Rand, most int) []float64 {
	out := monotonic(r, most)
	for i := 1; i < len(out); i++ {
		if r.IntN(25) == 0 {
			fall := out[i] - float64(20*most+r.IntN(most+1))
			for j := i; j < len(out); j++ {
				out[j] -= fall
			}
		}
	}
	return out
}

// monotonic starts high enough for Prometheus not to assume that the counter began within the window.
func monotonic(r *rand.Rand, most int) []float64 {
	out := make([]float64, scrapes)
	out[0] = float64(1000 * most)
	for i := 1; i < len(out); i++ {
		out[i] = out[i-1] + float64(r.IntN(most+1))
	}
	return out
}

func gauge(r *rand.Rand, most float64) []float64 {
	out := make([]float64, scrapes)
	for i := range out {
		out[i] = r.Float64() * most
	}
	return out
}

// answer compiles a query as the plugin does and answers it with Prometheus's engine: the sum over the parts, by the
// values of the labels joined with a slash. The others of a limited query are under "others".
func (f *fleet) answer(q signal.Query, limited bool) map[string][]float64 {
	f.t.Helper()
	set, err := profile.Embedded()
	require.NoError(f.t, err)
	out := map[string][]float64{}
	for _, part := range set.Compile(q, profile.Environment{Window: window, Limited: limited, Exists: f.has}) {
		for key, values := range f.run(Text(part.Plan, fleetSpan), q.GroupBy, part.Others) {
			require.NotContains(f.t, out, key, "two series for one group")
			out[key] = values
		}
	}
	return out
}

func (f *fleet) has(metric string) bool {
	return slices.ContainsFunc(f.samples, func(s sampled) bool { return s.labels.Get(model.MetricNameLabel) == metric })
}

func (f *fleet) run(text string, by []signal.Label, others bool) map[string][]float64 {
	f.t.Helper()
	query, err := f.engine.NewRangeQuery(f.t.Context(), f.storage, nil, text, f.at(warmUp), f.at(scrapes-1), scrapeEvery)
	require.NoError(f.t, err, text)
	defer query.Close()
	result := query.Exec(f.t.Context())
	require.NoError(f.t, result.Err, text)
	matrix, err := result.Matrix()
	require.NoError(f.t, err)
	out := map[string][]float64{}
	for _, s := range matrix {
		key := keyOf(s.Metric, by)
		if others {
			key = othersKey
		}
		require.NotContains(f.t, out, key)
		require.Len(f.t, s.Floats, scrapes-warmUp, text)
		for _, p := range s.Floats {
			out[key] = append(out[key], p.F)
		}
	}
	return out
}
