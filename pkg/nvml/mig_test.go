//go:build linux && cgo

package nvml

import (
	"strings"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxa100"
	"github.com/stretchr/testify/require"
)

// sum adds up a metric over all its series.
func sum(found map[string]float64, metric string) float64 {
	total := 0.0
	for series, number := range found {
		if strings.HasPrefix(series, metric+"{") {
			total += number
		}
	}
	return total
}

func TestMIGDevicesAreNotCountedTwice(t *testing.T) {
	h := newHost(2)
	h.gpmSupported = true
	h.gpmUtilization = map[int]float64{1: 30, 2: 70}
	// GPU instance 2 has two compute instances, which share its memory.
	h.gpus[0].divide(1, 2, 2)
	h.gpus[0].slices[0].processes = []nvml.ProcessInfo{{Pid: 11, UsedGpuMemory: gibibyte, GpuInstanceId: 1}}
	shared := []nvml.ProcessInfo{{Pid: 21, UsedGpuMemory: gibibyte, GpuInstanceId: 2, ComputeInstanceId: 0}, {Pid: 22, UsedGpuMemory: gibibyte, GpuInstanceId: 2, ComputeInstanceId: 1}}
	h.gpus[0].slices[1].processes, h.gpus[0].slices[2].processes = shared, shared
	h.gpus[1].memory.Used = 5 * gibibyte
	watch(t, h, nil, func(t *testing.T, w watched) {
		time.Sleep(3 * time.Second)
		found := w.gather(3*time.Second, NamesBoth)
		require.EqualValues(t, (1+2+5)*gibibyte, sum(found, "modelserving_gpu_memory_used_bytes"))
		require.EqualValues(t, (39+39+80)*gibibyte, sum(found, "modelserving_gpu_memory_total_bytes"))
		require.NotContains(t, found, "modelserving_gpu_memory_used_bytes{uuid=GPU-0}", "the GPU's memory is that of its MIG devices")
		require.EqualValues(t, gibibyte, found["modelserving_gpu_memory_used_bytes{mig_instance=1,uuid=MIG-0-1-0}"])
		require.EqualValues(t, 2, found["modelserving_nvml_gpus{}"])
		require.Contains(t, found, "modelserving_gpu_temperature_celsius{uuid=GPU-0}", "there is one sensor for all")
		require.Equal(t, 2, count(found, "modelserving_gpu_temperature_celsius"))

		require.InDelta(t, 0.3, found["modelserving_gpu_utilization_ratio{mig_instance=1,uuid=MIG-0-1-0}"], 1e-9)
		require.InDelta(t, 0.7, found["modelserving_gpu_utilization_ratio{mig_instance=2,uuid=MIG-0-2-0}"], 1e-9)
		require.NotContains(t, found, "modelserving_gpu_utilization_ratio{uuid=GPU-0}")

		require.EqualValues(t, 3*gibibyte, sum(found, "modelserving_gpu_process_memory_bytes"))
		require.Contains(t, found, "modelserving_gpu_process_memory_bytes{mig_instance=2,pid=22,uuid=MIG-0-2-1}")
		require.InDelta(t, 0.3, found["modelserving_gpu_process_utilization_ratio{mig_instance=1,pid=11,uuid=MIG-0-1-0}"], 1e-9, "alone in its GPU instance")
		require.Equal(t, 1, count(found, "modelserving_gpu_process_utilization_ratio"), "NVML has none for MIG devices that are shared")

		require.Equal(t, 3, count(found, "DCGM_FI_DEV_FB_USED"))
		require.InDelta(t, 8*1024, sum(found, "DCGM_FI_DEV_FB_USED"), 1e-6)
		require.Equal(t, 2, count(found, "DCGM_FI_PROF_GR_ENGINE_ACTIVE"), "one for each GPU instance")
	})
}

func count(found map[string]float64, metric string) int {
	n := 0
	for series := range found {
		if strings.HasPrefix(series, metric+"{") {
			n++
		}
	}
	return n
}

