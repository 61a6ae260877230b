//go:build linux && cgo

package nvml

import (
	"log/slog"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/stretchr/testify/require"
)

// clocked is a worker of a GPU whose driver, like the host, may have its clock set.
type clocked struct {
	t   *testing.T
	gpu *scriptedGPU
	*worker
	now time.Time
	set time.Duration
}

func newClocked(t *testing.T) *clocked {
	t.Helper()
	h := newHost(1)
	s := &session{library: h, ledger: newLedger(slog.New(slog.DiscardHandler)), logger: slog.New(slog.DiscardHandler), sampleInterval: defaultSampleInterval}
	c := &clocked{t: t, gpu: h.gpus[0], worker: newWorker(gpu{handle: h.gpus[0], device: Device{GPU: "0", UUID: "GPU-0"}}, s), now: time.Now()}
	c.clock = func(at time.Time) int64 { return at.Add(c.set).UnixMicro() }
	return c
}

// second goes on by a second in which process 7 and the GPU were as busy, in percent.
func (c *clocked) second(busy uint32) {
	for range 5 {
		c.now = c.now.Add(200 * time.Millisecond)
		c.gpu.addSample(nvml.GPU_UTILIZATION_SAMPLES, c.now.Add(c.set), busy)
	}
	if busy > 0 {
		c.gpu.busy = append(c.gpu.busy, nvml.ProcessUtilizationSample{Pid: 7, SmUtil: busy, TimeStamp: uint64(c.clock(c.now))})
	}
	c.sample(c.now)
}

// last is what the latest seconds came to.
func (c *clocked) last(seconds int) (gpu summary, process float64) {
	c.t.Helper()
	start := c.now.Add(-time.Duration(seconds)*time.Second + time.Millisecond)
	process, known := c.processes.over(7, start, c.now)
	require.True(c.t, known)
	return c.utilization.samples.since(start, c.now), process
}

// TestClockIsSet has the host's clock set while it is read: readings go on, and nothing counts twice.
func TestClockIsSet(t *testing.T) {
	for name, c := range map[string]struct {
		by time.Duration
		// idle is whether the process is idle until the clock is set.
		idle bool
	}{
		"not at all": {}, "forward": {by: time.Hour}, "back": {by: -time.Hour}, "back a little": {by: -5 * time.Second}, "back, idle before": {by: -time.Hour, idle: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newClocked(t)
			before := uint32(20)
			if c.idle {
				before = 0
			}
			for range 12 {
				w.second(before)
			}
			gpu, process := w.last(5)
			require.InDelta(t, float64(before)/100, gpu.mean(), 1e-9)
			require.InDelta(t, float64(before)/100, process, 1e-9)
			w.set += c.by
			for range 12 {
				w.second(60)
			}
			require.False(t, w.utilization.isPolled(), "NVML's buffer is still read")
			gpu, process = w.last(5)
			require.Equal(t, 25, gpu.count)
			require.InDelta(t, 0.6, gpu.mean(), 1e-9)
			require.InDelta(t, 0.6, process, 1e-9)
			gpu, _ = w.last(24)
			require.InDelta(t, 24*5, gpu.count, 10, "samples of around the change alone may be missing, or be there twice")
		})
	}
}

// TestDriverWithAClockAhead stamps samples with times that have not come yet by the host's clock.
func TestDriverWithAClockAhead(t *testing.T) {
	w := newClocked(t)
	clock := w.clock
	w.set = time.Minute
	w.clock = func(at time.Time) int64 { return clock(at) - time.Minute.Microseconds() }
	for range 12 {
		w.now = w.now.Add(time.Second)
		w.gpu.addSample(nvml.GPU_UTILIZATION_SAMPLES, w.now.Add(w.set), 60)
		w.gpu.busy = append(w.gpu.busy, nvml.ProcessUtilizationSample{Pid: 7, SmUtil: 60, TimeStamp: uint64(clock(w.now))})
		w.sample(w.now)
	}
	gpu, process := w.last(5)
	require.Equal(t, 5, gpu.count)
	require.InDelta(t, 0.6, process, 1e-9)
}
