//go:build linux && cgo

package nvml

import (
	"context"
	"sync"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxa100"
)

// runMonitor runs it until the test ends.
func runMonitor(t testing.TB, m *Monitor) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

func no[T any](T) (none T, ret nvml.Return) { return none, nvml.ERROR_NOT_SUPPORTED }

// finish answers what go-nvml's mock leaves open, as a driver does that does not support it.
func finish(d *dgxa100.Device) {
	number := func() (uint32, nvml.Return) { return no(uint32(0)) }
	bits := func() (uint64, nvml.Return) { return no(uint64(0)) }
	list := func() ([]nvml.ProcessInfo, nvml.Return) { return nil, nvml.SUCCESS }
	codec := func() (uint32, uint32, nvml.Return) { return 0, 0, nvml.ERROR_NOT_SUPPORTED }
	d.GetMemoryInfo_v2Func = func() (nvml.Memory_v2, nvml.Return) { return no(nvml.Memory_v2{}) }
	d.GetBAR1MemoryInfoFunc = func() (nvml.BAR1Memory, nvml.Return) { return no(nvml.BAR1Memory{}) }
	d.GetEnforcedPowerLimitFunc, d.GetPowerUsageFunc = number, number
	d.GetTotalEnergyConsumptionFunc, d.GetCurrentClocksEventReasonsFunc, d.GetCurrentClocksThrottleReasonsFunc = bits, bits, bits
	d.GetSupportedEventTypesFunc = bits
	d.GetTemperatureFunc = func(nvml.TemperatureSensors) (uint32, nvml.Return) { return number() }
	d.GetClockInfoFunc = func(nvml.ClockType) (uint32, nvml.Return) { return number() }
	d.GetPcieThroughputFunc = func(nvml.PcieUtilCounter) (uint32, nvml.Return) { return number() }
	d.GetPcieReplayCounterFunc = func() (int, nvml.Return) { return no(0) }
	d.GetUtilizationRatesFunc = func() (nvml.Utilization, nvml.Return) { return no(nvml.Utilization{}) }
	d.GetTotalEccErrorsFunc = func(nvml.MemoryErrorType, nvml.EccCounterType) (uint64, nvml.Return) { return bits() }
	d.GetEncoderUtilizationFunc, d.GetDecoderUtilizationFunc = codec, codec
	d.GetSamplesFunc = func(nvml.SamplingType, uint64) (nvml.ValueType, []nvml.Sample, nvml.Return) {
		return 0, nil, nvml.ERROR_NOT_SUPPORTED
	}
	d.GetFieldValuesFunc = func([]nvml.FieldValue) nvml.Return { return nvml.ERROR_NOT_SUPPORTED }
	d.GetProcessUtilizationFunc = func(uint64) ([]nvml.ProcessUtilizationSample, nvml.Return) {
		return nil, nvml.ERROR_NOT_SUPPORTED
	}
	d.GetComputeRunningProcessesFunc, d.GetGraphicsRunningProcessesFunc, d.GetMPSComputeRunningProcessesFunc = list, list, list
	d.GetAccountingModeFunc = func() (nvml.EnableState, nvml.Return) { return nvml.FEATURE_DISABLED, nvml.SUCCESS }
}
