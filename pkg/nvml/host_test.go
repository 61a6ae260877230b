//go:build linux && cgo

package nvml

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// scriptedHost is NVML on a host that tests change while it is being read. A call that no test expects panics.
type scriptedHost struct {
	nvml.Interface
	mu   sync.Mutex
	gpus []*scriptedGPU
	init nvml.Return
	// shutdowns counts, as NVML must be shut down exactly once for each time that it was initialised.
	inits, shutdowns int
	events           chan nvml.EventData
	gpmSupported     bool
	gpmUtilization   map[int]float64 // percent, by GPU instance
	handlesFailWith  map[int]nvml.Return
}

type scriptedGPU struct {
	nvml.Device
	host  *scriptedHost
	index int
	uuid  string
	// faults are what calls return in place of a reading.
	faults map[string]nvml.Return
	// hang blocks calls of that name until it is closed.
	hang map[string]chan struct{}
	// slow is how long calls of that name take.
	slow      map[string]time.Duration
	calls     map[string]int
	mig       bool
	slices    []*scriptedSlice
	samples   map[nvml.SamplingType][]nvml.Sample
	processes []nvml.ProcessInfo
	mps       []nvml.ProcessInfo
	busy      []nvml.ProcessUtilizationSample
	// grows is how often samples of processes come while they are asked for.
	grows     int
	accounts  map[uint32]nvml.AccountingStats
	memory    nvml.Memory_v2
	rates     nvml.Utilization
	power     uint32
	links     uint32
	throttled uint64
}

type scriptedSet struct {
	nvml.EventSet
	host *scriptedHost
}

const gibibyte = 1 << 30

func newHost(gpus int) *scriptedHost {
	h := &scriptedHost{events: make(chan nvml.EventData, 16), gpmUtilization: map[int]float64{}, handlesFailWith: map[int]nvml.Return{}}
	for i := range gpus {
		h.gpus = append(h.gpus, &scriptedGPU{
			host: h, index: i, uuid: fmt.Sprintf("GPU-%d", i), faults: map[string]nvml.Return{}, hang: map[string]chan struct{}{}, slow: map[string]time.Duration{}, calls: map[string]int{},
			samples: map[nvml.SamplingType][]nvml.Sample{}, accounts: map[uint32]nvml.AccountingStats{},
			memory: nvml.Memory_v2{Total: 80 * gibibyte, Reserved: gibibyte, Used: uint64(i) * gibibyte, Free: uint64(79-i) * gibibyte},
			links:  2,
		})
	}
	return h
}

// change runs f while nothing is read.
func (h *scriptedHost) change(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

func (h *scriptedHost) Init() nvml.Return {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.init == nvml.SUCCESS {
		h.inits++
	}
	return h.init
}

func (h *scriptedHost) Shutdown() nvml.Return {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shutdowns++
	return nvml.SUCCESS
}

func (h *scriptedHost) SystemGetDriverVersion() (string, nvml.Return) {
	return "580.10", nvml.SUCCESS
}
func (h *scriptedHost) SystemGetNVMLVersion() (string, nvml.Return) {
	return "13.580.10", nvml.SUCCESS
}
func (h *scriptedHost) SystemGetCudaDriverVersion() (int, nvml.Return) { return 13010, nvml.SUCCESS }

func (h *scriptedHost) DeviceGetCount() (int, nvml.Return) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.gpus), nvml.SUCCESS
}

func (h *scriptedHost) DeviceGetHandleByIndex(i int) (nvml.Device, nvml.Return) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ret := h.handlesFailWith[i]; ret != nvml.SUCCESS {
		return nil, ret
	}
	return h.gpus[i], nvml.SUCCESS
}

func (h *scriptedHost) EventSetCreate() (nvml.EventSet, nvml.Return) {
	return &scriptedSet{host: h}, nvml.SUCCESS
}

func (s *scriptedSet) Free() nvml.Return { return nvml.SUCCESS }

