package captures

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// gib is a gibibyte, in bytes.
const gib = 1 << 30

// ofNVML is what the NVML endpoint tells of a host with a whole GPU and one that is divided into two slices, which have ids of their
// own. Of slices, NVML measures the utilization on newer GPUs alone.
func ofNVML(measuresSlices bool) string {
	whole, divided := `gpu="0",uuid="GPU-a",mig_instance=""`, `gpu="1",uuid="GPU-b",mig_instance=""`
	first, second := `gpu="1",uuid="MIG-b1",mig_instance="1"`, `gpu="1",uuid="MIG-b2",mig_instance="2"`
	page := "modelserving_nvml_up 1\n"
	for _, device := range []string{whole, divided, first, second} {
		page += fmt.Sprintf("modelserving_gpu_info{%s} 1\n", device)
	}
	for device, used := range map[string]int{whole: 40, first: 4, second: 6} {
		page += fmt.Sprintf("modelserving_gpu_memory_used_bytes{%s} %d\n", device, used*gib)
		page += fmt.Sprintf("modelserving_gpu_memory_reserved_bytes{%s} 0\n", device)
		page += fmt.Sprintf("modelserving_gpu_memory_total_bytes{%s} %d\n", device, 2*used*gib)
	}
	page += fmt.Sprintf("modelserving_gpu_power_watts{%s} 300\nmodelserving_gpu_power_watts{%s} 200\n", whole, divided)
	page += fmt.Sprintf("modelserving_gpu_utilization_ratio{%s} 0.9\n", whole)
	if measuresSlices {
		page += fmt.Sprintf("modelserving_gpu_utilization_ratio{%s} 0.3\nmodelserving_gpu_utilization_ratio{%s} 0.6\n", first, second)
	}
	return page
}

// ofDCGM is what dcgm-exporter tells of the same host: slices have the id of their GPU, each has the whole GPU's power, and the
// utilization that it does not measure of them may be 0.
func ofDCGM() string {
	whole := `gpu="0",UUID="GPU-a",Hostname="h"`
	first, second := `gpu="1",UUID="GPU-b",GPU_I_ID="1",Hostname="h"`, `gpu="1",UUID="GPU-b",GPU_I_ID="2",Hostname="h"`
	page := ""
	for device, used := range map[string]int{whole: 40, first: 4, second: 6} {
		page += fmt.Sprintf("DCGM_FI_DEV_FB_USED{%s} %d\nDCGM_FI_DEV_FB_FREE{%s} %d\n", device, used*1024, device, used*1024)
	}
	for device, watts := range map[string]int{whole: 300, first: 200, second: 200} {
		page += fmt.Sprintf("DCGM_FI_DEV_POWER_USAGE{%s} %d\n", device, watts)
	}
	for device, percent := range map[string]int{whole: 90, first: 0, second: 0} {
		page += fmt.Sprintf("DCGM_FI_DEV_GPU_UTIL{%s} %d\n", device, percent)
	}
	for device, ratio := range map[string]float64{whole: 0.8, first: 0.3, second: 0.6} {
		page += fmt.Sprintf("DCGM_FI_PROF_GR_ENGINE_ACTIVE{%s} %g\n", device, ratio)
	}
	return page
}

// onOneHost are readings of ofNVML and ofDCGM together or alone: what they agree in counts once, whoever tells it.
func onOneHost(t *testing.T, s *store, utilization float64) {
	t.Helper()
	requireClose(t, map[string]float64{"": 50 * gib}, s.totals("gpu_memory", signal.Last))
	requireClose(t, map[string]float64{"": 0.5}, s.totals("gpu_memory_usage", signal.Mean))
	requireClose(t, map[string]float64{"": 500}, s.totals("gpu_power", signal.Last))
	requireClose(t, map[string]float64{"": utilization}, s.totals("gpu_utilization", signal.Last))
}

// Whichever exporters a host has, its memory, power and utilization are the same, divided GPUs included.
func TestExportersOnOneHostCountOnce(t *testing.T) {
	t.Parallel()
	endpoint := func(text string) page { return page{"host:9492", "production", "gpus", text} }
	exporter := page{"host:9400", "production", "dcgm", ofDCGM()}
	for name, pages := range map[string][]page{
		"the NVML endpoint alone": {endpoint(ofNVML(true))},
		"dcgm-exporter alone":     {exporter},
		"both":                    {endpoint(ofNVML(true)), exporter},
		"both names on one page":  {endpoint(ofNVML(true) + ofDCGM())},
		"slices without utilization, dcgm-exporter":   {endpoint(ofNVML(false)), exporter},
		"slices without utilization, names on a page": {endpoint(ofNVML(false) + ofDCGM())},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onOneHost(t, scrapeTwice(t, pages...), (0.9+0.3+0.6)/3)
		})
	}
}

