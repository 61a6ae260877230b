package nvml

import "github.com/prometheus/client_golang/prometheus"

// dcgmMetric is a metric of dcgm-exporter and the reading that it shows.
type dcgmMetric struct {
	Name, Help string
	Type       prometheus.ValueType
	From       *Metric
	// With is the value of the reading's label, where it has one.
	With string
	// Factor turns our unit into dcgm-exporter's.
	Factor float64
	// Of says which devices have it.
	Of deviceKind

	description *prometheus.Desc
}

type deviceKind int

const (
	anyDevice deviceKind = iota
	onlyGPUs
	onlyMIG
)

// dcgmLabels are dcgm-exporter's. UUID is that of the GPU, for MIG devices too.
var dcgmLabels = []string{"gpu", "UUID", "pci_bus_id", "device", "modelName", "GPU_I_PROFILE", "GPU_I_ID", "Hostname", "DCGM_FI_DRIVER_VERSION", "container", "namespace", "pod"}

const (
	perMebibyte = 1.0 / (1 << 20)
	perMega     = 1e-6
	toPercent   = 100
	toMilli     = 1000
)

// DCGMMetrics are the names of the compatibility mode.
var DCGMMetrics = describeDCGM([]*dcgmMetric{
	{Name: "DCGM_FI_DEV_SM_CLOCK", Help: "SM clock (MHz)", From: gpuClock, With: "sm", Factor: perMega},
	{Name: "DCGM_FI_DEV_MEM_CLOCK", Help: "memory clock (MHz)", From: gpuClock, With: "memory", Factor: perMega},
	{Name: "DCGM_FI_DEV_VIDEO_CLOCK", Help: "video clock (MHz)", From: gpuClock, With: "video", Factor: perMega},
	{Name: "DCGM_FI_DEV_GPU_TEMP", Help: "temperature of the GPU (°C)", From: gpuTemperature, Factor: 1},
	{Name: "DCGM_FI_DEV_MEMORY_TEMP", Help: "temperature of the memory (°C)", From: gpuMemoryTemp, Factor: 1},
	{Name: "DCGM_FI_DEV_POWER_USAGE", Help: "power draw, mean over the window (W)", From: gpuPower, Factor: 1},
	{Name: "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", Help: "energy since the driver was loaded (mJ)", Type: prometheus.CounterValue, From: gpuEnergy, Factor: toMilli},
	{Name: "DCGM_FI_PROF_PCIE_TX_BYTES", Help: "PCIe traffic from the GPU (bytes a second)", From: gpuPCIe, With: transmit, Factor: 1},
	{Name: "DCGM_FI_PROF_PCIE_RX_BYTES", Help: "PCIe traffic to the GPU (bytes a second)", From: gpuPCIe, With: receive, Factor: 1},
	{Name: "DCGM_FI_DEV_PCIE_REPLAY_COUNTER", Help: "PCIe packets sent again", Type: prometheus.CounterValue, From: gpuPCIeReplays, Factor: 1},
	{Name: "DCGM_FI_DEV_GPU_UTIL", Help: "GPU utilization, mean over the window (%)", From: gpuUtilization, Factor: toPercent, Of: onlyGPUs},
	{Name: "DCGM_FI_PROF_GR_ENGINE_ACTIVE", Help: "share of time in which the compute engine was active (0 to 1)", From: gpuUtilization, Factor: 1, Of: onlyMIG},
	{Name: "DCGM_FI_DEV_MEM_COPY_UTIL", Help: "how busy the memory is (%)", From: gpuMemoryActivity, Factor: toPercent},
	{Name: "DCGM_FI_DEV_ENC_UTIL", Help: "encoder utilization (%)", From: gpuEncoder, Factor: toPercent},
	{Name: "DCGM_FI_DEV_DEC_UTIL", Help: "decoder utilization (%)", From: gpuDecoder, Factor: toPercent},
	{Name: "DCGM_FI_DEV_FB_USED", Help: "used memory (MiB)", From: gpuMemoryUsed, Factor: perMebibyte},
	{Name: "DCGM_FI_DEV_FB_RESERVED", Help: "reserved memory (MiB)", From: gpuMemoryReserved, Factor: perMebibyte},
	{Name: "DCGM_FI_DEV_FB_TOTAL", Help: "all memory (MiB)", From: gpuMemoryTotal, Factor: perMebibyte},
	{Name: "DCGM_FI_DEV_FB_FREE", Help: "free memory (MiB)", From: gpuMemoryFree, Factor: perMebibyte},
	{Name: "DCGM_FI_DEV_BAR1_USED", Help: "used BAR1 memory (MiB)", From: gpuBAR1Used, Factor: perMebibyte},
	{Name: "DCGM_FI_DEV_BAR1_TOTAL", Help: "BAR1 memory (MiB)", From: gpuBAR1Total, Factor: perMebibyte},
	{Name: "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", Help: "corrected memory errors since the driver was loaded", Type: prometheus.CounterValue, From: gpuECC, With: "corrected", Factor: 1},
	{Name: "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", Help: "uncorrected memory errors since the driver was loaded", Type: prometheus.CounterValue, From: gpuECC, With: "uncorrected", Factor: 1},
	{Name: "DCGM_FI_DEV_ECC_SBE_AGG_TOTAL", Help: "corrected memory errors in the GPU's life", Type: prometheus.CounterValue, From: gpuECCLifetime, With: "corrected", Factor: 1},
	{Name: "DCGM_FI_DEV_ECC_DBE_AGG_TOTAL", Help: "uncorrected memory errors in the GPU's life", Type: prometheus.CounterValue, From: gpuECCLifetime, With: "uncorrected", Factor: 1},
})

// dcgmXID has no reading of its own: it is the code of the last error, 0 where there was none.
var dcgmXID = describeDCGM([]*dcgmMetric{
	{Name: "DCGM_FI_DEV_XID_ERRORS", Help: "code of the last XID error", From: gpuXID, Factor: 1, Of: onlyGPUs},
})[0]

func describeDCGM(metrics []*dcgmMetric) []*dcgmMetric {
	for _, m := range metrics {
		if m.Type == 0 {
			m.Type = prometheus.GaugeValue
		}
		m.description = prometheus.NewDesc(m.Name, m.Help, dcgmLabels, nil)
	}
	return metrics
}

// has says whether the metric shows this reading.
func (m *dcgmMetric) has(device *Device, from *Metric, labels []string) bool {
	if m.From != from || m.With != "" && (len(labels) == 0 || labels[0] != m.With) {
		return false
	}
	isMIG := device.MIGInstance != ""
	return m.Of == anyDevice || isMIG == (m.Of == onlyMIG)
}
