//go:build linux && cgo

package nvml

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/attribution"
)

// assign is an attributor that does as the test says.
type assign func([]attribution.Process) (map[uint32]attribution.Owner, []attribution.ModelShare, []error)

func (a assign) Attribute(_ context.Context, p []attribution.Process) (map[uint32]attribution.Owner, []attribution.ModelShare, []error) {
	return a(p)
}

// whilePassing runs one step a second for some seconds.
func whilePassing(seconds int, step func()) {
	for range seconds {
		step()
		time.Sleep(time.Second)
	}
}

func TestProcesses(t *testing.T) {
	h := newHost(1)
	g := h.gpus[0]
	g.processes = []nvml.ProcessInfo{{Pid: 1, UsedGpuMemory: 4 * gibibyte}, {Pid: 2, UsedGpuMemory: ^uint64(0)}, {Pid: 3, UsedGpuMemory: gibibyte}}
	g.mps = []nvml.ProcessInfo{{Pid: 3, UsedGpuMemory: gibibyte}}
	g.accounts[1] = nvml.AccountingStats{GpuUtilization: 33, MaxMemoryUsage: 6 * gibibyte}
	watch(t, h, nil, func(t *testing.T, w watched) {
		busy := true
		whilePassing(8, func() {
			h.change(func() {
				now := uint64(time.Now().UnixMicro())
				g.busy = []nvml.ProcessUtilizationSample{{Pid: 1, TimeStamp: now, SmUtil: 60}}
				if busy {
					g.busy = append(g.busy, nvml.ProcessUtilizationSample{Pid: 3, TimeStamp: now, SmUtil: 40})
				}
				busy = !busy
			})
		})
		found := w.gather(6*time.Second, NamesModelServing)
		require.EqualValues(t, 4*gibibyte, found["modelserving_gpu_process_memory_bytes{pid=1,uuid=GPU-0}"])
		require.EqualValues(t, gibibyte, found["modelserving_gpu_process_memory_bytes{pid=3,uuid=GPU-0}"], "in two lists, counted once")
		require.NotContains(t, found, "modelserving_gpu_process_memory_bytes{pid=2,uuid=GPU-0}", "NVML does not tell")
		require.InDelta(t, 0.6, found["modelserving_gpu_process_utilization_ratio{pid=1,uuid=GPU-0}"], 1e-9)
		require.InDelta(t, 0.2, found["modelserving_gpu_process_utilization_ratio{pid=3,uuid=GPU-0}"], 1e-9, "busy every other second")
		require.EqualValues(t, 0, found["modelserving_gpu_process_utilization_ratio{pid=2,uuid=GPU-0}"], "idle")
		require.InDelta(t, 0.33, found["modelserving_gpu_process_lifetime_utilization_ratio{pid=1,uuid=GPU-0}"], 1e-9)
		require.EqualValues(t, 6*gibibyte, found["modelserving_gpu_process_memory_max_bytes{pid=1,uuid=GPU-0}"])
		require.Equal(t, 1, count(found, "modelserving_gpu_process_memory_max_bytes"), "2 and 3 ended between two calls, or are older than accounting mode")

		h.change(func() { g.processes, g.mps = g.processes[1:2], nil })
		time.Sleep(2 * time.Second)
		require.Zero(t, count(w.ownSeries(), "modelserving_gpu_process_memory_bytes"), "a process that has ended has no series")
		require.NotContains(t, w.ownSeries(), "modelserving_nvml_call_errors_total{call=nvmlDeviceGetAccountingStats,reason=not_found}")
	})
}

func TestSamplesThatComeWhileTheyAreAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		grows  int
		value  float64
		errors bool
	}{
		"once or twice": {2, 0.6, false},
		"all the time":  {1000, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(1)
			g := h.gpus[0]
			g.processes = []nvml.ProcessInfo{{Pid: 1, UsedGpuMemory: gibibyte}}
			watch(t, h, nil, func(t *testing.T, w watched) {
				whilePassing(8, func() {
					h.change(func() {
						g.busy = []nvml.ProcessUtilizationSample{{Pid: 1, TimeStamp: uint64(time.Now().UnixMicro()), SmUtil: 60}}
						g.grows = c.grows
					})
				})
				found := w.gather(6*time.Second, NamesModelServing)
				require.InDelta(t, c.value, found["modelserving_gpu_process_utilization_ratio{pid=1,uuid=GPU-0}"], 1e-9)
				require.Equal(t, c.errors, found["modelserving_nvml_call_errors_total{call=nvmlDeviceGetProcessUtilization,reason=insufficient_size}"] > 0)
				require.EqualValues(t, gibibyte, found["modelserving_gpu_process_memory_bytes{pid=1,uuid=GPU-0}"])
			})
		})
	}
}

