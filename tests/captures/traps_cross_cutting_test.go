package captures

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Residency, response cache and prefix cache: each signal is filled by its own cache's server alone.
func TestThreeCachesShareTheWordCacheHit(t *testing.T) {
	t.Parallel()
	s := newStore(t, 2)
	s.add("triton", recorded(t, "triton", tritonLoaded)...)
	s.add("vllm", recorded(t, "vllm", []string{"1-metrics-idle", "2-metrics-loaded"})...)
	s.add("modelmesh", recorded(t, "modelmesh", []string{"1-idle", "2-loaded"})...)
	for name, want := range map[string][]string{
		"response_cache_hit_ratio": {"model=cached 0.8734"}, // 69 hits and 10 misses
		"prefix_cache_hit_ratio":   {"model=llama 0.25"},    // 2,000 of 8,000 tokens
		"cold_hit_rate":            {"model=iris 0.08"},     // 10 misses of 125 requests
	} {
		require.Equal(t, want, s.answers(embedded(t), name, signal.Mean, "model"), name)
	}
	read := map[string]map[string]bool{}
	caches := map[string]string{
		"cold_hit_rate": "model cache", "cold_load_rate": "model cache", "cache_hit_ratio": "model cache", "model_loads": "model cache",
		"response_cache_hit_ratio": "response cache", "prefix_cache_hit_ratio": "prefix cache",
	}
	everyRecipe(embedded(t), func(_ *profile.Profile, name string, r profile.Recipe) {
		if cache, ok := caches[name]; ok && r.Ratio != nil {
			for _, term := range r.Ratio.Of {
				for _, metric := range term.Metric {
					if read[metric] == nil {
						read[metric] = map[string]bool{}
					}
					read[metric][cache] = read[metric][cache] || (term.As == "" && !term.TreatMissingAsZero)
				}
			}
		}
	})
	require.Greater(t, len(read), 8)
	for metric, of := range read {
		require.Len(t, of, 1, "%s is what %v hit", metric, slices.Sorted(maps.Keys(of)))
	}
}