func (s *scriptedSet) Wait(milliseconds uint32) (nvml.EventData, nvml.Return) {
	select {
	case event := <-s.host.events:
		return event, nvml.SUCCESS
	case <-time.After(time.Duration(milliseconds) * time.Millisecond):
		return nvml.EventData{}, nvml.ERROR_TIMEOUT
	}
}

type scriptedSample struct{ nvml.GpmSample }

func (scriptedSample) Free() nvml.Return { return nvml.SUCCESS }

func (h *scriptedHost) GpmSampleAlloc() (nvml.GpmSample, nvml.Return) {
	return &instanceSample{}, nvml.SUCCESS
}

type instanceSample struct {
	scriptedSample
	gpuInstance int
}

func (h *scriptedHost) GpmMigSampleGet(_ nvml.Device, gpuInstance int, s nvml.GpmSample) nvml.Return {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.gpmSupported {
		return nvml.ERROR_NOT_SUPPORTED
	}
	s.(*instanceSample).gpuInstance = gpuInstance
	return nvml.SUCCESS
}

func (h *scriptedHost) GpmMetricsGet(q *nvml.GpmMetricsGetType) nvml.Return {
	h.mu.Lock()
	defer h.mu.Unlock()
	q.Metrics[0].Value = h.gpmUtilization[q.Sample2.(*instanceSample).gpuInstance]
	return nvml.SUCCESS
}

// enter counts a call, hangs where the script says so, and says what it returns in place of a reading.
func (g *scriptedGPU) enter(call string) nvml.Return {
	g.host.mu.Lock()
	g.calls[call]++
	ret, hang, slow := g.faults[call], g.hang[call], g.slow[call]
	if all := g.faults["*"]; all != nvml.SUCCESS {
		ret = all
	}
	g.host.mu.Unlock()
	time.Sleep(slow)
	if hang != nil {
		<-hang
	}
	return ret
}

// reading answers with a value that is read under the lock, unless the script has a fault for the call.
func scripted[T any](g *scriptedGPU, call string, read func() T) (T, nvml.Return) {
	var none T
	if ret := g.enter(call); ret != nvml.SUCCESS {
		return none, ret
	}
	g.host.mu.Lock()
	defer g.host.mu.Unlock()
	return read(), nvml.SUCCESS
}

func (g *scriptedGPU) GetUUID() (string, nvml.Return) {
	return scripted(g, "GetUUID", func() string { return g.uuid })
}
func (g *scriptedGPU) GetName() (string, nvml.Return) { return "NVIDIA H100", nvml.SUCCESS }
func (g *scriptedGPU) GetPciInfo() (nvml.PciInfo, nvml.Return) {
	var pci nvml.PciInfo
	copy(pci.BusId[:], fmt.Sprintf("00000000:%02X:00.0", g.index+1))
	return pci, nvml.SUCCESS
}

func (g *scriptedGPU) GetMigMode() (int, int, nvml.Return) {
	mode, ret := scripted(g, "GetMigMode", func() int {
		if g.mig {
			return nvml.DEVICE_MIG_ENABLE
		}
		return 0
	})
	return mode, mode, ret
}

func (g *scriptedGPU) GetMaxMigDeviceCount() (int, nvml.Return) { return 7, nvml.SUCCESS }

func (g *scriptedGPU) GetMigDeviceHandleByIndex(i int) (nvml.Device, nvml.Return) {
	g.host.mu.Lock()
	defer g.host.mu.Unlock()
	// Indexes have gaps: MIG devices are at the even ones.
	if i%2 != 0 || i/2 >= len(g.slices) {
		return nil, nvml.ERROR_NOT_FOUND
	}
	return g.slices[i/2], nvml.SUCCESS
}

func (g *scriptedGPU) GetMemoryInfo_v2() (nvml.Memory_v2, nvml.Return) {
	return scripted(g, "GetMemoryInfo_v2", func() nvml.Memory_v2 { return g.memory })
}

func (g *scriptedGPU) GetMemoryInfo() (nvml.Memory, nvml.Return) {
	return scripted(g, "GetMemoryInfo", func() nvml.Memory {
		return nvml.Memory{Total: g.memory.Total, Used: g.memory.Used + g.memory.Reserved, Free: g.memory.Free}
	})
}

