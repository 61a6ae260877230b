package nvml

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Metric is one metric of the endpoint: what is exposed and what docs/nvml.md says of it.
type Metric struct {
	Name string
	// Help says what the value is; the unit is part of the name.
	Help string
	Type prometheus.ValueType
	// Labels are all labels, those of the device first.
	Labels []string
	// Source names the calls of NVML that it comes from, or is empty for readings about the endpoint itself.
	Source string

	description *prometheus.Desc
}

// deviceLabels are on every reading of a device. uuid alone identifies it; mig_instance and mig_profile are empty for GPUs.
var deviceLabels = []string{"gpu", "uuid", "gpu_name", "mig_instance", "mig_profile"}

// The values of the label direction, as the GPU sees it.
const (
	transmit = "transmit"
	receive  = "receive"
)

// Metrics lists all metrics, in the order in which they are documented.
var Metrics []*Metric

func define(kind prometheus.ValueType, name, help, source string, labels []string) *Metric {
	m := &Metric{Name: name, Help: help, Type: kind, Labels: labels, Source: source}
	m.description = prometheus.NewDesc(name, help, labels, nil)
	Metrics = append(Metrics, m)
	return m
}

func gauge(name, help, source string, labels ...string) *Metric {
	return define(prometheus.GaugeValue, name, help, source, slices.Concat(deviceLabels, labels))
}

func counter(name, help, source string, labels ...string) *Metric {
	return define(prometheus.CounterValue, name, help, source, slices.Concat(deviceLabels, labels))
}

// About devices. A help text starts in lower case, because it continues "the device's".
var (
	gpuInfo      = gauge("modelserving_gpu_info", "1 for each GPU and MIG device, with the GPU's PCI address", "nvmlDeviceGetHandleByIndex, nvmlDeviceGetMigDeviceHandleByIndex, nvmlDeviceGetPciInfo", "pci_bus_id")
	gpuAvailable = gauge("modelserving_gpu_available", "1 while the GPU responds, 0 if it is lost or hangs (reason in /-/health)", "all")

	gpuUtilization      = gauge("modelserving_gpu_utilization_ratio", "mean, over the window, of the share of time in which a kernel ran", "nvmlDeviceGetSamples, else nvmlDeviceGetUtilizationRates (nvmlGpmMetricsGet for MIG devices)")
	gpuUtilizationMax   = gauge("modelserving_gpu_utilization_max_ratio", "highest sample in the window of the share of time in which a kernel ran", "as modelserving_gpu_utilization_ratio")
	gpuMemoryActivity   = gauge("modelserving_gpu_memory_activity_ratio", "share of time in which memory was read or written, not how full it is", "nvmlDeviceGetUtilizationRates")
	gpuMemoryUsed       = gauge("modelserving_gpu_memory_used_bytes", "memory in use, without what is reserved for the driver", "nvmlDeviceGetMemoryInfo_v2, else nvmlDeviceGetMemoryInfo, which counts reserved memory as used")
	gpuMemoryReserved   = gauge("modelserving_gpu_memory_reserved_bytes", "memory reserved for the driver and firmware", "nvmlDeviceGetMemoryInfo_v2")
	gpuMemoryFree       = gauge("modelserving_gpu_memory_free_bytes", "memory that is neither used nor reserved", "nvmlDeviceGetMemoryInfo_v2, else nvmlDeviceGetMemoryInfo")
	gpuMemoryTotal      = gauge("modelserving_gpu_memory_total_bytes", "all memory: used, reserved and free", "nvmlDeviceGetMemoryInfo_v2, else nvmlDeviceGetMemoryInfo")
	gpuBAR1Used         = gauge("modelserving_gpu_bar1_memory_used_bytes", "used part of BAR1, through which the CPU and other devices address the GPU's memory", "nvmlDeviceGetBAR1MemoryInfo")
	gpuBAR1Total        = gauge("modelserving_gpu_bar1_memory_total_bytes", "size of BAR1", "nvmlDeviceGetBAR1MemoryInfo")
	gpuPower            = gauge("modelserving_gpu_power_watts", "mean power draw over the window", "nvmlDeviceGetSamples, else nvmlDeviceGetPowerUsage")
	gpuPowerMax         = gauge("modelserving_gpu_power_max_watts", "highest sample of the power draw in the window", "as modelserving_gpu_power_watts")
	gpuPowerLimit       = gauge("modelserving_gpu_power_limit_watts", "power limit that is enforced", "nvmlDeviceGetEnforcedPowerLimit")
	gpuEnergy           = counter("modelserving_gpu_energy_joules_total", "energy used since the driver was loaded", "nvmlDeviceGetTotalEnergyConsumption")
	gpuTemperature      = gauge("modelserving_gpu_temperature_celsius", "temperature of the GPU's core", "nvmlDeviceGetTemperature")
	gpuMemoryTemp       = gauge("modelserving_gpu_memory_temperature_celsius", "temperature of the GPU's memory", "nvmlDeviceGetFieldValues")
	gpuClock            = gauge("modelserving_gpu_clock_hertz", "clock now: graphics, sm, memory or video", "nvmlDeviceGetClockInfo", "clock")
	gpuThrottled        = gauge("modelserving_gpu_throttled", "1 while the clocks are held down for this reason", "nvmlDeviceGetCurrentClocksEventReasons, else nvmlDeviceGetCurrentClocksThrottleReasons", "reason")
	gpuPCIe             = gauge("modelserving_gpu_pcie_bytes_per_second", "PCIe traffic in the last 20 ms: receive is towards the GPU, transmit from it", "nvmlDeviceGetPcieThroughput", "direction")
	gpuPCIeReplays      = counter("modelserving_gpu_pcie_replays_total", "PCIe packets that had to be sent again", "nvmlDeviceGetPcieReplayCounter")
	gpuNVLink           = counter("modelserving_gpu_nvlink_bytes_total", "data carried by each NVLink since the driver was loaded", "nvmlDeviceGetFieldValues", "link", "direction")
	gpuECC              = counter("modelserving_gpu_ecc_errors_total", "memory errors since the driver was loaded: corrected or uncorrected", "nvmlDeviceGetTotalEccErrors", "type")
	gpuECCLifetime      = counter("modelserving_gpu_ecc_errors_lifetime_total", "memory errors in the GPU's life: corrected or uncorrected", "nvmlDeviceGetTotalEccErrors", "type")
	gpuXID              = counter("modelserving_gpu_xid_errors_total", "XID errors that the driver reported since the endpoint started", "nvmlEventSetWait", "xid")
	gpuEncoder          = gauge("modelserving_gpu_encoder_utilization_ratio", "share of time in which the video encoder was busy", "nvmlDeviceGetEncoderUtilization")
	gpuDecoder          = gauge("modelserving_gpu_decoder_utilization_ratio", "share of time in which the video decoder was busy", "nvmlDeviceGetDecoderUtilization")
	gpuProcessesDropped = gauge("modelserving_gpu_processes_dropped", "processes without series, because the device has too many (the smallest are dropped)", "nvmlDeviceGetComputeRunningProcesses")
)