// Each row says in PromQL what the server's own number is, and how many of the signal's unit one of the server's is.
func TestUnitsInTheWild(t *testing.T) {
	t.Parallel()
	const in = "[60001ms]"
	mean := func(sum, count string) string {
		return "sum(increase(" + sum + in + ")) / sum(increase(" + count + in + "))"
	}
	median := func(histogram, where string) string {
		return "histogram_quantile(0.5, sum by (le) (increase(" + histogram + "_bucket" + where + in + ")))"
	}
	loaded := []string{"1-metrics-idle", "2-metrics-loaded"}
	short := []string{"1-idle", "2-loaded"}
	ray := rayServe[0].recordings
	for _, c := range []struct {
		unit, server string
		recordings   []string
		signal       string
		statistic    signal.Statistic
		theirs       string
		factor       float64
	}{
		{"microseconds", "triton", tritonLoaded, "response_time", signal.Mean, mean("nv_inference_request_duration_us", "nv_inference_request_success"), 1e-6},
		{"microseconds", "tfserving", short, "inference_time", signal.P50, median(":tensorflow:serving:runtime_latency", ""), 1e-6},
		{"microseconds", "ovms", loaded, "inference_time", signal.P50, median("ovms_inference_time_us", ""), 1e-6},
		{"microseconds", "djl", short, "response_time", signal.Mean, mean("RequestLatency_sum", "RequestLatency_count"), 1e-6},
		{"microseconds", "djl", short, "load_time", signal.Last, "avg(LoadModel)", 1e-6},
		{"milliseconds", "modelmesh", short, "response_time", signal.P50, median("modelmesh_api_request_milliseconds", ""), 1e-3},
		{"milliseconds", "ray_serve", ray, "response_time", signal.P50, median("ray_serve_http_request_latency_ms", `{application!=""}`), 1e-3},
		{"milliseconds", "istio", short, "response_time", signal.P50, median("istio_request_duration_milliseconds", `{reporter="source"}`), 1e-3},
		{"milliseconds", "envoy", short, "response_time", signal.P50, median("envoy_cluster_upstream_rq_time", `{envoy_cluster_name!="xds_cluster"}`), 1e-3},
		{"milliseconds", "knative_before_1_19", []string{"1-queue-proxy", "2-queue-proxy"}, "response_time", signal.P50, median("revision_request_latencies", ""), 1e-3},
		{"milliseconds", "torchserve", []string{"1-metrics-idle", "2-metrics-loaded"}, "load_time", signal.Last, "avg(WorkerLoadTime)", 1e-3},
		{"seconds", "knative", []string{"1-queue-proxy", "2-queue-proxy"}, "response_time", signal.P50, median("http_server_request_duration_seconds", ""), 1},
		{"bytes", "triton", tritonLoaded, "memory_usage", signal.Last, "nv_cpu_memory_used_bytes", 1},
		{"mebibytes", "dcgm", short, "gpu_memory", signal.Last, "sum(DCGM_FI_DEV_FB_USED)", 1 << 20},
		{"mebibytes", "baseten", short, "gpu_memory", signal.Last, "sum(baseten_gpu_memory_used)", 1 << 20},
		{"mebibytes called megabytes", "torchserve", loaded, "memory_usage", signal.Last, "MemoryUsed", 1 << 20},
		{"gibibytes called gigabytes", "sglang", loaded, "model_memory", signal.Last, `sum({__name__=~"sglang:(weight|kv_cache|graph)_memory_usage_gb"})`, 1 << 30},
		{"percent, and a ratio for slices,", "dcgm", short, "gpu_utilization", signal.Last, "avg(DCGM_FI_DEV_GPU_UTIL / 100 or DCGM_FI_PROF_GR_ENGINE_ACTIVE)", 1},
		{"percent", "baseten", short, "gpu_utilization", signal.Last, "avg(baseten_gpu_utilization)", 0.01},
		{"percent", "torchserve", loaded, "cpu_usage", signal.Last, "CPUUtilization", 0.01},
		{"percent", "ray_serve", ray, "cpu_usage", signal.Last, "ray_node_cpu_utilization", 0.01},
		{"a ratio", "triton", tritonLoaded, "cpu_usage", signal.Last, "nv_cpu_utilization", 1},
		{"a ratio called perc", "vllm", loaded, "kv_cache_usage", signal.Last, "vllm:kv_cache_usage_perc", 1},
		{"a ratio called percent", "dynamo", []string{"3-worker-idle", "4-worker-loaded"}, "kv_cache_usage", signal.Last, "avg(dynamo_component_gpu_cache_usage_percent)", 1},
	} {
		t.Run(c.unit+" of "+c.server+" "+c.signal, func(t *testing.T) {
			t.Parallel()
			s := replay(t, c.server, c.recordings)
			theirs := s.number(c.theirs)
			require.NotZero(t, theirs)
			ours := s.totals(c.signal, c.statistic)
			require.Len(t, ours, 1)
			require.InEpsilon(t, theirs*c.factor, ours[""], 1e-6)
		})
	}
	t.Run("basis points of modelmesh", func(t *testing.T) {
		t.Parallel()
		set, problems := embedded(t).With([]profile.File{{Name: "fill.yaml", Text: cacheFill}})
		require.Empty(t, problems)
		s := newStore(t, 1)
		s.add("modelmesh", []byte("modelmesh_instance_capacity_bytes 8e9\nmodelmesh_instance_used_bytes 6e9\nmodelmesh_instance_used_bps 7500\n"))
		q, err := set.Catalogue().NewQuery("model_cache_fill", nil, nil, nil, 0, false, 0)
		require.NoError(t, err)
		parts := set.Detect(s.has).Compile(q, profile.Environment{Window: window, Exists: s.has})
		require.Len(t, parts, 1)
		require.InDelta(t, s.number("modelmesh_instance_used_bytes / modelmesh_instance_capacity_bytes"), s.number(promql.Text(parts[0].Plan, s.span)), 1e-9)
	})
}