// By GPU, slices are told apart where somebody gives them ids of their own.
func TestSlicesHaveTheIDsOfThePreferredExporter(t *testing.T) {
	t.Parallel()
	s := scrapeTwice(t, page{"host:9492", "production", "gpus", ofNVML(false)}, page{"host:9400", "production", "dcgm", ofDCGM()})
	requireClose(t, map[string]float64{"GPU-a": 40 * gib, "MIG-b1": 4 * gib, "MIG-b2": 6 * gib}, s.totals("gpu_memory", signal.Last, "gpu"))
	requireClose(t, map[string]float64{"GPU-a": 0.9, "GPU-b": 0.45}, s.totals("gpu_utilization", signal.Last, "gpu"))
	requireClose(t, map[string]float64{"GPU-a": 300, "GPU-b": 200}, s.totals("gpu_power", signal.Last, "gpu"))
}

// A host that only dcgm-exporter tells of counts beside one that both do, even where GPUs have the same index there.
func TestHostsWithOtherExportersCountEach(t *testing.T) {
	t.Parallel()
	elsewhere := strings.NewReplacer("GPU-a", "GPU-x", "GPU-b", "GPU-y").Replace(ofDCGM())
	s := scrapeTwice(t, page{"host:9492", "production", "gpus", ofNVML(true)}, page{"host:9400", "production", "dcgm", ofDCGM()},
		page{"other:9400", "production", "dcgm", elsewhere})
	requireClose(t, map[string]float64{"": 100 * gib}, s.totals("gpu_memory", signal.Last))
	requireClose(t, map[string]float64{"": 1000}, s.totals("gpu_power", signal.Last))
	requireClose(t, map[string]float64{"": 0.6}, s.totals("gpu_utilization", signal.Last))
	require.Len(t, s.totals("gpu_memory", signal.Last, "gpu"), 5)
}

// A GPU of which the NVML endpoint knows nothing but the name is dcgm-exporter's: slices may be hidden from a container.
func TestWhatTheEndpointCannotReadIsTheOtherExporters(t *testing.T) {
	t.Parallel()
	var seen strings.Builder
	for line := range strings.Lines(ofNVML(true)) {
		if !strings.Contains(line, "MIG-") {
			seen.WriteString(line)
		}
	}
	onOneHost(t, scrapeTwice(t, page{"host:9492", "production", "gpus", seen.String()}, page{"host:9400", "production", "dcgm", ofDCGM()}), 0.6)
}

// A mean over GPUs that several profiles tell of weighs each GPU alike.
func TestMeansOverProfilesWeighEachGPUAlike(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	many.WriteString("modelserving_nvml_up 1\n")
	for i := range 8 {
		fmt.Fprintf(&many, "modelserving_gpu_info{gpu=\"%d\",uuid=\"GPU-%d\"} 1\nmodelserving_gpu_utilization_ratio{gpu=\"%d\",uuid=\"GPU-%d\"} 0.9\n", i, i, i, i)
	}
	s := scrapeTwice(t, page{"host:9492", "production", "gpus", many.String()},
		page{"other:9400", "staging", "dcgm", "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-z\"} 0\n"})
	requireClose(t, map[string]float64{"": 0.8}, s.totals("gpu_utilization", signal.Last))
	requireClose(t, map[string]float64{"": 0.8}, s.totals("gpu_utilization", signal.Max))
}

// dcgm-exporter shows the readings of a GPU once for each pod that shares it.
func TestAGPUThatPodsShareCountsOnce(t *testing.T) {
	t.Parallel()
	var shared strings.Builder
	for line := range strings.Lines(ofDCGM()) {
		for _, pod := range []string{"chat-0", "chat-1"} {
			shared.WriteString(strings.Replace(line, "{", `{pod="`+pod+`",`, 1))
		}
	}
	onOneHost(t, scrapeTwice(t, page{"host:9400", "production", "dcgm", shared.String() + "DCGM_FI_DEV_GPU_UTIL{gpu=\"2\",UUID=\"GPU-c\"} 60\n"}), 0.6)
}

// The real endpoint's recordings under both of its names tell the same, in whichever way they are scraped.
func TestTheEndpointUnderBothNamesCountsOnce(t *testing.T) {
	t.Parallel()
	alone := newStore(t, 2)
	alone.add("nvml", recorded(t, "nvml", []string{"1-idle", "2-loaded"})...)
	both := newStore(t, 2)
	both.add("nvml", recorded(t, "nvml", []string{"1-idle", "2-loaded"})...)
	both.add("dcgm", recorded(t, "nvml_dcgm_names", []string{"1-idle", "2-loaded"})...)
	for _, name := range []string{"gpu_memory", "gpu_power", "gpu_utilization"} {
		requireClose(t, alone.totals(name, signal.Last, "gpu"), both.totals(name, signal.Last, "gpu"))
		requireClose(t, alone.totals(name, signal.Last), both.totals(name, signal.Last))
	}
}
