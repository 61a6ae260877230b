package captures

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// page is what a target says at its second scrape; at the first all its counters are 0.
type page struct{ instance, environment, deployment, text string }

func scrapeTwice(t *testing.T, pages ...page) *store {
	t.Helper()
	s := newStore(t, 2)
	for _, p := range pages {
		target := labels.FromStrings("job", p.instance, "instance", p.instance, "environment", p.environment, "deployment", p.deployment)
		var zeros strings.Builder
		for line := range strings.Lines(p.text) {
			fmt.Fprintf(&zeros, "%s 0\n", line[:strings.LastIndex(line, " ")])
		}
		before := s.scrape(target, []byte(zeros.String()), s.end.Add(-between), nil)
		s.scrape(target, []byte(p.text), s.end, before)
	}
	return s
}

// totals are a statistic of a signal by labels, as the query's plans answer it from all profiles that are there.
func (s *store) totals(name string, st signal.Statistic, by ...string) map[string]float64 {
	s.t.Helper()
	set, err := profile.Embedded()
	require.NoError(s.t, err)
	return s.totalsOf(set, name, st, by...)
}

func (s *store) totalsOf(set profile.Set, name string, st signal.Statistic, by ...string) map[string]float64 {
	s.t.Helper()
	q, err := signal.Builtin().NewQuery(name, []string{string(st)}, by, nil, 0, false, 0)
	require.NoError(s.t, err)
	out := map[string]float64{}
	onePage := func(a, b *profile.Profile) bool { return len(s.ask(s.instances(a)+" and "+s.instances(b))) > 0 }
	for _, p := range set.Detect(s.has).Compile(q, profile.Environment{Window: window, Exists: s.has, Together: onePage}) {
		for _, sample := range s.ask(promql.Text(p.Plan, s.span)) {
			values := make([]string, len(by))
			for i, l := range by {
				values[i] = sample.Metric.Get(l)
			}
			key := strings.Join(values, " ")
			require.NotContains(s.t, out, key)
			out[key] = sample.F * scale(q.Signal)
		}
	}
	return out
}

func (s *store) instances(p *profile.Profile) string {
	return fmt.Sprintf(`group by (instance) ({__name__=~"%s"})`, strings.Join(p.Detect, "|"))
}

const tritonPage = `nv_inference_request_success{model="iris",version="1"} 60
nv_inference_request_failure{model="iris",version="1",reason="OTHER"} 6
nv_inference_request_duration_us{model="iris",version="1"} 6e6
nv_cpu_utilization 0.5
`

const envoyPage = `envoy_http_downstream_rq_total 66
envoy_cluster_upstream_rq{envoy_cluster_name="iris-predictor",envoy_response_code="200"} 66
envoy_cluster_upstream_rq_total{envoy_cluster_name="iris-predictor"} 66
`

func requireClose(t *testing.T, want, got map[string]float64) {
	t.Helper()
	require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
	for key := range want {
		require.InEpsilon(t, want[key], got[key], 1e-3, key)
	}
}

// What stands in front of servers counts their requests again: it is read only where no server is.
func TestAGatewayCountsOnlyWhereNoServerDoes(t *testing.T) {
	t.Parallel()
	s := scrapeTwice(t,
		page{"triton:8002", "production", "vision", tritonPage},
		page{"envoy:9901", "production", "edge", envoyPage},
		page{"envoy:9902", "staging", "edge", envoyPage})
	requireClose(t, map[string]float64{"production iris": 66, "staging iris-predictor": 66}, s.totals("requests", signal.Rate, "environment", "model"))
	requireClose(t, map[string]float64{"": 132}, s.totals("requests", signal.Rate))
}

// A server that runs another's engine shows both's metrics on its page: they count the same requests.
func TestAPlatformAndItsEngineOnOnePageCountOnce(t *testing.T) {
	t.Parallel()
	both := tritonPage + `vllm:request_success_total{model_name="llama",finished_reason="stop"} 66
vllm:num_requests_running{model_name="llama"} 2
`
	s := scrapeTwice(t, page{"triton:8002", "production", "vision", both},
		page{"vllm:8000", "production", "text", "vllm:request_success_total{model_name=\"llama\",finished_reason=\"stop\"} 30\nvllm:num_requests_running{model_name=\"llama\"} 1\n"})
	requireClose(t, map[string]float64{"text llama": 30, "vision iris": 66}, s.totals("requests", signal.Rate, "deployment", "model"))
	requireClose(t, map[string]float64{"text": 30, "vision": 66}, s.totals("requests", signal.Rate, "deployment"))
}

// What a server does not tell of a model, its next recipe does, for that model alone.
func TestEachModelHasItsBestRecipe(t *testing.T) {
	t.Parallel()
	s := scrapeTwice(t, page{"baseten:443", "production", "hosted", `baseten_inference_requests_total{model_name="iris",is_async="false",status_code="200"} 60
baseten_end_to_end_response_time_seconds_sum{model_name="iris",is_async="false"} 120
baseten_end_to_end_response_time_seconds_count{model_name="iris",is_async="false"} 60
baseten_concurrent_requests{model_name="iris"} 9
baseten_concurrent_requests{model_name="voice"} 3
`})
	requireClose(t, map[string]float64{"iris": 2, "voice": 3}, s.totals("concurrent_requests", signal.Last, "model"))
}