// cacheFill is a profile of somebody's own: no signal of the catalogue is how full a model cache is.
const cacheFill = `id: fill
name: Model cache
layer: gateway
detect: [modelmesh_instance_used_bps]
identity_metric: modelmesh_instance_used_bps
replica: [job, instance]
labels: {replica: instance, environment: environment, deployment: deployment}
metrics:
  modelmesh_instance_used_bps: {type: gauge, unit: basis_points, labels: []}
custom_signals:
  model_cache_fill: {title: Model cache, unit: ratio, shape: level, description: Share of a pod's model cache that is taken.}
signals:
  model_cache_fill:
    - average: [{metric: modelmesh_instance_used_bps}]
`

func TestLabelThatMeansModel(t *testing.T) {
	t.Parallel()
	loaded := []string{"1-metrics-idle", "2-metrics-loaded"}
	short := []string{"1-idle", "2-loaded"}
	for _, c := range []struct {
		label, server string
		recordings    []string
		signal        string
		models        []string
	}{
		{"model", "triton", tritonLoaded, "requests", []string{"cached", "failing", "fast", "pipe", "slow", "stream"}},
		{"model_name", "kserve", []string{"2-metrics-loaded", "3-metrics-loaded"}, "requests", []string{"failing", "fast", "slow"}},
		{"model_name", "vllm", loaded, "requests", []string{"llama"}},
		{"model_name, beside ModelName", "torchserve", []string{"2-metrics-loaded", "3-metrics-after-v2-scale"}, "requests", []string{"failing", "fast", "slow"}},
		{"modelId", "modelmesh", short, "requests", []string{"iris"}},
		{"Model", "djl", short, "requests", []string{"resnet"}},
		{"name", "ovms", loaded, "requests", []string{"resnet"}},
		{"application, beside deployment", "ray_serve", rayServe[0].recordings, "requests", []string{"batch", "failing", "fast", "graph", "mux", "stream"}},
		{"runner_name", "bentoml", []string{"0-before-any-request", "2-metrics-loaded"}, "requests", []string{"front", "inner_model"}},
		{"destination_service_name, beside destination_workload", "istio", short, "requests", []string{"clean", "iris", "rpc"}},
		{"gen_ai_request_model", "otel_genai", []string{"1-server-idle", "2-server-loaded"}, "requests", []string{"llama", "phi"}},
		{"none", "tgi", loaded, "requests", []string{""}},
		{"none", "llamacpp", loaded, "concurrent_requests", []string{""}},
		{"modelName, which is the GPU's", "dcgm", short, "gpu_memory", []string{""}},
	} {
		t.Run(c.label+" of "+c.server, func(t *testing.T) {
			t.Parallel()
			s := replay(t, c.server, c.recordings)
			found := map[string]bool{}
			statistic := signal.Last
			if c.signal == "requests" {
				statistic = signal.Rate
			}
			for _, p := range s.parts(embedded(t), c.signal, statistic, groupedByModel(c.signal)...) {
				for _, sample := range s.ask(promql.Text(p.Plan, s.span)) {
					found[sample.Metric.Get("model")] = true
					require.Subset(t, []string{"", "recorded"}, []string{sample.Metric.Get("deployment")}, "the target's, whatever the server calls so")
				}
			}
			require.Equal(t, c.models, slices.Sorted(maps.Keys(found)))
		})
	}
}

func groupedByModel(name string) []string {
	s, _ := signal.Find(name)
	if slices.Contains(s.GroupBy, signal.Model) {
		return []string{"model", "deployment"}
	}
	return []string{"deployment"}
}

