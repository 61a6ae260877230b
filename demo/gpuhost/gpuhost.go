// Package gpuhost plays the host of a Triton that has GPUs: the real NVML endpoint on a fake of NVIDIA's library, which puts
// Triton's real processes on fake GPUs.
package gpuhost

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/procfs"

	"github.com/coldhit/modelserving-datasource/demo/fleet"
	"github.com/coldhit/modelserving-datasource/demo/freeport"
	"github.com/coldhit/modelserving-datasource/demo/supervise"
	"github.com/coldhit/modelserving-datasource/tests/fakenvml"
)

// usualPort is the NVML endpoint's own.
const usualPort = 9492

// large are the models that have the second GPU to themselves: what each of their processes takes. Those of the other models share
// the first.
var (
	large = map[string]use{"translation": {6, 4}, "speech-to-text": {9, 9}, "summarizer": {14, 16}}
	small = use{2, 4}
)

// use of a GPU: memory in GiB, utilization in percent.
type use struct{ memory, utilization int }

// opaqueGPU is the GPU whose processes the driver does not report.
const opaqueGPU = 2

// Host is a running NVML endpoint.
type Host struct {
	// Metrics is the URL to scrape, Base that of its other pages.
	Metrics, Base string
	Process       *supervise.Process

	scenario string
}

// Start starts the endpoint, a program that was built, on a host whose GPUs are idle.
func Start(ctx context.Context, group *supervise.Group, root, program, folder string) (*Host, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	if err := fakenvml.Build(ctx, root, folder, fakenvml.Options{}); err != nil {
		return nil, err
	}
	path := filepath.Join(folder, "scenario")
	if err := gpus(0).Write(path); err != nil {
		return nil, err
	}
	ports, err := freeport.Prefer(usualPort)
	if err != nil {
		return nil, err
	}
	base := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	process, err := group.Start(supervise.Spec{
		Name: "NVML endpoint", Path: program, Dir: folder, LogPath: filepath.Join(folder, "nvml.log"),
		Env:  append(os.Environ(), fakenvml.ScenarioVariable+"="+path),
		Args: []string{fmt.Sprintf("-web.listen-address=127.0.0.1:%d", ports[0]), "-library=" + filepath.Join(folder, fakenvml.LibraryName)},
	})
	if err != nil {
		return nil, err
	}
	return &Host{Metrics: base + "/metrics", Base: base, Process: process, scenario: path}, nil
}

// gpus are three, idle (0) or busy (1).
func gpus(busy int) fakenvml.Scenario {
	host := fakenvml.NewHost(3)
	for i, utilization := range [][]int{{41, 52, 47, 63, 38, 55}, {58, 71, 66, 49, 77, 61}, {22, 35, 18, 31, 27, 24}} {
		gpu := &host.GPUs[i]
		gpu.UUID, gpu.Name = fmt.Sprintf("GPU-fa4e000%d-0000-4000-8000-000000000000", i), "Fake GPU 80GB"
		gpu.Utilization, gpu.Power, gpu.Used = nil, nil, 0
		for _, u := range utilization {
			gpu.Utilization = append(gpu.Utilization, busy*u)
			gpu.Power = append(gpu.Power, 90_000+6_000*busy*u) // mW, from 90 W, idle, to 690 W
		}
	}
	for _, call := range []string{"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v3",
		"nvmlDeviceGetMPSComputeRunningProcesses_v3", "nvmlDeviceGetProcessUtilization"} {
		host.Faults = append(host.Faults, fakenvml.Fault{Call: call, GPU: opaqueGPU, Result: fakenvml.NotSupported})
	}
	return host
}

// Work has the GPUs work for the Triton with the process id, all of whose models are loaded: the models' processes are on the
// first two, beside one that has nothing to do with models, and the processes on the third are unknown.
func (h *Host) Work(triton int) error {
	host := gpus(1)
	add := func(gpu, pid int, of use) {
		memory := uint64(of.memory) * fakenvml.GiB
		host.Processes = append(host.Processes, fakenvml.NewProcess(gpu, pid, memory, of.utilization))
		host.GPUs[gpu].Used += memory
	}
	processes, err := stubs(triton)
	if err != nil {
		return err
	}
	found := map[string]bool{}
	for pid, model := range processes {
		found[model] = true
		if of, isLarge := large[model]; isLarge {
			add(1, pid, of)
		} else if model != fleet.Reloaded { // its process is another one each time
			add(0, pid, small)
		}
	}
	for model := range large {
		if !found[model] {
			return fmt.Errorf("no process of Triton (%d) serves the model %s", triton, model)
		}
	}
	add(1, os.Getpid(), use{2, 3})
	host.GPUs[opaqueGPU].Used = 20 * fakenvml.GiB
	return host.Write(h.scenario)
}

// stubs are the processes of Triton's Python backend, with their models.
func stubs(triton int) (map[int]string, error) {
	all, err := procfs.AllProcs()
	if err != nil {
		return nil, err
	}
	out := map[int]string{}
	for _, p := range all {
		stat, err := p.Stat()
		if err != nil || stat.PPID != triton {
			continue // it may be gone
		}
		line, err := p.CmdLine()
		if err != nil || len(line) < 2 || !strings.Contains(line[0], "triton_python_backend_stub") {
			continue
		}
		out[p.PID] = filepath.Base(filepath.Dir(filepath.Dir(line[1]))) // <repository>/<model>/<version>/model.py
	}
	return out, nil
}
