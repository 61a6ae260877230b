//go:build linux && cgo

package nvml

import (
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

const (
	// drainEvery is how often what NVML keeps in its buffers is fetched. That of the power holds about two seconds.
	drainEvery = time.Second
	// drainSlack is how much earlier than that is as good.
	drainSlack = 10 * time.Millisecond
	// silentBuffer is how long a buffer may stay empty before it is taken for one that the driver does not fill.
	silentBuffer = 5 * time.Second
)

// sampler collects samples of one reading of a GPU: from NVML's own buffer where there is one, otherwise by polling.
type sampler struct {
	kind  nvml.SamplingType
	name  string
	scale float64
	// pollCall and poll read the value now, in the buffer's unit.
	pollCall string
	poll     func(device nvml.Device) (float64, nvml.Return)

	samples samples
	stamps  stamps
	drained time.Time
	arrived time.Time
	polled  bool
	off     bool
}

func utilizationSampler() *sampler {
	return &sampler{
		kind: nvml.GPU_UTILIZATION_SAMPLES, name: "utilization", scale: percent,
		pollCall: "nvmlDeviceGetUtilizationRates(gpu)", poll: func(d nvml.Device) (float64, nvml.Return) {
			rates, ret := d.GetUtilizationRates()
			return float64(rates.Gpu), ret
		},
	}
}

func powerSampler() *sampler {
	return &sampler{
		kind: nvml.TOTAL_POWER_SAMPLES, name: "power", scale: milli,
		pollCall: "nvmlDeviceGetPowerUsage", poll: func(d nvml.Device) (float64, nvml.Return) {
			milliwatts, ret := d.GetPowerUsage()
			return float64(milliwatts), ret
		},
	}
}

func (s *sampler) isPolled() bool { return s != nil && s.polled && !s.off }

// sample fetches what is due. Once there is neither a buffer nor a value to poll, it does nothing.
func (s *sampler) sample(w *worker, now time.Time) {
	if s.off {
		return
	}
	if !s.polled {
		s.drain(w, now)
	}
	if s.polled {
		s.pollOnce(w, now)
	}
}

func (s *sampler) drain(w *worker, now time.Time) {
	if s.drained.IsZero() {
		s.arrived = now
	} else if now.Sub(s.drained) < drainEvery-drainSlack {
		return
	}
	first := s.drained.IsZero()
	s.drained = now
	var kind nvml.ValueType
	var fetched []nvml.Sample
	call := "nvmlDeviceGetSamples(" + s.name + ")"
	ret := w.call(call, &w.gpu.device, func() (ret nvml.Return) {
		kind, fetched, ret = w.gpu.handle.GetSamples(s.kind, s.stamps.since(w.clock(now)))
		if ret == nvml.ERROR_NOT_FOUND || ret == nvml.ERROR_INSUFFICIENT_SIZE {
			return nvml.SUCCESS // nothing new
		}
		return ret
	})
	if ret != nvml.SUCCESS {
		s.polled = isUnsupported(ret)
		return
	}
	s.take(kind, fetched, first, now, w.clock(now))
	if now.Sub(s.arrived) > silentBuffer {
		s.polled = true
		w.logger.Info("NVML's buffer stays empty, polling the value instead", "call", call, "gpu", w.gpu.device.GPU)
	}
}

// take keeps what is new. The first time the buffer holds the past, of which only the latest sample is kept.
func (s *sampler) take(kind nvml.ValueType, fetched []nvml.Sample, first bool, now time.Time, clock int64) {
	var newest uint64
	var latest float64
	for _, entry := range fetched {
		value, ok := decode(kind, entry.SampleValue)
		if !ok || !s.stamps.isNew(entry.TimeStamp, clock) {
			continue // what NVML left of the array, or handed out before
		}
		s.arrived = now
		if !first {
			s.samples.add(now, value*s.scale)
		}
		if entry.TimeStamp > newest {
			newest, latest = entry.TimeStamp, value
		}
	}
	if first && newest > 0 {
		s.samples.add(now, latest*s.scale)
	}
	s.stamps.update(newest, clock)
}

func (s *sampler) pollOnce(w *worker, now time.Time) {
	var value float64
	ret := w.call(s.pollCall, &w.gpu.device, func() (ret nvml.Return) {
		value, ret = s.poll(w.gpu.handle)
		return ret
	})
	switch {
	case ret == nvml.SUCCESS:
		s.samples.add(now, value*s.scale)
	case isUnsupported(ret):
		s.off = true
	}
}

// sliceSampler samples how busy a MIG device is, through the GPU's performance monitor (GPM), which Hopper and later have. NVML has
// no other utilisation of MIG devices.
type sliceSampler struct {
	previous, current nvml.GpmSample
	filled            bool
	drained           time.Time
	samples           samples
	off               bool
}

func (s *sliceSampler) sample(w *worker, m *migDevice, now time.Time) {
	if s.off || !s.drained.IsZero() && now.Sub(s.drained) < drainEvery-drainSlack {
		return
	}
	s.drained = now
	if !s.allocate(w, m) {
		return
	}
	ret := w.call("nvmlGpmMigSampleGet", &m.device, func() nvml.Return {
		return w.library.GpmMigSampleGet(w.gpu.handle, m.gpuInstance, s.current)
	})
	if ret != nvml.SUCCESS {
		s.off, s.filled = isUnsupported(ret), false
		return
	}
	if s.filled {
		s.compare(w, m, now)
	}
	s.previous, s.current, s.filled = s.current, s.previous, true
}

func (s *sliceSampler) compare(w *worker, m *migDevice, now time.Time) {
	question := nvml.GpmMetricsGetType{NumMetrics: 1, Sample1: s.previous, Sample2: s.current}
	question.Metrics[0].MetricId = uint32(nvml.GPM_METRIC_GRAPHICS_UTIL)
	ret := w.call("nvmlGpmMetricsGet", &m.device, func() nvml.Return {
		if ret := w.library.GpmMetricsGet(&question); ret != nvml.SUCCESS {
			return ret
		}
		return nvml.Return(question.Metrics[0].NvmlReturn)
	})
	switch {
	case ret == nvml.SUCCESS:
		s.samples.add(now, question.Metrics[0].Value*percent)
	case isUnsupported(ret):
		s.off = true
	}
}

// allocate gets the two samples that are compared.
func (s *sliceSampler) allocate(w *worker, m *migDevice) bool {
	for _, sample := range []*nvml.GpmSample{&s.previous, &s.current} {
		if *sample != nil {
			continue
		}
		ret := w.call("nvmlGpmSampleAlloc", &m.device, func() (ret nvml.Return) {
			allocated, ret := w.library.GpmSampleAlloc()
			if ret == nvml.SUCCESS {
				*sample = allocated
			}
			return ret
		})
		if ret != nvml.SUCCESS {
			s.off = isUnsupported(ret)
			return false
		}
	}
	return true
}

func (s *sliceSampler) free() {
	for _, sample := range []nvml.GpmSample{s.previous, s.current} {
		if sample != nil {
			_ = sample.Free() // nothing depends on it: the next sample is allocated anew
		}
	}
}
