package blackbox

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// gpuPage is Triton's of a host with two GPUs, on which a computes three times as long as b.
const gpuPage = `nv_inference_request_success{model="a",version="1"} +90
nv_inference_request_failure{model="a",version="1",reason="OTHER"} +10
nv_inference_request_success{model="b",version="1"} +100
nv_inference_request_failure{model="b",version="1",reason="OTHER"} +0
nv_inference_compute_infer_duration_us{model="a",version="1"} +300000
nv_inference_compute_infer_duration_us{model="b",version="1"} +100000
nv_gpu_utilization{gpu_uuid="GPU-1"} 0.8
nv_gpu_utilization{gpu_uuid="GPU-2"} 0.4
`

func TestTheGPUIsSharedOutAmongModels(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("gpu", unmanaged(t, "one", growing(t, gpuPage).URL+"/metrics"))
	answer := eventually(t, p, s, within("10s", query("model_gpu_utilization", nil, "model", "gpu")),
		map[string]string{"model": "a", "gpu": "GPU-1"}, map[string]string{"model": "b", "gpu": "GPU-2"})
	require.InDelta(t, 0.6, driver.Value(t, answer, map[string]string{"model": "a", "gpu": "GPU-1"}), 1e-9)
	require.InDelta(t, 0.1, driver.Value(t, answer, map[string]string{"model": "b", "gpu": "GPU-2"}), 1e-9)
	require.Contains(t, answer.Frames[0].Meta.ExecutedQueryString, "# model_gpu_utilization is computed from the queries below")
	all := p.Ask(s, 30*time.Second, within("10s", query("model_gpu_utilization", nil, "model")), within("10s", query("gpu_utilization", []string{"mean"})))
	require.InDelta(t, driver.Value(t, all["B"], nil),
		driver.Value(t, all["A"], map[string]string{"model": "a"})+driver.Value(t, all["A"], map[string]string{"model": "b"}), 1e-9)
	filtered := query("model_gpu_utilization", nil, "model")
	filtered["filters"] = map[string]any{"model": []string{"b"}}
	one := p.Ask(s, 30*time.Second, within("10s", filtered))["A"]
	require.Len(t, one.Frames, 1)
	require.InDelta(t, 0.15, driver.Value(t, one, map[string]string{"model": "b"}), 1e-9, "what a computes still counts")
}

func TestModelsAreHeldToTheirObjectives(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	vllm := `vllm:request_success_total{model_name="llama",finished_reason="stop"} +100
vllm:num_requests_running{model_name="llama"} 1
vllm:e2e_request_latency_seconds_bucket{model_name="llama",le="0.1"} +60
vllm:e2e_request_latency_seconds_bucket{model_name="llama",le="0.2"} +90
vllm:e2e_request_latency_seconds_bucket{model_name="llama",le="0.4"} +100
vllm:e2e_request_latency_seconds_bucket{model_name="llama",le="+Inf"} +100
vllm:e2e_request_latency_seconds_sum{model_name="llama"} +10
vllm:e2e_request_latency_seconds_count{model_name="llama"} +100
`
	s := driver.Embedded("objectives", unmanaged(t, "triton", growing(t, gpuPage).URL+"/metrics"), unmanaged(t, "vllm", growing(t, vllm).URL+"/metrics"))
	s.JSON["objectives"] = map[string]any{"overrides": []map[string]any{{"model": "a", "errorRate": "5%"}}}
	of := func(model, objective string) map[string]string {
		return map[string]string{"model": model, "objective": objective}
	}
	answer := eventually(t, p, s, within("10s", query("slo_violation", nil, "model", "objective")), of("llama", "response_time"), of("a", "error_rate"))
	require.InDelta(t, 1.5, driver.Value(t, answer, of("llama", "response_time")), 1e-6, "a p95 of 0.3 s where 0.2 s are allowed")
	require.InDelta(t, 2, driver.Value(t, answer, of("a", "error_rate")), 1e-9, "10 % where 5 % are allowed")
	require.Zero(t, driver.Value(t, answer, of("b", "error_rate")))
	_, found := driver.Find(answer, of("a", "response_time"))
	require.False(t, found, "a mean is not a p95")

	answers := p.Ask(s, 30*time.Second, within("10s", query("slo_burn_rate", nil, "model", "objective")), within("10s", query("slo_violation", nil)),
		within("10s", map[string]any{"signal": "slo_violation", "filters": map[string]any{"objective": []string{"error_rate"}}, "groupBy": []string{"model"}}))
	require.InDelta(t, 2, driver.Value(t, answers["A"], of("llama", "response_time")), 1e-6, "10 % are slower than 0.2 s where 5 % may be")
	require.InDelta(t, 2, driver.Value(t, answers["A"], of("a", "error_rate")), 1e-9)
	require.InDelta(t, 2, driver.Value(t, answers["B"], nil), 1e-9, "the highest of all models and objectives")
	require.InDelta(t, 2, driver.Value(t, answers["C"], map[string]string{"model": "a"}), 1e-9)
	_, found = driver.Find(answers["C"], map[string]string{"model": "llama"})
	require.True(t, found, "vLLM counts its failures too")
}

