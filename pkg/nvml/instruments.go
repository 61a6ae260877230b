//go:build linux && cgo

package nvml

import (
	"strings"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// emit takes a reading with the values of the metric's labels that are not the device's.
type emit func(m *Metric, value float64, labels ...string)

// instrument is a reading that is taken once a scrape.
type instrument struct {
	// call is the function of NVML, with what it is asked for in parentheses where it is asked for several things.
	call string
	// divided readings are taken of the MIG devices in place of a GPU that is divided; all others always of the GPU.
	divided bool
	read    func(device nvml.Device, out emit) nvml.Return
	// instead is read where the call is not supported.
	instead *instrument
}

// symbol is the function that the library must have.
func symbol(call string) string {
	name, _, _ := strings.Cut(call, "(")
	return name
}

const (
	percent   = 0.01
	milli     = 0.001
	mega      = 1e6
	kilobyte  = 1000
	kibibyte  = 1024
	notBySize = ^uint64(0) // NVML_VALUE_NOT_AVAILABLE
)

var instruments = []instrument{
	{call: "nvmlDeviceGetMemoryInfo_v2", divided: true, read: readMemory, instead: &instrument{call: "nvmlDeviceGetMemoryInfo", read: readMemoryV1}},
	{call: "nvmlDeviceGetBAR1MemoryInfo", divided: true, read: readBAR1},
	{call: "nvmlDeviceGetEnforcedPowerLimit", read: func(d nvml.Device, out emit) nvml.Return {
		milliwatts, ret := d.GetEnforcedPowerLimit()
		return emitOn(ret, out, gpuPowerLimit, float64(milliwatts)*milli)
	}},
	{call: "nvmlDeviceGetTotalEnergyConsumption", read: func(d nvml.Device, out emit) nvml.Return {
		millijoules, ret := d.GetTotalEnergyConsumption()
		return emitOn(ret, out, gpuEnergy, float64(millijoules)*milli)
	}},
	{call: "nvmlDeviceGetTemperature", read: func(d nvml.Device, out emit) nvml.Return {
		celsius, ret := d.GetTemperature(nvml.TEMPERATURE_GPU)
		return emitOn(ret, out, gpuTemperature, float64(celsius))
	}},
	{call: "nvmlDeviceGetUtilizationRates(memory)", read: func(d nvml.Device, out emit) nvml.Return {
		rates, ret := d.GetUtilizationRates()
		return emitOn(ret, out, gpuMemoryActivity, float64(rates.Memory)*percent)
	}},
	clock("graphics", nvml.CLOCK_GRAPHICS), clock("sm", nvml.CLOCK_SM), clock("memory", nvml.CLOCK_MEM), clock("video", nvml.CLOCK_VIDEO),
	{
		call: "nvmlDeviceGetCurrentClocksEventReasons", read: func(d nvml.Device, out emit) nvml.Return {
			return readThrottled(out, d.GetCurrentClocksEventReasons)
		},
		instead: &instrument{call: "nvmlDeviceGetCurrentClocksThrottleReasons", read: func(d nvml.Device, out emit) nvml.Return {
			return readThrottled(out, d.GetCurrentClocksThrottleReasons)
		}},
	},
	pcie(transmit, nvml.PCIE_UTIL_TX_BYTES), pcie(receive, nvml.PCIE_UTIL_RX_BYTES),
	{call: "nvmlDeviceGetPcieReplayCounter", read: func(d nvml.Device, out emit) nvml.Return {
		replays, ret := d.GetPcieReplayCounter()
		return emitOn(ret, out, gpuPCIeReplays, float64(replays))
	}},
	ecc("corrected", nvml.MEMORY_ERROR_TYPE_CORRECTED, nvml.VOLATILE_ECC, gpuECC),
	ecc("uncorrected", nvml.MEMORY_ERROR_TYPE_UNCORRECTED, nvml.VOLATILE_ECC, gpuECC),
	ecc("corrected", nvml.MEMORY_ERROR_TYPE_CORRECTED, nvml.AGGREGATE_ECC, gpuECCLifetime),
	ecc("uncorrected", nvml.MEMORY_ERROR_TYPE_UNCORRECTED, nvml.AGGREGATE_ECC, gpuECCLifetime),
	{call: "nvmlDeviceGetEncoderUtilization", read: func(d nvml.Device, out emit) nvml.Return {
		busy, _, ret := d.GetEncoderUtilization()
		return emitOn(ret, out, gpuEncoder, float64(busy)*percent)
	}},
	{call: "nvmlDeviceGetDecoderUtilization", read: func(d nvml.Device, out emit) nvml.Return {
		busy, _, ret := d.GetDecoderUtilization()
		return emitOn(ret, out, gpuDecoder, float64(busy)*percent)
	}},
}

func emitOn(ret nvml.Return, out emit, m *Metric, value float64, labels ...string) nvml.Return {
	if ret == nvml.SUCCESS {
		out(m, value, labels...)
	}
	return ret
}

func clock(name string, kind nvml.ClockType) instrument {
	return instrument{call: "nvmlDeviceGetClockInfo(" + name + ")", read: func(d nvml.Device, out emit) nvml.Return {
		megahertz, ret := d.GetClockInfo(kind)
		return emitOn(ret, out, gpuClock, float64(megahertz)*mega, name)
	}}
}

func pcie(direction string, kind nvml.PcieUtilCounter) instrument {
	return instrument{call: "nvmlDeviceGetPcieThroughput(" + direction + ")", read: func(d nvml.Device, out emit) nvml.Return {
		kilobytes, ret := d.GetPcieThroughput(kind)
		return emitOn(ret, out, gpuPCIe, float64(kilobytes)*kilobyte, direction)
	}}
}

func ecc(name string, kind nvml.MemoryErrorType, since nvml.EccCounterType, m *Metric) instrument {
	span := map[nvml.EccCounterType]string{nvml.VOLATILE_ECC: "volatile", nvml.AGGREGATE_ECC: "aggregate"}[since]
	return instrument{call: "nvmlDeviceGetTotalEccErrors(" + name + ", " + span + ")", read: func(d nvml.Device, out emit) nvml.Return {
		errors, ret := d.GetTotalEccErrors(kind, since)
		return emitOn(ret, out, m, float64(errors), name)
	}}
}

func readMemory(d nvml.Device, out emit) nvml.Return {
	memory, ret := d.GetMemoryInfo_v2()
	if ret == nvml.SUCCESS {
		out(gpuMemoryUsed, float64(memory.Used))
		out(gpuMemoryReserved, float64(memory.Reserved))
		out(gpuMemoryFree, float64(memory.Free))
		out(gpuMemoryTotal, float64(memory.Total))
	}
	return ret
}

func readMemoryV1(d nvml.Device, out emit) nvml.Return {
	memory, ret := d.GetMemoryInfo()
	if ret == nvml.SUCCESS {
		out(gpuMemoryUsed, float64(memory.Used))
		out(gpuMemoryFree, float64(memory.Free))
		out(gpuMemoryTotal, float64(memory.Total))
	}
	return ret
}

func readBAR1(d nvml.Device, out emit) nvml.Return {
	memory, ret := d.GetBAR1MemoryInfo()
	if ret == nvml.SUCCESS {
		out(gpuBAR1Used, float64(memory.Bar1Used))
		out(gpuBAR1Total, float64(memory.Bar1Total))
	}
	return ret
}

// throttleReasons are NVML's bits, by the names that NVML has for them.
var throttleReasons = []struct {
	bit  uint64
	name string
}{
	{nvml.ClocksEventReasonGpuIdle, "gpu_idle"},
	{nvml.ClocksEventReasonApplicationsClocksSetting, "applications_clocks_setting"},
	{nvml.ClocksEventReasonSwPowerCap, "sw_power_cap"},
	{nvml.ClocksThrottleReasonHwSlowdown, "hw_slowdown"},
	{nvml.ClocksEventReasonSyncBoost, "sync_boost"},
	{nvml.ClocksEventReasonSwThermalSlowdown, "sw_thermal_slowdown"},
	{nvml.ClocksThrottleReasonHwThermalSlowdown, "hw_thermal_slowdown"},
	{nvml.ClocksThrottleReasonHwPowerBrakeSlowdown, "hw_power_brake_slowdown"},
	{nvml.ClocksEventReasonDisplayClockSetting, "display_clock_setting"},
}

func readThrottled(out emit, read func() (uint64, nvml.Return)) nvml.Return {
	bits, ret := read()
	if ret == nvml.SUCCESS {
		for _, reason := range throttleReasons {
			value := 0.0
			if bits&reason.bit != 0 {
				value = 1
			}
			out(gpuThrottled, value, reason.name)
		}
	}
	return ret
}
