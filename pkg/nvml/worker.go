//go:build linux && cgo

package nvml

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// freshFor is how long what was read of a GPU is good for other scrapes.
const freshFor = time.Second

// worker is the only goroutine that calls NVML for one GPU. Where a call does not return, only this GPU's readings are missing.
type worker struct {
	gpu     gpu
	library nvml.Interface
	lookup  func(symbol string) error
	ledger  *ledger
	logger  *slog.Logger
	every   time.Duration
	// clock is the host's at a moment, in µs since 1970, which may be set back.
	clock func(time.Time) int64
	// changed is told when the GPU was lost, and ended when NVML as a whole has to be initialised again. Neither blocks.
	changed func()
	ended   func(call string, ret nvml.Return)

	questions chan query
	stopped   chan struct{}
	stop      context.CancelFunc
	// lost is set once, by the call that found out.
	lost    atomic.Pointer[loss]
	started time.Time
	// calling is the call that is under way.
	calling atomic.Pointer[pendingCall]

	utilization *sampler // nil where the GPU is divided, or could be: NVML measures MIG devices only
	power       *sampler
	processes   *processSampler
	slices      []*sliceSampler // one for each MIG device
	fields      fields

	readAt  time.Time
	reading reading
}

// loss is why a GPU is taken for lost, and since when.
type loss struct {
	why   string
	since time.Time
}

type pendingCall struct {
	call  string
	since time.Time
}

// query asks for a reading with means and maxima from start on.
type query struct {
	start  time.Time
	answer chan<- reading // holds one
}

// reading is what a GPU and its MIG devices came to. It is not changed once it was handed out.
type reading struct {
	values    []value
	processes []process
}

// value is one number of one device.
type value struct {
	metric *Metric
	device *Device
	number float64
	// labels are the values of the metric's labels after the device's.
	labels []string
}

func newWorker(g gpu, s *session) *worker {
	w := &worker{
		gpu: g, library: s.library, lookup: s.lookup, ledger: s.ledger, logger: s.logger, every: s.sampleInterval, clock: time.Time.UnixMicro,
		changed: s.poke, ended: s.fail,
		questions: make(chan query), stopped: make(chan struct{}),
		power: powerSampler(), started: time.Now(),
	}
	if !g.mig {
		w.utilization, w.processes = utilizationSampler(), &processSampler{}
	}
	for range g.divided {
		w.slices = append(w.slices, &sliceSampler{})
	}
	return w
}

// run samples and answers until the context ends.
func (w *worker) run(ctx context.Context) {
	defer close(w.stopped)
	defer w.free()
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-due.C:
			w.sample(time.Now())
			due.Reset(w.untilNext())
		case q := <-w.questions:
			q.answer <- w.read(q.start, time.Now())
		}
	}
}

func (w *worker) free() {
	for _, s := range w.slices {
		s.free()
	}
}

// untilNext is the time to the next sample: buffers need fewer than values that are polled.
func (w *worker) untilNext() time.Duration {
	if w.utilization.isPolled() || w.power.isPolled() {
		return w.every
	}
	return drainEvery
}

// sample fetches what is due.
func (w *worker) sample(now time.Time) {
	if w.lost.Load() != nil {
		return
	}
	if w.utilization != nil {
		w.utilization.sample(w, now)
	}
	if w.processes != nil {
		w.processes.sample(w, now)
	}
	w.power.sample(w, now)
	for i, s := range w.slices {
		s.sample(w, &w.gpu.divided[i], now)
	}
}

// call does one call for a device of this GPU, unless it is known to be of no use, and keeps account of how it ended.
func (w *worker) call(call string, device *Device, do func() nvml.Return) nvml.Return {
	if w.lost.Load() != nil {
		return nvml.ERROR_GPU_IS_LOST
	}
	at := place{call: call, gpu: device.GPU, migInstance: device.MIGInstance}
	if w.ledger.skip(at) {
		return nvml.ERROR_NOT_SUPPORTED
	}
	if w.lookup != nil && w.ledger.lacks(symbol(call), w.lookup) {
		w.ledger.check(at, nvml.ERROR_FUNCTION_NOT_FOUND)
		return nvml.ERROR_FUNCTION_NOT_FOUND
	}
	w.calling.Store(&pendingCall{call, time.Now()})
	ret := do()
	w.calling.Store(nil)
	switch {
	case w.ledger.check(at, ret):
	case isGPULost(ret):
		w.lost.Store(&loss{explain(call, ret), time.Now()})
		w.changed()
	case needsInit(ret):
		w.ended(call, ret)
	}
	return ret
}

