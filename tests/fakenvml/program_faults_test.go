//go:build linux

package fakenvml_test

import (
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/fakenvml"
)

// NVML's codes.
const (
	notSupported    = 3
	noPermission    = 4
	driverNotLoaded = 9
	gpuIsLost       = 15
	versionMismatch = 18
)

// TestWithoutLibrary has no libnvidia-ml.so.1: the program starts, says so, and goes on.
func TestWithoutLibrary(t *testing.T) {
	p := start(t, startOptions{scenario: fakenvml.NewHost(0), args: []string{"-library", "libnvidia-ml-that-is-not-there.so.1"}})
	pg := p.until("an answer", func(pg page) bool { return pg.count("modelserving_nvml_up") == 1 })
	require.Zero(t, pg.value("modelserving_nvml_up"))
	var health status
	require.Eventually(t, func() bool {
		code, now := p.health()
		health = now
		return code == http.StatusServiceUnavailable && now.Problem != ""
	}, patience, often)
	require.Equal(t, "down", health.State)
	require.Contains(t, health.Problem, "cannot be loaded")
	require.Contains(t, health.Problem, "install NVIDIA's driver")
	code, landing := p.get("/")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, landing, "cannot be loaded")
	require.Contains(t, p.log.String(), "cannot be loaded")
}

// TestDriverProblems has a driver that cannot be used at first, and then can.
func TestDriverProblems(t *testing.T) {
	for name, c := range map[string]struct {
		code int
		want string
	}{
		"mismatch":      {versionMismatch, "restart the host"},
		"not loaded":    {driverNotLoaded, "kernel module"},
		"no permission": {noPermission, "/dev/nvidiactl"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fakenvml.NewHost(1)
			s.Init = c.code
			p := start(t, startOptions{scenario: s, library: built.library})
			require.Eventually(t, func() bool {
				code, health := p.health()
				return code == http.StatusServiceUnavailable && strings.Contains(health.Problem, c.want)
			}, patience, often)
			require.Zero(t, p.scrape().value("modelserving_nvml_up"))

			s.Init = 0
			p.set(s)
			p.until("readings once the driver works", func(pg page) bool {
				return pg.value("modelserving_nvml_up") == 1 && pg.count("modelserving_gpu_memory_used_bytes") == 1
			})
		})
	}
}

// TestUnsupportedCalls has a GPU that can do little: each call is left out, logged once, and the rest is served.
func TestUnsupportedCalls(t *testing.T) {
	s := fakenvml.NewHost(2)
	for _, call := range []string{"nvmlDeviceGetPcieThroughput", "nvmlDeviceGetEncoderUtilization", "nvmlDeviceGetBAR1MemoryInfo"} {
		s.Faults = append(s.Faults, fakenvml.Fault{Call: call, GPU: 1, Result: notSupported})
	}
	p := start(t, startOptions{scenario: s, library: built.library})
	pg := p.until("readings of both", func(pg page) bool {
		return pg.count("modelserving_gpu_temperature_celsius") == 2 && pg.count("modelserving_nvml_unsupported", "gpu", "1") >= 3
	})
	for _, metric := range []string{"modelserving_gpu_pcie_bytes_per_second", "modelserving_gpu_encoder_utilization_ratio", "modelserving_gpu_bar1_memory_used_bytes"} {
		require.Zero(t, pg.count(metric, "gpu", "1"), metric)
		require.NotZero(t, pg.count(metric, "gpu", "0"), metric)
	}
	require.Equal(t, 1, pg.count("modelserving_nvml_unsupported", "gpu", "1", "call", "nvmlDeviceGetBAR1MemoryInfo"))
	require.Zero(t, pg.count("modelserving_nvml_unsupported", "gpu", "0"))
	for range 5 {
		p.scrape()
	}
	require.Equal(t, 1, strings.Count(p.log.String(), "nvmlDeviceGetBAR1MemoryInfo"), p.log.String())
	_, health := p.health()
	require.Equal(t, "ok", health.State, "what a GPU never had is no fault")
}

// TestErrorsOfACall has a call that fails for a while.
func TestErrorsOfACall(t *testing.T) {
	s := fakenvml.NewHost(1)
	s.Faults = []fakenvml.Fault{{Call: "nvmlDeviceGetTemperature", GPU: 0, Result: noPermission}}
	p := start(t, startOptions{scenario: s, library: built.library})
	pg := p.until("errors", func(pg page) bool {
		return pg.value("modelserving_nvml_call_errors_total", "call", "nvmlDeviceGetTemperature", "reason", "no_permission") > 0
	})
	require.Zero(t, pg.count("modelserving_gpu_temperature_celsius"))
	require.NotZero(t, pg.count("modelserving_gpu_memory_used_bytes"))
	s.Faults = nil
	p.set(s)
	p.until("the reading, again", func(pg page) bool { return pg.count("modelserving_gpu_temperature_celsius") == 1 })
}

