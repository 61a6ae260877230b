//go:build linux && cgo

package nvml

import (
	"cmp"
	"runtime"
	"slices"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

const (
	// mostProcesses bounds the series of one device.
	mostProcesses = 512
	// unseenFor is how far back samples of processes are asked for as long as there were none.
	unseenFor = 10 * time.Second
)

// process is a process on a device.
type process struct {
	device    *Device
	pid       uint32
	memory    uint64 // bytes
	hasMemory bool
	// utilization is the mean over the window, 0..1.
	utilization    float64
	hasUtilization bool
	accounted      *accountingStats
}

// accountingStats are the totals that accounting mode reports over a process's whole life.
type accountingStats struct {
	utilization float64 // 0..1
	memoryMax   uint64  // bytes
}

// processLists are the lists that NVML has; a process can be in several.
var processLists = []struct {
	call string
	read func(device nvml.Device) ([]nvml.ProcessInfo, nvml.Return)
}{
	{"nvmlDeviceGetComputeRunningProcesses", nvml.Device.GetComputeRunningProcesses},
	{"nvmlDeviceGetGraphicsRunningProcesses", nvml.Device.GetGraphicsRunningProcesses},
	{"nvmlDeviceGetMPSComputeRunningProcesses", nvml.Device.GetMPSComputeRunningProcesses},
}

// readProcesses lists the processes on a device, each once, by falling memory, and how many had to be left out. Where a MIG
// device is one of several in its GPU instance, only processes of that compute instance are its own (-1 takes all).
func (w *worker) readProcesses(device *Device, handle nvml.Device, computeInstance int) ([]process, int) {
	found := map[uint32]*process{}
	for _, list := range processLists {
		var infos []nvml.ProcessInfo
		ret := w.call(list.call, device, func() (ret nvml.Return) {
			infos, ret = list.read(handle)
			return ret
		})
		if ret != nvml.SUCCESS {
			continue
		}
		for _, info := range infos {
			const none = ^uint32(0)
			if computeInstance >= 0 && info.ComputeInstanceId != none && info.ComputeInstanceId != uint32(computeInstance) {
				continue
			}
			p := found[info.Pid]
			if p == nil {
				p = &process{device: device, pid: info.Pid}
				found[info.Pid] = p
			}
			// Each list gives the whole of the process's memory.
			if info.UsedGpuMemory != notBySize {
				p.memory, p.hasMemory = max(p.memory, info.UsedGpuMemory), true
			}
		}
	}
	processes := make([]process, 0, len(found))
	for _, p := range found {
		processes = append(processes, *p)
	}
	slices.SortFunc(processes, func(a, b process) int {
		return cmp.Or(cmp.Compare(b.memory, a.memory), cmp.Compare(a.pid, b.pid))
	})
	kept := min(len(processes), mostProcesses)
	return processes[:kept], len(processes) - kept
}

// account adds what accounting mode tells, where it is on.
func (w *worker) account(device *Device, handle nvml.Device, processes []process) {
	var mode nvml.EnableState
	ret := w.call("nvmlDeviceGetAccountingMode", device, func() (ret nvml.Return) {
		mode, ret = handle.GetAccountingMode()
		return ret
	})
	if ret != nvml.SUCCESS || mode != nvml.FEATURE_ENABLED {
		return
	}
	for i := range processes {
		var stats nvml.AccountingStats
		known := true
		ret := w.call("nvmlDeviceGetAccountingStats", device, func() (ret nvml.Return) {
			stats, ret = handle.GetAccountingStats(processes[i].pid)
			if ret == nvml.ERROR_NOT_FOUND { // ended in between, or older than accounting mode
				known = false
				return nvml.SUCCESS
			}
			return ret
		})
		if ret != nvml.SUCCESS {
			return
		}
		const unknown = ^uint32(0)
		if known && stats.GpuUtilization != unknown && stats.MaxMemoryUsage != notBySize {
			processes[i].accounted = &accountingStats{utilization: float64(stats.GpuUtilization) * percent, memoryMax: stats.MaxMemoryUsage}
		}
	}
}

// processSampler collects how busy each process kept the GPU. NVML tells of processes that were busy since the last question;
// all others were idle.
type processSampler struct {
	questions samples // one for each question that was answered
	busy      map[uint32]*samples
	stamps    stamps
	drained   time.Time
	off       bool
}

func (s *processSampler) sample(w *worker, now time.Time) {
	if s.off || !s.drained.IsZero() && now.Sub(s.drained) < drainEvery-drainSlack {
		return
	}
	clock := w.clock(now)
	switch {
	case s.drained.IsZero():
		s.busy = map[uint32]*samples{}
		s.stamps.last = uint64(clock - drainEvery.Microseconds())
	case !s.stamps.seen:
		s.stamps.last = uint64(clock - unseenFor.Microseconds())
	}
	s.drained = now
	var fetched []nvml.ProcessUtilizationSample
	ret := w.call("nvmlDeviceGetProcessUtilization", &w.gpu.device, func() (ret nvml.Return) {
		fetched, ret = busyProcesses(w.gpu.handle, s.stamps.since(clock))
		return ret
	})
	if ret != nvml.SUCCESS {
		s.off = isUnsupported(ret)
		return
	}
	s.take(fetched, now, clock)
}

// utilizationTries is how often samples may come while they are asked for.
const utilizationTries = 5

// busyProcesses are the samples since a time; none, and success, where nobody was busy.
func busyProcesses(handle nvml.Device, since uint64) ([]nvml.ProcessUtilizationSample, nvml.Return) {
	for range utilizationTries {
		found, ret, grew := busyProcessesOnce(handle, since)
		switch {
		case grew:
		case ret == nvml.ERROR_NOT_FOUND || ret == nvml.ERROR_INSUFFICIENT_SIZE:
			return nil, nvml.SUCCESS
		default:
			return found, ret
		}
	}
	return nil, nvml.ERROR_INSUFFICIENT_SIZE
}

// busyProcessesOnce says whether samples came in between the two calls that go-nvml makes of one: the first tells how many there
// are, and when the second tells of more, go-nvml slices beyond what it has (v0.13.0-1), which panics.
func busyProcessesOnce(handle nvml.Device, since uint64) (found []nvml.ProcessUtilizationSample, ret nvml.Return, grew bool) {
	defer func() {
		switch problem := recover().(type) {
		case nil:
		case runtime.Error:
			grew = true
		default:
			panic(problem)
		}
	}()
	found, ret = handle.GetProcessUtilization(since)
	return found, ret, false
}

func (s *processSampler) take(fetched []nvml.ProcessUtilizationSample, now time.Time, clock int64) {
	var newest uint64
	sums := map[uint32]summary{}
	for _, entry := range fetched {
		// An empty entry has no process; one that is not new was counted before.
		if entry.Pid == 0 || !s.stamps.isNew(entry.TimeStamp, clock) || entry.SmUtil > 100 {
			continue
		}
		sum := sums[entry.Pid]
		sum.add(float64(entry.SmUtil) * percent)
		sums[entry.Pid] = sum
		newest = max(newest, entry.TimeStamp)
	}
	s.stamps.update(newest, clock)
	s.questions.add(now, 1)
	for pid, sum := range sums {
		if s.busy[pid] == nil {
			s.busy[pid] = &samples{}
		}
		s.busy[pid].add(now, sum.mean())
	}
	for pid, series := range s.busy {
		if last, _ := series.last(); now.Sub(last.at) > longestWindow {
			delete(s.busy, pid)
		}
	}
}

// over is the mean share of the process in the window, and false where none was measured.
func (s *processSampler) over(pid uint32, start, now time.Time) (float64, bool) {
	asked := s.questions.since(start, now)
	if asked.count == 0 {
		return 0, false
	}
	series := s.busy[pid]
	if series == nil {
		return 0, true
	}
	// Where the last question stands for a window without any, so does what it brought.
	if last, _ := s.questions.last(); !last.at.After(start) {
		start = last.at.Add(-1)
	}
	total := series.after(start)
	return total.sum / float64(asked.count), true
}
