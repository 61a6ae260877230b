package query

import (
	"fmt"
	"strings"
)

// vllm is the page of a server whose requests of each scrape took at most 0.1, 0.2 and 0.4 s, or more: numbers up to each bound.
func vllm(model string, to01, to02, to04, all int) string {
	labels := fmt.Sprintf(`model_name=%q,deployment="text",instance="two:8000"`, model)
	var b strings.Builder
	for le, n := range map[string]int{"0.1": to01, "0.2": to02, "0.4": to04, "+Inf": all} {
		fmt.Fprintf(&b, "vllm:e2e_request_latency_seconds_bucket{%s,le=%q} 0+%dx160\n", labels, le, n)
	}
	fmt.Fprintf(&b, "vllm:e2e_request_latency_seconds_sum{%s} 0+10x160\n", labels)
	fmt.Fprintf(&b, "vllm:e2e_request_latency_seconds_count{%s} 0+%dx160\n", labels, all)
	fmt.Fprintf(&b, "vllm:request_success_total{%s,finished_reason=\"stop\"} 0+%dx160\n", labels, all)
	fmt.Fprintf(&b, "vllm:num_requests_running{%s} 1x160\n", labels)
	return b.String()
}

// gpus is what a Triton reports of two GPUs, on which model a computes three times as long as b.
const gpus = `
nv_inference_compute_infer_duration_us{model="a",version="1"} 0+300000x160
nv_inference_compute_infer_duration_us{model="b",version="1"} 0+100000x160
nv_gpu_utilization{gpu_uuid="GPU-1"} 0.8x160
nv_gpu_utilization{gpu_uuid="GPU-2"} 0.4x160
nv_gpu_power_usage{gpu_uuid="GPU-1"} 300x160
nv_gpu_power_usage{gpu_uuid="GPU-2"} 100x160`

// baseten is a platform with a model that is scaled from one replica to three 20 minutes before noon.
const baseten = `
baseten_inference_requests_total{model_name="iris",deployment_id="d1",is_async="false",status_code="200",deployment="hosted",instance="three:80"} 0+15x160
baseten_replicas_active{model_name="iris",deployment_id="d1",deployment="hosted",instance="three:80"} 1x79 3x80`

// management is what a management API says of two models: b is loaded 10 minutes before noon, and a evicted 5 minutes before.
const management = `
modelserving_model_resident{model="a",version="1"} 1x140 0x19
modelserving_model_loads_total{model="a",version="1"} 1x160
modelserving_model_evictions_total{model="a",version="1"} 0x140 1x19
modelserving_model_loads_total{model="b",version="1"} 0x120 1x39
modelserving_model_resident{model="b",version="1"} 0x120 1x39`