// TestLostGPU has a GPU that falls off the bus and comes back; the other goes on.
func TestLostGPU(t *testing.T) {
	s := fakenvml.NewHost(2)
	p := start(t, startOptions{scenario: s, library: built.library})
	both := func(pg page) bool {
		return pg.count("modelserving_gpu_temperature_celsius") == 2 && pg.value("modelserving_nvml_gpus") == 2
	}
	p.until("both", both)

	s.Faults = []fakenvml.Fault{{Call: "*", GPU: 1, Result: gpuIsLost}}
	p.set(s)
	pg := p.until("one lost", func(pg page) bool {
		return pg.count("modelserving_gpu_temperature_celsius") == 1 && pg.value("modelserving_nvml_gpus") == 1
	})
	require.Equal(t, 1, pg.count("modelserving_gpu_temperature_celsius", "gpu", "0"))
	require.Equal(t, 1, pg.count("modelserving_gpu_available", "gpu", "1", "uuid", s.GPUs[1].UUID))
	require.Zero(t, pg.value("modelserving_gpu_available", "gpu", "1"))
	code, health := p.health()
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "degraded", health.State)
	require.Contains(t, health.GPUs[1].Problem, "fell off the bus")

	s.Faults = nil
	p.set(s)
	p.until("both again", both)
}

// TestGPUThatHangs has a GPU whose calls take forever: scrapes answer with what the other says.
func TestGPUThatHangs(t *testing.T) {
	s := fakenvml.NewHost(2)
	p := start(t, startOptions{scenario: s, library: built.library})
	p.until("both", func(pg page) bool { return pg.count("modelserving_gpu_temperature_celsius") == 2 })
	s.Faults = []fakenvml.Fault{{Call: "nvmlDeviceGetTemperature", GPU: 1, DelayMilliseconds: 10_000}}
	p.set(s)
	pg := p.until("one that hangs", func(pg page) bool { return pg.count("modelserving_gpu_temperature_celsius") == 1 })
	require.Equal(t, 1, pg.count("modelserving_gpu_temperature_celsius", "gpu", "0"))
	_, health := p.health()
	require.Equal(t, "degraded", health.State)
	s.Faults = nil
	p.set(s)
	p.until("both again", func(pg page) bool { return pg.count("modelserving_gpu_temperature_celsius") == 2 })
}

// TestMIGSwitchedOn divides a GPU, and undoes it, while the program runs.
func TestMIGSwitchedOn(t *testing.T) {
	s := fakenvml.NewHost(2)
	whole := s.GPUs[1]
	p := start(t, startOptions{scenario: s, library: built.library})
	undivided := func(pg page) bool {
		return pg.count("modelserving_gpu_memory_used_bytes", "gpu", "1", "mig_instance", "") == 1 && pg.count("modelserving_gpu_memory_used_bytes", "gpu", "1") == 1
	}
	p.until("a whole GPU", undivided)
	for _, devices := range []int{2, 4} {
		s.Divide(1, devices)
		p.set(s)
		pg := p.until("its MIG devices", func(pg page) bool {
			return pg.count("modelserving_gpu_memory_used_bytes", "gpu", "1") == devices
		})
		require.Equal(t, float64(s.GPUs[0].Used+s.GPUs[1].Used), pg.value("modelserving_gpu_memory_used_bytes"))
		require.Equal(t, 2.0, pg.value("modelserving_nvml_gpus"), "a divided GPU is one")
		require.Zero(t, pg.count("modelserving_gpu_memory_used_bytes", "uuid", whole.UUID))
	}
	s.GPUs[1] = whole
	p.set(s)
	p.until("a whole GPU again", undivided)
}

// TestOldDriver has a library that lacks functions that go-nvml knows. Calling one would end the program.
func TestOldDriver(t *testing.T) {
	s := fakenvml.NewHost(2)
	s.Divide(1, 2)
	pid, _ := process(t, "/usr/bin/vllm", "serve", "m")
	s.Processes = []fakenvml.Process{fakenvml.NewProcess(0, pid, fakenvml.GiB, 5)}
	p := start(t, startOptions{scenario: s, library: built.oldLibrary})
	pg := p.until("readings", func(pg page) bool {
		return pg.count("modelserving_gpu_memory_used_bytes") == 3 && pg.count("modelserving_gpu_throttled", "gpu", "0") > 0 &&
			pg.value("modelserving_gpu_model_memory_bytes", "model", "m") == gib
	})
	require.Equal(t, float64(s.GPUs[0].Used+s.GPUs[0].Reserved), pg.value("modelserving_gpu_memory_used_bytes", "gpu", "0"))
	require.Zero(t, pg.count("modelserving_gpu_memory_reserved_bytes"), "version 1 does not tell it")
	require.NotZero(t, pg.count("modelserving_nvml_unsupported", "call", "nvmlDeviceGetMemoryInfo_v2"))
}

// TestUnprivileged runs as somebody who may not read other users' environments: models that the command line names are found,
// and what cannot be known is said.
func TestUnprivileged(t *testing.T) {
	s := fakenvml.NewHost(1)
	named, _ := process(t, "/usr/bin/vllm", "serve", "m")
	unknown, _ := process(t, "/usr/bin/own-server")
	s.Processes = []fakenvml.Process{fakenvml.NewProcess(0, named, fakenvml.GiB, 5), fakenvml.NewProcess(0, unknown, fakenvml.GiB, 5)}
	user := &syscall.Credential{Uid: 65534, Gid: 65534}
	if os.Getuid() != 0 {
		// This user's own processes are readable; init's are not.
		user, s.Processes[1].PID = nil, 1
	}
	p := start(t, startOptions{scenario: s, library: built.library, user: user})
	pg := p.until("models", func(pg page) bool { return pg.value("modelserving_gpu_model_memory_bytes", "model", "m") == gib })
	require.Equal(t, gib, pg.value("modelserving_gpu_model_memory_bytes", "model", ""))
	require.Equal(t, 1.0, pg.value("modelserving_nvml_attribution_errors"))
	_, health := p.health()
	require.Contains(t, strings.Join(health.AttributionErrors, " "), "SYS_PTRACE")
}
