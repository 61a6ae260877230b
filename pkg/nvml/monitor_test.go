//go:build linux && cgo

package nvml

import (
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/stretchr/testify/require"
)

func TestReadings(t *testing.T) {
	h := newHost(2)
	h.gpus[1].throttled = nvml.ClocksEventReasonSwPowerCap | nvml.ClocksThrottleReasonHwSlowdown
	watch(t, h, nil, func(t *testing.T, w watched) {
		found := w.ownSeries()
		for series, value := range map[string]float64{
			"modelserving_nvml_up{}":   1,
			"modelserving_nvml_gpus{}": 2,
			"modelserving_nvml_info{cuda_version=13.1,driver_version=580.10,nvml_version=13.580.10}": 1,
			"modelserving_gpu_info{pci_bus_id=00000000:02:00.0,uuid=GPU-1}":                          1,
			"modelserving_gpu_available{uuid=GPU-0}":                                                 1,
			"modelserving_gpu_memory_used_bytes{uuid=GPU-1}":                                         gibibyte,
			"modelserving_gpu_memory_reserved_bytes{uuid=GPU-1}":                                     gibibyte,
			"modelserving_gpu_memory_free_bytes{uuid=GPU-1}":                                         78 * gibibyte,
			"modelserving_gpu_memory_total_bytes{uuid=GPU-1}":                                        80 * gibibyte,
			"modelserving_gpu_bar1_memory_used_bytes{uuid=GPU-0}":                                    3 * gibibyte,
			"modelserving_gpu_bar1_memory_total_bytes{uuid=GPU-0}":                                   128 * gibibyte,
			"modelserving_gpu_power_limit_watts{uuid=GPU-0}":                                         700,
			"modelserving_gpu_energy_joules_total{uuid=GPU-0}":                                       1234.5,
			"modelserving_gpu_temperature_celsius{uuid=GPU-0}":                                       61,
			"modelserving_gpu_memory_temperature_celsius{uuid=GPU-0}":                                72,
			"modelserving_gpu_clock_hertz{clock=sm,uuid=GPU-0}":                                      1.001e9,
			"modelserving_gpu_clock_hertz{clock=memory,uuid=GPU-0}":                                  1.002e9,
			"modelserving_gpu_throttled{reason=sw_power_cap,uuid=GPU-0}":                             0,
			"modelserving_gpu_throttled{reason=sw_power_cap,uuid=GPU-1}":                             1,
			"modelserving_gpu_throttled{reason=hw_slowdown,uuid=GPU-1}":                              1,
			"modelserving_gpu_throttled{reason=gpu_idle,uuid=GPU-1}":                                 0,
			"modelserving_gpu_pcie_bytes_per_second{direction=transmit,uuid=GPU-0}":                  500_000,
			"modelserving_gpu_pcie_bytes_per_second{direction=receive,uuid=GPU-0}":                   501_000,
			"modelserving_gpu_pcie_replays_total{uuid=GPU-0}":                                        3,
			"modelserving_gpu_nvlink_bytes_total{direction=transmit,link=1,uuid=GPU-0}":              1381 * 1024,
			"modelserving_gpu_nvlink_bytes_total{direction=receive,link=0,uuid=GPU-0}":               1390 * 1024,
			"modelserving_gpu_ecc_errors_total{type=corrected,uuid=GPU-0}":                           0,
			"modelserving_gpu_ecc_errors_total{type=uncorrected,uuid=GPU-0}":                         1,
			"modelserving_gpu_ecc_errors_lifetime_total{type=uncorrected,uuid=GPU-0}":                11,
			"modelserving_gpu_encoder_utilization_ratio{uuid=GPU-0}":                                 0.25,
			"modelserving_gpu_decoder_utilization_ratio{uuid=GPU-0}":                                 0.5,
		} {
			require.Contains(t, found, series)
			require.InDelta(t, value, found[series], 1e-9*(1+value), series)
		}
		require.NotContains(t, found, "modelserving_gpu_nvlink_bytes_total{direction=receive,link=2,uuid=GPU-0}", "a link that is not there")
		require.Equal(t, StateOK, w.Status().State)
	})
	require.Equal(t, 1, h.inits)
	require.Equal(t, 1, h.shutdowns)
}

func TestSpikesBetweenScrapesAreSeen(t *testing.T) {
	h := newHost(1)
	g := h.gpus[0]
	watch(t, h, nil, func(t *testing.T, w watched) {
		// Ten samples a second for five seconds, one of which is a spike.
		for i := range 50 {
			time.Sleep(100 * time.Millisecond)
			h.change(func() {
				utilization, milliwatts := uint32(10), uint32(200_000)
				if i == 25 {
					utilization, milliwatts = 100, 650_000
				}
				g.addSample(nvml.GPU_UTILIZATION_SAMPLES, time.Now(), utilization)
				g.addSample(nvml.TOTAL_POWER_SAMPLES, time.Now(), milliwatts)
			})
		}
		time.Sleep(time.Second)
		found := w.gather(7*time.Second, NamesModelServing)
		require.InDelta(t, 1, found["modelserving_gpu_utilization_max_ratio{uuid=GPU-0}"], 1e-9)
		// The first question found a buffer with nothing in it or one sample, of which the latest counts.
		require.InDelta(t, 0.118, found["modelserving_gpu_utilization_ratio{uuid=GPU-0}"], 0.002)
		require.InDelta(t, 650, found["modelserving_gpu_power_max_watts{uuid=GPU-0}"], 1e-9)
		require.InDelta(t, 209, found["modelserving_gpu_power_watts{uuid=GPU-0}"], 1)

		// Nobody's question takes anything from anybody else's.
		require.Equal(t, found["modelserving_gpu_utilization_ratio{uuid=GPU-0}"], w.gather(7*time.Second, NamesModelServing)["modelserving_gpu_utilization_ratio{uuid=GPU-0}"])
		// A window after the spike does not have it.
		require.InDelta(t, 0.1, w.gather(2*time.Second, NamesModelServing)["modelserving_gpu_utilization_max_ratio{uuid=GPU-0}"], 1e-9)
		require.Zero(t, g.calls["GetPowerUsage"], "what has a buffer is not polled")
	})
}

func TestWithoutABufferValuesArePolled(t *testing.T) {
	for name, fault := range map[string]nvml.Return{"no buffer": nvml.ERROR_NOT_SUPPORTED, "a buffer that stays empty": nvml.SUCCESS} {
		t.Run(name, func(t *testing.T) {
			h := newHost(1)
			g := h.gpus[0]
			g.faults["GetSamples(0)"], g.faults["GetSamples(1)"] = fault, fault
			g.rates.Gpu, g.power = 40, 300_000
			watch(t, h, nil, func(t *testing.T, w watched) {
				time.Sleep(10 * time.Second)
				h.change(func() { g.rates.Gpu, g.power = 90, 500_000 })
				time.Sleep(200 * time.Millisecond)
				h.change(func() { g.rates.Gpu, g.power = 40, 300_000 })
				time.Sleep(800 * time.Millisecond)
				found := w.gather(time.Second, NamesModelServing)
				require.InDelta(t, 0.9, found["modelserving_gpu_utilization_max_ratio{uuid=GPU-0}"], 1e-9, "a spike of 200 ms")
				require.InDelta(t, 0.5, found["modelserving_gpu_utilization_ratio{uuid=GPU-0}"], 0.06)
				require.InDelta(t, 500, found["modelserving_gpu_power_max_watts{uuid=GPU-0}"], 1e-9)
			})
		})
	}
}