func (g *scriptedGPU) GetBAR1MemoryInfo() (nvml.BAR1Memory, nvml.Return) {
	return scripted(g, "GetBAR1MemoryInfo", func() nvml.BAR1Memory {
		return nvml.BAR1Memory{Bar1Total: 128 * gibibyte, Bar1Used: 3 * gibibyte}
	})
}

func (g *scriptedGPU) GetEnforcedPowerLimit() (uint32, nvml.Return) {
	return scripted(g, "GetEnforcedPowerLimit", func() uint32 { return 700_000 })
}
func (g *scriptedGPU) GetTotalEnergyConsumption() (uint64, nvml.Return) {
	return scripted(g, "GetTotalEnergyConsumption", func() uint64 { return 1_234_500 })
}
func (g *scriptedGPU) GetTemperature(nvml.TemperatureSensors) (uint32, nvml.Return) {
	return scripted(g, "GetTemperature", func() uint32 { return 61 })
}
func (g *scriptedGPU) GetUtilizationRates() (nvml.Utilization, nvml.Return) {
	return scripted(g, "GetUtilizationRates", func() nvml.Utilization { return g.rates })
}
func (g *scriptedGPU) GetPowerUsage() (uint32, nvml.Return) {
	return scripted(g, "GetPowerUsage", func() uint32 { return g.power })
}
func (g *scriptedGPU) GetClockInfo(kind nvml.ClockType) (uint32, nvml.Return) {
	return scripted(g, "GetClockInfo", func() uint32 { return 1000 + uint32(kind) })
}
func (g *scriptedGPU) GetCurrentClocksEventReasons() (uint64, nvml.Return) {
	return scripted(g, "GetCurrentClocksEventReasons", func() uint64 { return g.throttled })
}
func (g *scriptedGPU) GetCurrentClocksThrottleReasons() (uint64, nvml.Return) {
	return scripted(g, "GetCurrentClocksThrottleReasons", func() uint64 { return g.throttled })
}
func (g *scriptedGPU) GetPcieThroughput(kind nvml.PcieUtilCounter) (uint32, nvml.Return) {
	return scripted(g, "GetPcieThroughput", func() uint32 { return 500 + uint32(kind) })
}
func (g *scriptedGPU) GetPcieReplayCounter() (int, nvml.Return) {
	return scripted(g, "GetPcieReplayCounter", func() int { return 3 })
}
func (g *scriptedGPU) GetTotalEccErrors(kind nvml.MemoryErrorType, since nvml.EccCounterType) (uint64, nvml.Return) {
	return scripted(g, "GetTotalEccErrors", func() uint64 { return 10*uint64(since) + uint64(kind) })
}
func (g *scriptedGPU) GetEncoderUtilization() (uint32, uint32, nvml.Return) {
	busy, ret := scripted(g, "GetEncoderUtilization", func() uint32 { return 25 })
	return busy, 0, ret
}
func (g *scriptedGPU) GetDecoderUtilization() (uint32, uint32, nvml.Return) {
	busy, ret := scripted(g, "GetDecoderUtilization", func() uint32 { return 50 })
	return busy, 0, ret
}

// addSample puts a sample into NVML's buffer, at its time in µs.
func (g *scriptedGPU) addSample(kind nvml.SamplingType, at time.Time, number uint32) {
	s := nvml.Sample{TimeStamp: uint64(at.UnixMicro())}
	binary.NativeEndian.PutUint32(s.SampleValue[:], number)
	g.samples[kind] = append(g.samples[kind], s)
}

// GetSamples leaves zeros at the end, as the real one does.
func (g *scriptedGPU) GetSamples(kind nvml.SamplingType, lastSeen uint64) (nvml.ValueType, []nvml.Sample, nvml.Return) {
	found, ret := scripted(g, fmt.Sprintf("GetSamples(%d)", kind), func() []nvml.Sample {
		return slices.DeleteFunc(slices.Clone(g.samples[kind]), func(s nvml.Sample) bool { return s.TimeStamp <= lastSeen })
	})
	if ret == nvml.SUCCESS && len(found) == 0 {
		ret = nvml.ERROR_NOT_FOUND
	}
	return nvml.VALUE_TYPE_UNSIGNED_INT, append(found, make([]nvml.Sample, 3)...), ret
}