// A gauge is as it stands, a counter is what it grew by, whatever it is called.
func TestGaugesNamedTotalAndCountersWithoutIt(t *testing.T) {
	t.Parallel()
	t.Run("gauge modelmesh_instance_models_total", func(t *testing.T) {
		t.Parallel()
		s := replay(t, "modelmesh", []string{"1-idle", "2-loaded"})
		require.InDelta(t, 3, s.totals("models_resident", signal.Last)[""], 0)
		require.InDelta(t, 1, s.number("increase(modelmesh_instance_models_total[60001ms])"), 0.01, "read as a counter")
	})
	t.Run("gauges modelmesh_models_total of the whole cluster", func(t *testing.T) {
		t.Parallel()
		require.Contains(t, string(Recording(t, "modelmesh", "2-loaded")), "modelmesh_models_loaded_total 7")
		everyRecipe(embedded(t), func(p *profile.Profile, name string, r profile.Recipe) {
			for _, metric := range r.Reads() {
				require.NotRegexp(t, `^modelmesh_models_.*_total$`, metric, name)
			}
		})
	})
	t.Run("histogram vllm:iteration_tokens_total", func(t *testing.T) {
		t.Parallel()
		everyRecipe(embedded(t), func(p *profile.Profile, name string, r profile.Recipe) {
			require.NotContains(t, r.Reads(), "vllm:iteration_tokens_total", name)
		})
	})
	for _, c := range []struct{ server, before, after, metric string }{
		{"triton", tritonLoaded[0], tritonLoaded[1], `{__name__=~"nv_inference_request_(success|failure)"}`},
		{"triton", "2-metrics-all-loaded", "4-metrics-all-loaded2", `{__name__=~"nv_inference_request_(success|failure)"}`},
		{"tfserving", "1-idle", "2-loaded", ":tensorflow:serving:request_count"},
		{"ovms", "1-metrics-idle", "2-metrics-loaded", `{__name__=~"ovms_requests_(success|fail|rejected)",method=~"ModelInfer|ModelStreamInfer|Predict"}`},
		{"knative_before_1_19", "1-queue-proxy", "2-queue-proxy", "revision_request_count"},
	} {
		t.Run("counter "+c.metric+" of "+c.server+" after "+c.before, func(t *testing.T) {
			t.Parallel()
			s := replay(t, c.server, []string{c.before, c.after})
			require.InEpsilon(t, s.number("sum("+c.metric+") - sum("+c.metric+" offset 1m)"), s.totals("requests", signal.Rate)[""], 1e-3)
		})
	}
	t.Run("counters seldon_load_model_counter and seldon_cache_miss_count", func(t *testing.T) {
		t.Parallel()
		s := replay(t, "seldon", []string{"1-idle", "2-loaded"})
		grown := s.number(`sum(increase(seldon_load_model_counter[60001ms])) + sum(increase(seldon_cache_miss_count[60001ms]))`)
		require.InEpsilon(t, grown, s.totals("model_loads", signal.Rate)[""], 1e-3)
	})
}

// Three loads, of 2, 8 and 5 seconds, one between each two scrapes.
func TestLastValueGaugesAreNotAveraged(t *testing.T) {
	t.Parallel()
	for server, line := range map[string]string{
		"triton":     "nv_inference_request_success{model=\"llama\",version=\"1\"} 1\nnv_model_load_duration_secs{model=\"llama\",version=\"1\"} %g\n",
		"djl":        "RequestLatency_count{Model=\"llama\"} 1\nLoadModel{Model=\"llama\"} %ge6\n",
		"sglang":     "sglang:num_running_reqs{model_name=\"llama\"} 1\nsglang:engine_load_weights_time{model_name=\"llama\"} %g\n",
		"dynamo":     "dynamo_component_uptime_seconds 1\ndynamo_component_model_load_time_seconds{model=\"llama\"} %g\n",
		"torchserve": "ts_inference_requests_total{model_name=\"llama\"} 1\nWorkerLoadTime{WorkerName=\"W-9000-llama_1.0\"} %ge3\n",
	} {
		t.Run("load time of "+server, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, 3)
			s.add(server, fmt.Appendf(nil, line, 2.0), fmt.Appendf(nil, line, 8.0), fmt.Appendf(nil, line, 5.0))
			require.Equal(t, map[string]float64{"": 5}, s.totals("load_time", signal.Last), "the last one")
			for _, st := range []signal.Statistic{signal.Mean, signal.P50, signal.P95} {
				require.Empty(t, s.totals("load_time", st), "%s: how long a value stands is no weight", st)
			}
		})
	}
	t.Run("PredictionTime of torchserve", func(t *testing.T) {
		t.Parallel()
		require.Contains(t, string(Recording(t, "torchserve", "2-metrics-loaded")), "\nPredictionTime{")
		s := replay(t, "torchserve", []string{"1-metrics-idle", "2-metrics-loaded"})
		for _, name := range []string{"inference_time", "response_time", "queue_time"} {
			for _, st := range asked(signalOf(t, name)) {
				require.Empty(t, s.totals(name, st), "%s of %s", st, name)
			}
		}
	})
	everyRecipe(embedded(t), func(p *profile.Profile, name string, r profile.Recipe) {
		for _, metric := range r.Reads() {
			require.NotContains(t, []string{"PredictionTime", "HandlerTime", "QueueTime"}, metric, "%s of %s", name, p.ID)
		}
	})
}

