package captures

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Ray shows its engines' metrics under names of its own, and makes up the sums of their histograms.
func TestRayWrapsItsEngines(t *testing.T) {
	t.Parallel()
	for engine, model := range map[string]string{"vllm": "llama", "sglang": "qwen"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			set := embedded(t)
			wrapped := func(name string) []byte {
				page := bytes.ReplaceAll(Recording(t, engine, name), []byte(engine+":"), []byte("ray_"+engine+"_"))
				return bytes.ReplaceAll(page, []byte(`model_name="`), []byte(`ReplicaId="r",WorkerId="w",model_name="`))
			}
			s := newStore(t, 2)
			s.add("ray", append(Recording(t, "ray_serve", rayServe[0].recordings[0]), wrapped("1-metrics-idle")...),
				append(Recording(t, "ray_serve", rayServe[0].recordings[1]), wrapped("2-metrics-loaded")...))
			plain := replay(t, engine, []string{"1-metrics-idle", "2-metrics-loaded"})
			for name, st := range map[string]signal.Statistic{
				"time_to_first_token": signal.P95, "inter_token_latency": signal.P95, "input_tokens": signal.P50, "output_tokens": signal.P50,
				"prefix_cache_hit_ratio": signal.Mean, "kv_cache_usage": signal.Last,
			} {
				want := plain.answers(set, name, st, "model")
				require.NotEmpty(t, want, name)
				require.Equal(t, want, s.answers(set, name, st, "model"), name)
			}
			require.NotEmpty(t, plain.answers(set, "time_to_first_token", signal.Mean, "model"))
			require.Empty(t, s.answers(set, "time_to_first_token", signal.Mean, "model"), "the sum is made up")
			require.NotContains(t, s.totals("requests", signal.Rate, "model"), model, "Ray Serve counts the same requests")
			require.Contains(t, plain.totals("requests", signal.Rate, "model"), model)
			alone := newStore(t, 2)
			alone.add("ray", wrapped("1-metrics-idle"), wrapped("2-metrics-loaded"))
			require.Positive(t, alone.totals("requests", signal.Rate, "model")[model], "by themselves they are read")
			require.Equal(t, plain.totals("models_resident", signal.Last), alone.totals("models_resident", signal.Last))
		})
	}
}

// A managed platform shows an engine's metrics with a prefix of its own. Whatever it is, they count neither twice nor under
// another server's name, and the engine's profile reads them when it is given the names.
func TestVertexRenamesAnEnginesMetrics(t *testing.T) {
	t.Parallel()
	renamed := func(name string) []byte {
		return bytes.ReplaceAll(Recording(t, "vllm", name), []byte("vllm:"), []byte("vertex_"))
	}
	s := newStore(t, 2)
	s.add("vertex", renamed("1-metrics-idle"), renamed("2-metrics-loaded"))
	require.Empty(t, embedded(t).Detect(s.has), "no server of another name")
	beside := newStore(t, 2)
	beside.add("vllm", append(Recording(t, "vllm", "1-metrics-idle"), renamed("1-metrics-idle")...), append(Recording(t, "vllm", "2-metrics-loaded"), renamed("2-metrics-loaded")...))
	plain := replay(t, "vllm", []string{"1-metrics-idle", "2-metrics-loaded"})
	require.Equal(t, plain.totals("requests", signal.Rate, "model"), beside.totals("requests", signal.Rate, "model"))

	text, err := os.ReadFile(filepath.Join("..", "..", "pkg", "profile", "servers", "vllm.yaml"))
	require.NoError(t, err)
	own := strings.NewReplacer("id: vllm", "id: vertex_vllm", "precedence: 390\n", "", "name: vLLM\n", "name: vLLM on Vertex AI\n", "vllm:", "vertex_").Replace(string(text))
	set, problems := embedded(t).With([]profile.File{{Name: "vertex.yaml", Text: own}})
	require.Empty(t, problems)
	for name, st := range map[string]signal.Statistic{
		"requests": signal.Rate, "response_time": signal.P95, "time_to_first_token": signal.P95, "kv_cache_usage": signal.Last, "prefix_cache_hit_ratio": signal.Mean,
	} {
		want := plain.answers(embedded(t), name, st, "model")
		require.NotEmpty(t, want, name)
		require.Equal(t, want, s.answers(set, name, st, "model"), name)
		require.Equal(t, want, beside.answers(set, name, st, "model"), "%s: on one page with the engine's own, they count once", name)
	}
}