func TestMIGSwitchedOnWhileRunning(t *testing.T) {
	h := newHost(1)
	g := h.gpus[0]
	watch(t, h, nil, func(t *testing.T, w watched) {
		require.Contains(t, w.ownSeries(), "modelserving_gpu_memory_used_bytes{uuid=GPU-0}")
		h.change(func() {
			g.faults["GetUtilizationRates"] = nvml.ERROR_NOT_SUPPORTED
			g.divide(1, 2)
		})
		h.events <- nvml.EventData{Device: g, EventType: nvml.EventMigConfigChange}
		time.Sleep(3 * time.Second)
		found := w.ownSeries()
		require.NotContains(t, found, "modelserving_gpu_memory_used_bytes{uuid=GPU-0}")
		require.Contains(t, found, "modelserving_gpu_memory_used_bytes{mig_instance=1,uuid=MIG-0-1-0}")
		require.Contains(t, found, "modelserving_gpu_info{mig_instance=2,pci_bus_id=00000000:01:00.0,uuid=MIG-0-2-0}")
		require.Contains(t, found, "modelserving_nvml_unsupported{call=nvmlGpmMigSampleGet,gpu=0,mig_instance=1}")
		require.True(t, w.Status().GPUs[0].MIG)
		require.Len(t, w.Status().GPUs[0].MIGDevices, 2)
		require.Equal(t, "3g.40gb", w.Status().GPUs[0].MIGDevices[0].MIGProfile)

		// Off again, and nobody sends an event.
		h.change(func() { g.mig, g.slices = false, nil; delete(g.faults, "GetUtilizationRates") })
		time.Sleep(13 * time.Second)
		found = w.ownSeries()
		require.Contains(t, found, "modelserving_gpu_memory_used_bytes{uuid=GPU-0}")
		require.Contains(t, found, "modelserving_gpu_memory_activity_ratio{uuid=GPU-0}", "what was not supported is tried again")
		require.Zero(t, count(found, "modelserving_nvml_unsupported"))
	})
}

// TestScrapesWhileMIGChanges: a GPU that is divided anew answers all the time, with what it was or with what it is.
func TestScrapesWhileMIGChanges(t *testing.T) {
	h := newHost(1)
	g := h.gpus[0]
	watch(t, h, func(s *Settings) { s.DiscoveryInterval = 300 * time.Millisecond }, func(t *testing.T, w watched) {
		for i := range 40 {
			h.change(func() {
				if g.mig, g.slices = false, nil; i%2 == 0 {
					g.divide(1, 2)
				}
			})
			h.events <- nvml.EventData{Device: g, EventType: nvml.EventMigConfigChange}
			for range 5 {
				time.Sleep(70 * time.Millisecond)
				found := w.ownSeries()
				require.EqualValues(t, 1, found["modelserving_nvml_gpus{}"])
				total := sum(found, "modelserving_gpu_memory_total_bytes")
				require.Contains(t, []float64{80 * gibibyte, 78 * gibibyte}, total, "never both, never neither")
			}
			time.Sleep(time.Second)
		}
	})
}

func TestScrapeBetweenTwoWorkersOfAGPU(t *testing.T) {
	h := newHost(2)
	watch(t, h, nil, func(t *testing.T, w watched) {
		h.change(func() { h.gpus[1].slow["GetTemperature"] = time.Second })
		first := make(chan map[string]float64, 1)
		go func() { first <- w.ownSeries() }() // keeps GPU 1 busy
		time.Sleep(100 * time.Millisecond)
		h.change(func() { h.gpus[0].divide(1); h.gpus[1].divide(1) })
		h.events <- nvml.EventData{Device: h.gpus[0], EventType: nvml.EventMigConfigChange}
		time.Sleep(300 * time.Millisecond)
		// By now, GPU 0 has lost its worker, and gets another one when GPU 1's has ended.
		second := w.ownSeries()
		require.EqualValues(t, 2, second["modelserving_nvml_gpus{}"])
		require.EqualValues(t, 2*39*gibibyte, sum(second, "modelserving_gpu_memory_total_bytes"))
		require.EqualValues(t, 2, (<-first)["modelserving_nvml_gpus{}"])
	})
}

// TestMockServer reads go-nvml's own DGX A100, as far as it is filled in.
func TestMockServer(t *testing.T) {
	server := dgxa100.New()
	for _, d := range server.Devices {
		finish(d.(*dgxa100.Device))
	}
	server.EventSetCreateFunc = func() (nvml.EventSet, nvml.Return) { return nil, nvml.ERROR_NOT_SUPPORTED }
	m, err := New(Settings{Library: server, Lookup: server.LookupSymbol})
	require.NoError(t, err)
	runMonitor(t, m)
	w := watched{Monitor: m, t: t}
	require.Eventually(t, func() bool { return w.ownSeries()["modelserving_nvml_gpus{}"] == 8 }, 30*time.Second, 10*time.Millisecond)
	found := w.ownSeries()
	require.Equal(t, 8, count(found, "modelserving_gpu_info"))
	require.Equal(t, 8, count(found, "modelserving_gpu_memory_total_bytes"))
	device := server.Devices[3].(*dgxa100.Device)
	require.EqualValues(t, device.MemoryInfo.Total, found["modelserving_gpu_memory_total_bytes{uuid="+device.UUID+"}"])
	require.Equal(t, server.DriverVersion, m.Status().DriverVersion)
	require.Equal(t, StateOK, m.Status().State)
}