func TestProcessesAreBounded(t *testing.T) {
	h := newHost(1)
	for pid := range uint32(600) {
		h.gpus[0].processes = append(h.gpus[0].processes, nvml.ProcessInfo{Pid: pid + 1, UsedGpuMemory: uint64(pid)})
	}
	watch(t, h, nil, func(t *testing.T, w watched) {
		found := w.ownSeries()
		require.Equal(t, mostProcesses, count(found, "modelserving_gpu_process_memory_bytes"))
		require.EqualValues(t, 600-mostProcesses, found["modelserving_gpu_processes_dropped{uuid=GPU-0}"])
		require.Contains(t, found, "modelserving_gpu_process_memory_bytes{pid=600,uuid=GPU-0}", "the largest are kept")
	})
}

func TestModels(t *testing.T) {
	h := newHost(1)
	h.gpus[0].processes = []nvml.ProcessInfo{{Pid: 1, UsedGpuMemory: 4 * gibibyte}, {Pid: 2, UsedGpuMemory: 2 * gibibyte}}
	attributor := assign(func(processes []attribution.Process) (map[uint32]attribution.Owner, []attribution.ModelShare, []error) {
		if len(processes) != 2 || processes[0].Device != "GPU-0" || !processes[0].HasMemory {
			return nil, nil, []error{errors.New("not what the test expects")}
		}
		owner := attribution.Owner{Name: "triton\xffserver", Container: "server", Pod: "triton-0", Namespace: "ml"}
		return map[uint32]attribution.Owner{1: owner, 2: owner}, []attribution.ModelShare{
			{Device: "GPU-0", Model: "a", Version: "1", Server: "triton", MemoryBytes: gibibyte, HasMemory: true, Utilization: 0.25, HasUtilization: true, Provenance: "estimated", PID: 1},
			{Device: "GPU-0", Model: "a", Version: "1", Server: "triton", MemoryBytes: 2 * gibibyte, HasMemory: true, Provenance: "estimated", PID: 2},
			{Device: "GPU-0", MemoryBytes: 3 * gibibyte, HasMemory: true, Provenance: "measured", PID: 1},
			{Device: "gone", Model: "b", MemoryBytes: gibibyte, HasMemory: true, Provenance: "measured", PID: 9},
		}, []error{errors.New("process 7: permission denied"), errors.New("process 7: permission denied")}
	})
	watch(t, h, func(s *Settings) { s.Attributor = attributor }, func(t *testing.T, w watched) {
		found := w.gather(5*time.Second, NamesBoth)
		require.EqualValues(t, 3*gibibyte, found["modelserving_gpu_model_memory_bytes{model=a,provenance=estimated,server=triton,uuid=GPU-0,version=1}"], "both processes of the model")
		require.EqualValues(t, 3*gibibyte, found["modelserving_gpu_model_memory_bytes{provenance=measured,uuid=GPU-0}"], "what belongs to no model")
		require.InDelta(t, 0.25, found["modelserving_gpu_model_utilization_ratio{model=a,provenance=estimated,server=triton,uuid=GPU-0,version=1}"], 1e-9)
		require.Equal(t, 2, count(found, "modelserving_gpu_model_memory_bytes"))
		require.Contains(t, found, "modelserving_gpu_process_memory_bytes{container=server,namespace=ml,pid=1,pod=triton-0,process=triton\uFFFDserver,uuid=GPU-0}")
		require.EqualValues(t, 2, found["modelserving_nvml_attribution_errors{}"])
		require.Equal(t, []string{"process 7: permission denied"}, w.Status().AttributionErrors)
		require.Contains(t, found, "DCGM_FI_DEV_FB_USED{DCGM_FI_DRIVER_VERSION=580.10,Hostname=gpuhost,UUID=GPU-0,container=server,device=nvidia0,modelName=NVIDIA H100,namespace=ml,pci_bus_id=00000000:01:00.0,pod=triton-0}")
	})
}

func TestPodOfAGPUThatSeveralShareIsNobody(t *testing.T) {
	device := &Device{GPU: "0"}
	processes := []process{{device: device, pid: 1}, {device: device, pid: 2}, {device: &Device{GPU: "1"}, pid: 3}}
	for name, c := range map[string]struct {
		pods []string
		want string
	}{
		"one pod": {[]string{"a", "a", "b"}, "a"}, "two pods": {[]string{"a", "b", "b"}, ""}, "one known": {[]string{"", "a", "b"}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			owners := map[uint32]attribution.Owner{}
			for i, pod := range c.pods {
				owners[uint32(i+1)] = attribution.Owner{Pod: pod, Name: "process"}
			}
			r := rendering{scrape: scrape{owners: owners}}
			require.Equal(t, c.want, r.podOf(device, processes).Pod)
		})
	}
}
