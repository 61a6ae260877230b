package query

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// processes is what the NVML endpoint says of the first GPU: a's process, b among others, and something else.
const processes = `
modelserving_nvml_up 1x160
modelserving_gpu_info{gpu="0",uuid="GPU-1"} 1x160
modelserving_gpu_info{gpu="1",uuid="GPU-2"} 1x160
modelserving_gpu_utilization_ratio{gpu="0",uuid="GPU-1"} 0.8x160
modelserving_gpu_utilization_ratio{gpu="1",uuid="GPU-2"} 0.4x160
modelserving_gpu_power_watts{gpu="0",uuid="GPU-1"} 400x160
modelserving_gpu_power_watts{gpu="1",uuid="GPU-2"} 100x160
modelserving_gpu_model_utilization_ratio{gpu="0",uuid="GPU-1",model="a",version="",server="vllm",provenance="measured"} 0.3x160
modelserving_gpu_model_utilization_ratio{gpu="0",uuid="GPU-1",model="b",version="1",server="triton",provenance="estimated"} 0.1x160
modelserving_gpu_model_utilization_ratio{gpu="0",uuid="GPU-1",model="",version="",server="",provenance="measured"} 0.1x160`

const computing = `
nv_inference_request_success{model="a",version="1"} 0+60x160
nv_inference_request_success{model="b",version="1"} 0+15x160
nv_inference_compute_infer_duration_us{model="a",version="1"} 0+300000x160
nv_inference_compute_infer_duration_us{model="b",version="1"} 0+100000x160`

func TestGPUsAreSharedOutByComputeTime(t *testing.T) {
	t.Parallel()
	h := newHarness(t, triton, gpus)
	answer := h.ask(signalOf(signal.ModelGPUUtilization, nil, "model", "gpu"))
	for of, want := range map[[2]string]float64{{"a", "GPU-1"}: 0.6, {"b", "GPU-1"}: 0.2, {"a", "GPU-2"}: 0.3, {"b", "GPU-2"}: 0.1} {
		require.InDelta(t, want, answer.last("model", of[0], "gpu", of[1]), 1e-9, of)
	}
	r := signalOf(signal.ModelGPUUtilization, nil, "model", "version")
	r.Filters = map[string][]string{"model": {"b"}}
	one := h.ask(r)
	require.InDelta(t, 0.15, one.last("model", "b"), 1e-9, "what a computes still counts")
	one.lacks("model", "a")
}

func TestGPUsAreSharedOutByTheirProcessesFirst(t *testing.T) {
	t.Parallel()
	h := newHarness(t, computing, processes)
	answer := h.ask(signalOf(signal.ModelGPUUtilization, nil, "model", "gpu"))
	for of, want := range map[[2]string]float64{
		{"a", "GPU-1"}: 0.48, {"b", "GPU-1"}: 0.16, {"others", "GPU-1"}: 0.16, // by the processes' readings
		{"a", "GPU-2"}: 0.3, {"b", "GPU-2"}: 0.1, // by the time that requests took to compute
	} {
		require.InDelta(t, want, answer.last("model", of[0], "gpu", of[1]), 1e-9, of)
	}
}

func TestGPUsOfNobodyAreNamed(t *testing.T) {
	t.Parallel()
	h := newHarness(t, computing, `nv_gpu_utilization{gpu_uuid="GPU-9",deployment="elsewhere",instance="far:8002"} 0.5x160`)
	answer := h.ask(signalOf(signal.ModelGPUUtilization, nil, "model"))
	answer.lacks("model", "a")
	require.Contains(t, answer.notices(), "1 of 1 GPUs")
}

func TestEnergyOfAThousandRequests(t *testing.T) {
	t.Parallel()
	h := newHarness(t, computing, gpus)
	all := h.ask(signalOf(signal.EnergyPerThousandRequests, nil))
	require.InDelta(t, 400.0/5*1000, all.last(), 1e-6, "400 W for 5 requests a second")
	byModel := h.ask(signalOf(signal.EnergyPerThousandRequests, nil, "model"))
	require.InDelta(t, 300.0/4*1000, byModel.last("model", "a"), 1e-6)
	require.InDelta(t, 100.0/1*1000, byModel.last("model", "b"), 1e-6)
}

func TestDerivedSignalsNameTheSignalThatIsMissing(t *testing.T) {
	t.Parallel()
	answer := newHarness(t, computing).ask(signalOf(signal.ModelGPUUtilization, nil, "model"))
	answer.lacks("model", "a")
	require.Contains(t, answer.notices(), "is computed from gpu_utilization")
	require.NotContains(t, answer.notices(), "is computed from inference_time", "its mean is there, and no quantile is needed")
}