// read takes a reading, and the means and maxima from start on.
func (w *worker) read(start, now time.Time) reading {
	if now.Sub(w.readAt) >= freshFor || w.readAt.IsZero() {
		w.reading = w.readAll(now)
		w.readAt = now
	}
	r := reading{values: append([]value(nil), w.reading.values...), processes: append([]process(nil), w.reading.processes...)}
	out := func(m *Metric, device *Device, number float64) {
		r.values = append(r.values, value{metric: m, device: device, number: number})
	}
	whole := &w.gpu.device
	if w.utilization != nil {
		if total := w.utilization.samples.since(start, now); total.count > 0 {
			out(gpuUtilization, whole, total.mean())
			out(gpuUtilizationMax, whole, total.max)
		}
	}
	if total := w.power.samples.since(start, now); total.count > 0 {
		out(gpuPower, whole, total.mean())
		out(gpuPowerMax, whole, total.max)
	}
	for i, s := range w.slices {
		if total := s.samples.since(start, now); total.count > 0 {
			out(gpuUtilization, &w.gpu.divided[i].device, total.mean())
			out(gpuUtilizationMax, &w.gpu.divided[i].device, total.max)
			r.assignSlice(&w.gpu, i, total.mean())
		}
	}
	if w.processes != nil && !w.processes.off {
		for i := range r.processes {
			p := &r.processes[i]
			p.utilization, p.hasUtilization = w.processes.over(p.pid, start, now)
		}
	}
	return r
}

// assignSlice gives the utilization of a MIG device to its process, where there is only one in its GPU instance: NVML measures
// the processes of a MIG device in no other way.
func (r *reading) assignSlice(g *gpu, slice int, utilization float64) {
	m := &g.divided[slice]
	for i := range g.divided {
		if i != slice && g.divided[i].gpuInstance == m.gpuInstance {
			return
		}
	}
	var only *process
	for i := range r.processes {
		if r.processes[i].device != &m.device {
			continue
		}
		if only != nil {
			return
		}
		only = &r.processes[i]
	}
	if only != nil {
		only.utilization, only.hasUtilization = utilization, true
	}
}

// readAll reads everything that is not sampled.
func (w *worker) readAll(now time.Time) reading {
	var r reading
	whole := &w.gpu.device
	for i := range instruments {
		instrument := &instruments[i]
		if !instrument.divided || len(w.gpu.divided) == 0 {
			w.use(instrument, whole, w.gpu.handle, &r)
			continue
		}
		for j := range w.gpu.divided {
			if m := &w.gpu.divided[j]; !m.sharesMemory {
				w.use(instrument, &m.device, m.handle, &r)
			}
		}
	}
	_ = w.call(fieldsCall, whole, func() nvml.Return { return w.fields.read(w.gpu.handle, now, r.emitFor(whole)) })
	if len(w.gpu.divided) == 0 {
		w.readProcessesInto(&r, whole, w.gpu.handle, -1)
	}
	for i := range w.gpu.divided {
		m := &w.gpu.divided[i]
		w.readProcessesInto(&r, &m.device, m.handle, m.computeInstance)
	}
	return r
}

func (w *worker) readProcessesInto(r *reading, device *Device, handle nvml.Device, computeInstance int) {
	processes, leftOut := w.readProcesses(device, handle, computeInstance)
	w.account(device, handle, processes)
	r.processes = append(r.processes, processes...)
	r.values = append(r.values, value{metric: gpuProcessesDropped, device: device, number: float64(leftOut)})
}

// use reads one instrument, or what stands in for it.
func (w *worker) use(i *instrument, device *Device, handle nvml.Device, r *reading) {
	ret := w.call(i.call, device, func() nvml.Return { return i.read(handle, r.emitFor(device)) })
	if isUnsupported(ret) && i.instead != nil {
		w.use(i.instead, device, handle, r)
	}
}

func (r *reading) emitFor(device *Device) emit {
	return func(m *Metric, number float64, labels ...string) {
		r.values = append(r.values, value{metric: m, device: device, number: number, labels: labels})
	}
}