// Of requests beyond the last bound nobody knows whether they took longer than an objective that lies there, too.
func TestTheBurnRateOfAnObjectiveBeyondTheHistogramIsABound(t *testing.T) {
	t.Parallel()
	page := ""
	for _, model := range []string{"llama", "patient"} {
		page += strings.ReplaceAll(`vllm:num_requests_running{model_name="llama"} 1
vllm:e2e_request_latency_seconds_bucket{model_name="llama",le="0.1"} +60
vllm:e2e_request_latency_seconds_bucket{model_name="llama",le="0.4"} +90
vllm:e2e_request_latency_seconds_bucket{model_name="llama",le="+Inf"} +100
vllm:e2e_request_latency_seconds_sum{model_name="llama"} +10
vllm:e2e_request_latency_seconds_count{model_name="llama"} +100
`, "llama", model)
	}
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("coarse", driver.Target("vllm", growing(t, page).URL+"/metrics"))
	s.JSON["objectives"] = map[string]any{"overrides": []map[string]any{{"model": "patient", "p95": "2s"}}}
	burn := within("10s", map[string]any{"signal": "slo_burn_rate", "filters": map[string]any{"objective": []string{"response_time"}}, "groupBy": []string{"model"}})
	answer := eventually(t, p, s, burn, map[string]string{"model": "llama"}, map[string]string{"model": "patient"})
	require.InDelta(t, 6, driver.Value(t, answer, map[string]string{"model": "llama"}), 1e-6, "20 of the 30 between 0.1 s and 0.4 s, and 10 beyond, are slower than 0.2 s")
	require.InDelta(t, 2, driver.Value(t, answer, map[string]string{"model": "patient"}), 1e-6, "at most 10 % are slower than 2 s where 5 % may be")
	require.Contains(t, driver.Notices(answer), "Response time burn rate of production demo patient is an upper bound")
}

// provenanceOf is what a frame says of where its numbers come from.
func provenanceOf(t *testing.T, r backend.DataResponse, labels map[string]string) []struct{ Origin, Server, Layer, Recipe string } {
	t.Helper()
	i := slices.IndexFunc(r.Frames, func(f *data.Frame) bool {
		return len(f.Fields) > 0 && driver.Includes(f.Fields[len(f.Fields)-1].Labels, labels)
	})
	require.GreaterOrEqual(t, i, 0, driver.Describe(r))
	text, err := json.Marshal(r.Frames[i].Meta.Custom)
	require.NoError(t, err)
	var custom struct {
		Provenance []struct{ Origin, Server, Layer, Recipe string }
	}
	require.NoError(t, json.Unmarshal(text, &custom))
	return custom.Provenance
}

// Each series of a mixed fleet says which server its numbers are from, and what a gateway counts again is left out.
func TestEachSeriesSaysWhereItIsFrom(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	mesh := `modelmesh_api_request_milliseconds_count{modelId="iris",code="OK"} +100
modelmesh_cache_miss_milliseconds_count{modelId="iris"} +25
modelmesh_models_loaded_total 1
`
	gateway := unmanaged(t, "mesh", growing(t, mesh).URL+"/metrics")
	again := unmanaged(t, "again", growing(t, mesh).URL+"/metrics")
	gateway["environment"] = "staging"
	s := driver.Embedded("mixed", unmanaged(t, "triton", growing(t, gpuPage).URL+"/metrics"), gateway, again)
	q := within("10s", query("requests", nil, "environment", "model"))
	q["instant"] = true // a range also shows the moment at which only the gateway had been scraped twice
	answer := eventually(t, p, s, q, map[string]string{"model": "a"}, map[string]string{"model": "iris"})
	require.Len(t, answer.Frames, 3, driver.Describe(answer))
	for _, f := range answer.Frames {
		require.Contains(t, f.Meta.ExecutedQueryString, "rate(", "each says what was run for it")
	}
	require.Equal(t, "server", provenanceOf(t, answer, map[string]string{"model": "a"})[0].Layer)
	require.Len(t, provenanceOf(t, answer, map[string]string{"model": "a"}), 1)
	require.Equal(t, "gateway", provenanceOf(t, answer, map[string]string{"environment": "staging", "model": "iris"})[0].Layer)
	ratio := eventually(t, p, s, within("10s", query("cache_hit_ratio", nil, "environment", "model")), map[string]string{"environment": "staging"})
	require.InDelta(t, 0.75, driver.Value(t, ratio, map[string]string{"environment": "staging"}), 1e-9)
	from := provenanceOf(t, ratio, map[string]string{"environment": "staging"})
	require.Equal(t, "derived", from[0].Origin)
	require.Contains(t, from[0].Recipe, "1 − cold-hit rate")
}