// A host's reading stands for the servers on it, and a server's own for those that no host reading covers.
func TestTheHostIsAskedBeforeTheServer(t *testing.T) {
	t.Parallel()
	s := scrapeTwice(t, page{"triton:8002", "production", "vision", tritonPage}, page{"triton:8003", "staging", "vision", tritonPage},
		page{"kubelet:10250", "production", "hosts", `container_cpu_usage_seconds_total{namespace="ml",pod="triton-0",container="triton",image="triton"} 90
`})
	requireClose(t, map[string]float64{"production": 1.5, "staging": 0.5}, s.totals("cpu_usage", signal.Last, "environment"))
}

// Servers that report memory in units of their own share one ratio: each weighs as much as it has.
func TestRatiosOverServersWithUnitsOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := scrapeTwice(t,
		page{"dcgm:9400", "production", "a", "DCGM_FI_DEV_FB_USED{UUID=\"GPU-a\"} 10240\nDCGM_FI_DEV_FB_FREE{UUID=\"GPU-a\"} 30720\n"},
		page{"triton:8002", "staging", "b", tritonPage +
			fmt.Sprintf("nv_gpu_memory_used_bytes{gpu_uuid=\"GPU-b\"} %d\nnv_gpu_memory_total_bytes{gpu_uuid=\"GPU-b\"} %d\n", 70*gib, 80*gib)})
	// At each scrape before the last one all is 0, so that means over the window are halved on both sides of the quotient.
	requireClose(t, map[string]float64{"a": 10.0 / 40, "b": 70.0 / 80}, s.totals("gpu_memory_usage", signal.Mean, "deployment"))
	requireClose(t, map[string]float64{"": 80.0 / 120}, s.totals("gpu_memory_usage", signal.Mean))
}

// llm-d's router shows its metrics under the names that they had before, too, and with fewer labels: the same requests.
func TestARouterThatShowsItsOldNamesTooCountsOnce(t *testing.T) {
	t.Parallel()
	const both = `llm_d_epp_request_total{fairness_id="a",priority="0",model_name="chat",target_model_name="chat"} 40
llm_d_epp_request_total{fairness_id="b",priority="0",model_name="chat",target_model_name="chat"} 20
llm_d_epp_request_error_total{fairness_id="b",priority="0",model_name="chat",target_model_name="chat",error_code="Internal"} 6
llm_d_epp_ready_endpoints{name="pool"} 3
inference_objective_request_total{priority="0",model_name="chat",target_model_name="chat"} 60
inference_objective_request_error_total{model_name="chat",target_model_name="chat",error_code="Internal"} 6
inference_pool_ready_pods{name="pool"} 3
`
	const between = `llm_d_router_epp_request_total{priority="0",model_name="chat",target_model_name="chat"} 30
llm_d_router_epp_ready_endpoints{name="pool"} 2
`
	s := scrapeTwice(t, page{"epp:9090", "production", "router", both}, page{"epp:9091", "staging", "router", between})
	requireClose(t, map[string]float64{"production chat": 60, "staging chat": 30}, s.totals("requests", signal.Rate, "environment", "model"))
	requireClose(t, map[string]float64{"production success": 54, "production failure": 6, "staging success": 30}, s.totals("requests", signal.Rate, "environment", "status"))
	require.InDelta(t, 0.1, s.totals("error_rate", signal.Mean, "environment")["production"], 1e-6)
	requireClose(t, map[string]float64{"production": 3, "staging": 2}, s.totals("replicas", signal.Last, "environment"))
}

// Triton's backend for vLLM shows some of vLLM's metrics under labels of its own, and not always that of the running requests.
func TestVLLMInTritonIsKnownWithoutItsRunningRequests(t *testing.T) {
	t.Parallel()
	s := scrapeTwice(t, page{"triton:8002", "production", "text", tritonPage + `vllm:prompt_tokens_total{model="llama",version="1"} 600
vllm:time_to_first_token_seconds_bucket{model="llama",version="1",le="0.1"} 30
vllm:time_to_first_token_seconds_bucket{model="llama",version="1",le="0.2"} 60
vllm:time_to_first_token_seconds_bucket{model="llama",version="1",le="+Inf"} 60
vllm:time_to_first_token_seconds_sum{model="llama",version="1"} 6
vllm:time_to_first_token_seconds_count{model="llama",version="1"} 60
`})
	requireClose(t, map[string]float64{"llama": 0.1}, s.totals("time_to_first_token", signal.P50, "model"))
	requireClose(t, map[string]float64{"iris": 66}, s.totals("requests", signal.Rate, "model"))
}