func (g *scriptedGPU) GetProcessUtilization(lastSeen uint64) ([]nvml.ProcessUtilizationSample, nvml.Return) {
	found, ret := scripted(g, "GetProcessUtilization", func() []nvml.ProcessUtilizationSample {
		return slices.DeleteFunc(slices.Clone(g.busy), func(s nvml.ProcessUtilizationSample) bool { return s.TimeStamp <= lastSeen })
	})
	if ret == nvml.SUCCESS && len(found) == 0 {
		ret = nvml.ERROR_NOT_FOUND
	}
	g.host.mu.Lock()
	grows := g.grows > 0
	if grows {
		g.grows--
	}
	g.host.mu.Unlock()
	if grows { // as the real one does when a sample comes between its two calls
		return slices.Clip(found)[:len(found)+1], nvml.ERROR_INSUFFICIENT_SIZE
	}
	return found, ret
}

func (g *scriptedGPU) GetFieldValues(values []nvml.FieldValue) nvml.Return {
	_, ret := scripted(g, "GetFieldValues", func() bool {
		for i := range values {
			v := &values[i]
			v.ValueType = uint32(nvml.VALUE_TYPE_UNSIGNED_LONG_LONG)
			v.NvmlReturn = uint32(nvml.SUCCESS)
			switch {
			case v.FieldId == nvml.FI_DEV_MEMORY_TEMP:
				v.ValueType = uint32(nvml.VALUE_TYPE_UNSIGNED_INT)
				binary.NativeEndian.PutUint32(v.Value[:], 72)
			case v.ScopeId < g.links:
				binary.NativeEndian.PutUint64(v.Value[:], uint64(v.FieldId)*10+uint64(v.ScopeId))
			default:
				v.NvmlReturn = uint32(nvml.ERROR_NOT_SUPPORTED)
			}
		}
		return true
	})
	return ret
}

func (g *scriptedGPU) GetComputeRunningProcesses() ([]nvml.ProcessInfo, nvml.Return) {
	return scripted(g, "GetComputeRunningProcesses", func() []nvml.ProcessInfo { return slices.Clone(g.processes) })
}
func (g *scriptedGPU) GetGraphicsRunningProcesses() ([]nvml.ProcessInfo, nvml.Return) {
	return scripted(g, "GetGraphicsRunningProcesses", func() []nvml.ProcessInfo { return nil })
}
func (g *scriptedGPU) GetMPSComputeRunningProcesses() ([]nvml.ProcessInfo, nvml.Return) {
	return scripted(g, "GetMPSComputeRunningProcesses", func() []nvml.ProcessInfo { return slices.Clone(g.mps) })
}
func (g *scriptedGPU) GetAccountingMode() (nvml.EnableState, nvml.Return) {
	return scripted(g, "GetAccountingMode", func() nvml.EnableState {
		if len(g.accounts) > 0 {
			return nvml.FEATURE_ENABLED
		}
		return nvml.FEATURE_DISABLED
	})
}

func (g *scriptedGPU) GetAccountingStats(pid uint32) (nvml.AccountingStats, nvml.Return) {
	if ret := g.enter("GetAccountingStats"); ret != nvml.SUCCESS {
		return nvml.AccountingStats{}, ret
	}
	g.host.mu.Lock()
	defer g.host.mu.Unlock()
	stats, ok := g.accounts[pid]
	if !ok {
		return stats, nvml.ERROR_NOT_FOUND
	}
	return stats, nvml.SUCCESS
}

func (g *scriptedGPU) GetSupportedEventTypes() (uint64, nvml.Return) {
	return scripted(g, "GetSupportedEventTypes", func() uint64 { return nvml.EventTypeAll })
}
func (g *scriptedGPU) RegisterEvents(uint64, nvml.EventSet) nvml.Return {
	return g.enter("RegisterEvents")
}