// The same engine's metrics under a platform's labels count once. Triton's vLLM backend and Dynamo say model, beside what
// they count themselves.
func TestPlatformWrapping(t *testing.T) {
	t.Parallel()
	const engine = `vllm:num_requests_running{%[1]s} 3
vllm:num_requests_waiting{%[1]s} 1
vllm:e2e_request_latency_seconds_bucket{%[1]s,le="+Inf"} 60
vllm:e2e_request_latency_seconds_sum{%[1]s} 30
vllm:e2e_request_latency_seconds_count{%[1]s} 60
`
	const finished = `vllm:request_success_total{%[1]s,finished_reason="stop"} 60
`
	for name, c := range map[string]struct {
		pages       []page
		concurrency float64
	}{
		"vllm:x": {[]page{{"vllm:8000", "production", "llm", fmt.Sprintf(engine+finished, `model_name="llama"`)}}, 4},
		"vllm:x{model,version} of Triton": {[]page{{"triton:8002", "production", "llm", fmt.Sprintf(engine, `model="llama",version="1"`) +
			`nv_inference_request_success{model="llama",version="1"} 60
nv_inference_request_duration_us{model="llama",version="1"} 240e6
nv_inference_queue_duration_us{model="llama",version="1"} 60e6
nv_inference_pending_request_count{model="llama",version="1"} 1
`}}, 4},
		"vllm:x with Dynamo's labels": {[]page{
			{"frontend:8000", "production", "llm", `dynamo_frontend_requests_total{model="llama",status="success"} 60
dynamo_frontend_inflight_requests{model="llama"} 4
`},
			{"worker:8081", "production", "llm", fmt.Sprintf(engine+finished, `model="llama",model_name="llama",dynamo_component="backend"`) +
				`dynamo_component_requests_total{dynamo_endpoint="generate"} 60
dynamo_component_uptime_seconds 600
`},
		}, 4},
		"vllm:x{deployment_id,replica} of Baseten": {[]page{{"baseten:443", "production", "llm", fmt.Sprintf(engine+finished, `model_name="llama",deployment_id="d1",replica="r1"`) +
			`baseten_inference_requests_total{model_name="llama",deployment_id="d1",replica="r1",is_async="false",status_code="200"} 60
baseten_concurrent_requests{model_name="llama",deployment_id="d1",replica="r1"} 4
baseten_replicas_active{model_name="llama",deployment_id="d1"} 1
`}}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scrapeTwice(t, c.pages...)
			requireClose(t, map[string]float64{"llama": 60}, s.totals("requests", signal.Rate, "model"))
			requireClose(t, map[string]float64{"": 60}, s.totals("requests", signal.Rate))
			requireClose(t, map[string]float64{"": c.concurrency}, s.totals("concurrent_requests", signal.Last))
			requireClose(t, map[string]float64{"": 1}, s.totals("models_resident", signal.Last))
			both := 0.0
			for _, metric := range []string{"vllm:request_success_total", "vllm:e2e_request_latency_seconds_count", "nv_inference_request_success", "dynamo_frontend_requests_total"} {
				for _, sample := range s.ask(`sum(` + metric + `)`) {
					both += sample.F
				}
			}
			require.Greater(t, both, 60.0, "who adds up everything that counts requests counts them twice")
		})
	}
}

// What only the engine tells is told by the platform's name of the model, with and without a filter.
func TestWrappedEnginesAreFoundByThePlatformsLabel(t *testing.T) {
	t.Parallel()
	const first = `vllm:time_to_first_token_seconds_bucket{%[1]s,le="0.5"} 60
vllm:time_to_first_token_seconds_bucket{%[1]s,le="+Inf"} 60
vllm:time_to_first_token_seconds_sum{%[1]s} 15
vllm:time_to_first_token_seconds_count{%[1]s} 60
vllm:num_requests_running{%[1]s} 1
`
	s := scrapeTwice(t, page{"triton:8002", "production", "wrapped", fmt.Sprintf(first, `model="llama",version="1"`) + "nv_inference_request_success{model=\"llama\",version=\"1\"} 60\n"},
		page{"vllm:8000", "production", "alone", fmt.Sprintf(first, `model_name="mistral"`)},
		page{"worker:8081", "production", "both", fmt.Sprintf(first, `model="gpt",model_name="gpt-4"`)})
	requireClose(t, map[string]float64{"llama": 0.25, "mistral": 0.25, "gpt-4": 0.25}, s.totals("time_to_first_token", signal.Mean, "model"))
	q, err := signal.Builtin().NewQuery("time_to_first_token", []string{"mean"}, []string{"model"}, map[string][]string{"model": {"llama", "gpt-4"}}, 0, false, 0)
	require.NoError(t, err)
	set := embedded(t)
	parts := set.Detect(s.has).Compile(q, profile.Environment{Window: window, Exists: s.has})
	require.Len(t, parts, 1)
	found := map[string]float64{}
	for _, sample := range s.ask(promql.Text(parts[0].Plan, s.span)) {
		found[sample.Metric.Get("model")] = sample.F
	}
	requireClose(t, map[string]float64{"llama": 0.25, "gpt-4": 0.25}, found)
}