func signalOf(t *testing.T, name string) signal.Signal {
	t.Helper()
	s, ok := signal.Find(name)
	require.True(t, ok, name)
	return s
}

// Until its series end, what a model did counts; from then on there is none, neither zero nor less.
func TestSeriesDisappearOnUnload(t *testing.T) {
	t.Parallel()
	pages := []string{"2-metrics-all-loaded", "4-metrics-all-loaded2", "6-metrics-after-unload-cached"}
	s := replay(t, "triton", pages)
	q, err := signal.Builtin().NewQuery("requests", []string{string(signal.Rate)}, []string{"model"}, nil, 0, false, 2*window)
	require.NoError(t, err)
	found := map[string]float64{}
	for _, p := range embedded(t).Detect(s.has).Compile(q, profile.Environment{Exists: s.has}) {
		for _, sample := range s.ask(promql.Text(p.Plan, s.span)) {
			found[sample.Metric.Get("model")] = sample.F * between.Seconds()
		}
	}
	require.InDelta(t, 80, found["cached"], 0.01, "80 requests a minute were there until the unload, in a window that reaches back there")
	require.Contains(t, found, "fast")

	for name, statistic := range map[string]signal.Statistic{"replicas": signal.Last, "models_resident": signal.Last, "concurrent_requests": signal.Last} {
		for _, line := range s.answers(embedded(t), name, statistic, "model") {
			require.NotContains(t, line, "cached", name)
		}
	}
	reloaded := replay(t, "triton", []string{"4-metrics-all-loaded2", "6-metrics-after-unload-cached", "7-metrics-after-reload-cached"})
	for model, value := range reloaded.totals("requests", signal.Rate, "model") {
		require.False(t, math.Signbit(value) && value != 0, "%s: a counter that begins again takes nothing away", model)
	}
}

// A mesh, a queue proxy, an activator and the server itself count the same requests.
func TestMultiLayerDoubleCounting(t *testing.T) {
	t.Parallel()
	s := scrapeTwice(t,
		page{"queue-proxy:9091", "production", "iris", `revision_request_count{service_name="iris",revision_name="iris-1",response_code="200",response_code_class="2xx"} 66
`},
		page{"activator:9090", "production", "knative", `activator_request_count{service_name="iris",revision_name="iris-1",response_code="200"} 66
`},
		page{"istio:15020", "production", "mesh", `istio_requests_total{reporter="source",destination_service_name="iris",response_code="200"} 66
istio_requests_total{reporter="destination",destination_service_name="iris",response_code="200"} 66
`},
		page{"envoy:9901", "production", "edge", envoyPage},
		page{"triton:8002", "production", "iris", tritonPage})
	requireClose(t, map[string]float64{"": 66}, s.totals("requests", signal.Rate))
	for _, how := range s.descriptions(embedded(t), "requests", signal.Rate) {
		require.Contains(t, how, "(server layer)", "the layer is said")
	}
	require.Greater(t, s.number(`sum({__name__=~"revision_request_count|activator_request_count|istio_requests_total|envoy_cluster_upstream_rq|nv_inference_request_success"})`), 300.0)

	withoutServer := scrapeTwice(t,
		page{"istio:15020", "production", "mesh", `istio_requests_total{reporter="source",destination_service_name="iris",response_code="200"} 66
istio_requests_total{reporter="destination",destination_service_name="iris",response_code="200"} 66
`})
	requireClose(t, map[string]float64{"": 66}, withoutServer.totals("requests", signal.Rate))
}