var processLabels = []string{"pid", "process", "container", "pod", "namespace"}

// About processes and models.
var (
	processMemory      = gauge("modelserving_gpu_process_memory_bytes", "memory of the process on the device", "nvmlDeviceGetComputeRunningProcesses, nvmlDeviceGetGraphicsRunningProcesses, nvmlDeviceGetMPSComputeRunningProcesses", processLabels...)
	processUtilization = gauge("modelserving_gpu_process_utilization_ratio", "mean over the window of the process's share of the GPU's compute time", "nvmlDeviceGetProcessUtilization (the MIG device's for the only process on it)", processLabels...)
	processLifetime    = gauge("modelserving_gpu_process_lifetime_utilization_ratio", "share of the process's life in which one of its kernels ran (only in accounting mode)", "nvmlDeviceGetAccountingStats", processLabels...)
	processMemoryMax   = gauge("modelserving_gpu_process_memory_max_bytes", "maximum memory of the process over its life (only in accounting mode)", "nvmlDeviceGetAccountingStats", processLabels...)

	modelMemory      = gauge("modelserving_gpu_model_memory_bytes", "memory of the model on the device (empty model: not attributed)", "as for processes, see Models", "model", "version", "server", "provenance")
	modelUtilization = gauge("modelserving_gpu_model_utilization_ratio", "mean over the window of the model's share of the GPU's compute time (empty model: not attributed)", "as for processes, see Models", "model", "version", "server", "provenance")
)

// About the endpoint itself.
var (
	nvmlUp             = define(prometheus.GaugeValue, "modelserving_nvml_up", "1 if NVML is available, 0 otherwise (reason in /-/health)", "", nil)
	nvmlInfo           = define(prometheus.GaugeValue, "modelserving_nvml_info", "1, with the versions of the driver, of NVML and of CUDA that the driver supports", "", []string{"driver_version", "nvml_version", "cuda_version"})
	nvmlGPUs           = define(prometheus.GaugeValue, "modelserving_nvml_gpus", "GPUs that respond (a GPU divided by MIG counts once)", "", nil)
	nvmlCallErrors     = define(prometheus.CounterValue, "modelserving_nvml_call_errors_total", "failed NVML calls by reason, without unsupported calls", "", []string{"call", "reason"})
	nvmlUnsupported    = define(prometheus.GaugeValue, "modelserving_nvml_unsupported", "1 for each call that the device or the driver's library does not support (not retried)", "", []string{"call", "gpu", "mig_instance"})
	nvmlWindow         = define(prometheus.GaugeValue, "modelserving_nvml_window_seconds", "window of this scrape's means and maxima", "", nil)
	nvmlScrapeDuration = define(prometheus.GaugeValue, "modelserving_nvml_scrape_duration_seconds", "duration of this scrape's readings", "", nil)
	nvmlAttribution    = define(prometheus.GaugeValue, "modelserving_nvml_attribution_errors", "errors in this scrape while processes were attributed to containers and models (listed in /-/health)", "", nil)
)
