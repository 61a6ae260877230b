package blackbox

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// nvmlPage is the NVML endpoint's of a host with two GPUs. On the first, a has a process of its own, b's is among others, and
// something else runs; nobody reads the second one's processes.
const nvmlPage = `modelserving_nvml_up 1
modelserving_gpu_info{gpu="0",uuid="GPU-1"} 1
modelserving_gpu_info{gpu="1",uuid="GPU-2"} 1
modelserving_gpu_utilization_ratio{gpu="0",uuid="GPU-1"} 0.8
modelserving_gpu_utilization_ratio{gpu="1",uuid="GPU-2"} 0.4
modelserving_gpu_memory_used_bytes{gpu="0",uuid="GPU-1"} 3e10
modelserving_gpu_memory_used_bytes{gpu="1",uuid="GPU-2"} 1e10
modelserving_gpu_memory_reserved_bytes{gpu="0",uuid="GPU-1"} 1e9
modelserving_gpu_memory_reserved_bytes{gpu="1",uuid="GPU-2"} 1e9
modelserving_gpu_memory_total_bytes{gpu="0",uuid="GPU-1"} 4.1e10
modelserving_gpu_memory_total_bytes{gpu="1",uuid="GPU-2"} 4.1e10
modelserving_gpu_power_watts{gpu="0",uuid="GPU-1"} 400
modelserving_gpu_power_watts{gpu="1",uuid="GPU-2"} 100
modelserving_gpu_model_utilization_ratio{gpu="0",uuid="GPU-1",model="a",version="",server="vllm",provenance="measured"} 0.3
modelserving_gpu_model_utilization_ratio{gpu="0",uuid="GPU-1",model="b",version="1",server="triton",provenance="estimated"} 0.1
modelserving_gpu_model_utilization_ratio{gpu="0",uuid="GPU-1",model="",version="",server="",provenance="measured"} 0.1
modelserving_gpu_model_memory_bytes{gpu="0",uuid="GPU-1",model="a",version="",server="vllm",provenance="measured"} 2e10
modelserving_gpu_model_memory_bytes{gpu="0",uuid="GPU-1",model="",version="",server="",provenance="measured"} 1e10
`

// twice is what dcgm-exporter says of the same GPUs.
const twice = `DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1"} 80
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-1"} 28610
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-1"} 400
`

// computing is Triton's page without readings of GPUs: a computes three times as long as b.
const computing = `nv_inference_request_success{model="a",version="1"} +100
nv_inference_request_success{model="b",version="1"} +100
nv_inference_compute_infer_duration_us{model="a",version="1"} +300000
nv_inference_compute_infer_duration_us{model="b",version="1"} +100000
`

func TestTheGPUIsSharedOutByItsProcesses(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("nvml", unmanaged(t, "triton", growing(t, computing).URL+"/metrics"),
		unmanaged(t, "nvml", growing(t, nvmlPage).URL+"/metrics"), unmanaged(t, "dcgm", growing(t, twice).URL+"/metrics"))
	of := func(model, gpu string) map[string]string { return map[string]string{"model": model, "gpu": gpu} }
	answer := eventually(t, p, s, within("10s", query("model_gpu_utilization", nil, "model", "gpu")), of("b", "GPU-1"), of("b", "GPU-2"))
	for labels, share := range map[[2]string]float64{
		{"a", "GPU-1"}: 0.48, {"b", "GPU-1"}: 0.16, {"others", "GPU-1"}: 0.16, // by the processes' readings
		{"a", "GPU-2"}: 0.3, {"b", "GPU-2"}: 0.1, // by the time that requests took to compute
	} {
		require.InDelta(t, share, driver.Value(t, answer, of(labels[0], labels[1])), 1e-9, labels)
	}
	answers := p.Ask(s, 30*time.Second, within("10s", query("model_gpu_utilization", nil, "model")), within("10s", query("gpu_utilization", []string{"mean"})),
		within("10s", query("gpu_memory_usage", nil, "gpu")), within("10s", query("gpu_power", nil)), within("10s", query("model_memory", nil, "model")))
	sum := 0.0
	for _, model := range []string{"a", "b", "others"} {
		sum += driver.Value(t, answers["A"], map[string]string{"model": model})
	}
	require.InDelta(t, 0.6, sum, 1e-9, "the shares add up to the GPUs' utilization")
	require.InDelta(t, 0.6, driver.Value(t, answers["B"], nil), 1e-9)
	require.InDelta(t, 0.75, driver.Value(t, answers["C"], map[string]string{"gpu": "GPU-1"}), 1e-9)
	require.InDelta(t, 500, driver.Value(t, answers["D"], nil), 1e-9, "a GPU of which two exporters tell counts once")
	require.Len(t, answers["E"].Frames, 1, "memory of no model is none of a model")
	require.InDelta(t, 2e10, driver.Value(t, answers["E"], map[string]string{"model": "a"}), 1)
	require.Equal(t, "estimated", provenanceOf(t, answers["E"], map[string]string{"model": "a"})[0].Origin)
}

func TestEnergyOfAThousandRequests(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("energy", unmanaged(t, "triton", growing(t, computing).URL+"/metrics"), unmanaged(t, "nvml", growing(t, nvmlPage).URL+"/metrics"))
	byModel := within("10s", query("energy_per_thousand_requests", nil, "model"))
	eventually(t, p, s, byModel, map[string]string{"model": "a"}, map[string]string{"model": "b"})
	// A scrape may end between two queries of a request, which then tell of different moments; at most a few times.
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		answers := p.Ask(s, 30*time.Second, byModel, within("10s", query("requests", nil, "model")), within("10s", query("energy_per_thousand_requests", nil)),
			within("10s", query("requests", nil)))
		// Of 400 W and 100 W, shared out as the utilization is.
		for model, watts := range map[string]float64{"a": 400*0.6 + 100*0.75, "b": 400*0.2 + 100*0.25} {
			labels := map[string]string{"model": model}
			assert.InEpsilon(c, 1000*watts/driver.Value(t, answers["B"], labels), driver.Value(t, answers["A"], labels), 1e-9, model)
		}
		assert.InEpsilon(c, 1000*500/driver.Value(t, answers["D"], nil), driver.Value(t, answers["C"], nil), 1e-9, "of all requests, idle time included")
	}, waitForScrape, 4*pollEvery)
}

func TestSaveAndTestCountsTheGPUs(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	result := p.Check(driver.Embedded("found", unmanaged(t, "nvml", growing(t, nvmlPage).URL+"/metrics"), unmanaged(t, "triton", growing(t, gpuPage).URL+"/metrics")))
	require.Contains(t, result.Message, "NVML endpoint with 2 models and 2 GPUs")
	require.Contains(t, result.Message, "NVIDIA Triton Inference Server with 2 models and 2 GPUs")
}
