//go:build linux && cgo

package nvml

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/attribution"
)

// What the endpoint may cost, in cores, with 8 GPUs and 64 processes.
const mostCores = 0.01

// cpuTime is what this process has used.
func cpuTime(t require.TestingT) time.Duration {
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// busyHost has 8 GPUs and 64 processes, which are those of this machine, so that assigning them costs what it costs. Its
// buffers get what NVML puts into them: a sample of the utilisation every 100 ms and one of the power every 20 ms.
func busyHost(t require.TestingT, buffered bool) *scriptedHost {
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	var pids []uint32
	for _, e := range entries {
		if pid, err := strconv.ParseUint(e.Name(), 10, 32); err == nil {
			pids = append(pids, uint32(pid))
		}
	}
	h := newHost(8)
	for i := range 64 {
		g := h.gpus[i%8]
		pid := pids[i%len(pids)]
		g.processes = append(g.processes, nvml.ProcessInfo{Pid: pid, UsedGpuMemory: gibibyte})
		g.busy = append(g.busy, nvml.ProcessUtilizationSample{Pid: pid, SmUtil: 10})
	}
	for _, g := range h.gpus {
		g.power, g.rates.Gpu = 300_000, 50
		if !buffered {
			g.faults["GetSamples(0)"], g.faults["GetSamples(1)"] = nvml.ERROR_NOT_SUPPORTED, nvml.ERROR_NOT_SUPPORTED
		}
	}
	return h
}

// fill puts a second's worth into the buffers.
func (h *scriptedHost) fill(now time.Time) {
	h.change(func() {
		for _, g := range h.gpus {
			clear(g.samples)
			for i := range 50 {
				at := now.Add(time.Duration(i-50) * 20 * time.Millisecond)
				g.addSample(nvml.TOTAL_POWER_SAMPLES, at, 300_000)
				if i%5 == 0 {
					g.addSample(nvml.GPU_UTILIZATION_SAMPLES, at, 50)
				}
			}
			for i := range g.busy {
				g.busy[i].TimeStamp = uint64(now.UnixMicro())
			}
		}
	})
}

// BenchmarkCost runs the monitor for ten seconds, scraped every five, which is three times as often as usual. It has the
// scripted host's own work in it, and not what the driver does in a call.
func BenchmarkCost(b *testing.B) {
	for _, buffered := range []bool{true, false} {
		b.Run(fmt.Sprintf("buffered=%t", buffered), func(b *testing.B) {
			for b.Loop() {
				used, wall, size := cost(b, busyHost(b, buffered))
				cores := used.Seconds() / wall.Seconds()
				b.ReportMetric(100*cores, "%core")
				b.ReportMetric(cores/mostCores, "of-what-it-may-cost")
				b.ReportMetric(float64(size), "bytes/scrape")
			}
		})
	}
}

func cost(b *testing.B, h *scriptedHost) (used, wall time.Duration, size int) {
	attributor, err := attribution.New(attribution.Settings{})
	require.NoError(b, err)
	m, err := New(Settings{Library: h, Attributor: attributor})
	require.NoError(b, err)
	runMonitor(b, m)
	server := httptest.NewUnstartedServer(Handler(m, NamesModelServing, prometheus.NewRegistry()))
	server.Config.ConnContext = ConnContext
	server.Start()
	defer server.Close()
	require.Eventually(b, func() bool { return m.Status().State == StateOK }, 30*time.Second, 10*time.Millisecond)
	began, before := time.Now(), cpuTime(b)
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for second := 1; second <= 10; second++ {
		h.fill(<-ticker.C)
		if second%5 == 0 {
			response, err := server.Client().Get(server.URL)
			require.NoError(b, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(b, err)
			_ = response.Body.Close()
			require.Equal(b, http.StatusOK, response.StatusCode)
			size = len(body)
		}
	}
	return cpuTime(b) - before, time.Since(began), size
}
