//go:build linux

package fakenvml_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/fakenvml"
)

const (
	gib       = float64(fakenvml.GiB)
	tolerance = 1e-9
)

// eightGPUs is a host with eight GPUs, of which the last two are divided, and 64 processes that really exist.
func eightGPUs(t *testing.T) fakenvml.Scenario {
	t.Helper()
	s := fakenvml.NewHost(8)
	s.Divide(6, 3)
	s.Divide(7, 2)
	for i := range 64 {
		pid, _ := process(t, "/usr/bin/vllm", "serve", fmt.Sprintf("model-%d", i/8))
		p := fakenvml.NewProcess(i%8, pid, uint64(i+1)*fakenvml.MiB, 1+i%5)
		if mig := s.GPUs[p.GPU].MIG; mig != nil {
			of := mig[i/8%len(mig)]
			p.GPUInstance, p.ComputeInstance, p.Utilization = of.GPUInstance, of.ComputeInstance, 0
		}
		s.Processes = append(s.Processes, p)
	}
	return s
}

func TestEightGPUs(t *testing.T) {
	s := eightGPUs(t)
	s.GPUs[3].Utilization, s.GPUs[3].Power = []int{10, 10, 10, 90}, []int{100_000, 100_000, 100_000, 500_000}
	p := start(t, startOptions{scenario: s, library: built.library})

	pg := p.until("readings of all devices, models of all processes, and a whole window of samples", func(pg page) bool {
		_, models := pg.sum("modelserving_gpu_model_memory_bytes", "server", "vllm")
		return models > 0 && pg.value("modelserving_nvml_gpus") == 8 && pg.count("modelserving_gpu_utilization_ratio") == 6+5 &&
			pg.count("modelserving_gpu_process_utilization_ratio") >= 48 &&
			pg.value("modelserving_gpu_utilization_max_ratio", "gpu", "3") > 0.89 &&
			pg.value("modelserving_gpu_process_utilization_ratio", "pid", strconv.Itoa(s.Processes[0].PID)) > 0
	})
	require.Equal(t, 1.0, pg.value("modelserving_nvml_up"))
	require.Equal(t, 1.0, pg.value("modelserving_nvml_info", "driver_version", "550.90.07", "nvml_version", "12.550.90.07"))

	// Readings, in base units.
	for metric, want := range map[string]float64{
		"modelserving_gpu_memory_used_bytes": 3 * gib, "modelserving_gpu_memory_reserved_bytes": gib,
		"modelserving_gpu_memory_total_bytes": 80 * gib, "modelserving_gpu_memory_free_bytes": 76 * gib,
		"modelserving_gpu_bar1_memory_used_bytes": 16 * fakenvml.MiB, "modelserving_gpu_bar1_memory_total_bytes": 128 * gib,
		"modelserving_gpu_power_watts": 300, "modelserving_gpu_power_max_watts": 300, "modelserving_gpu_power_limit_watts": 700,
		"modelserving_gpu_energy_joules_total": 3000, "modelserving_gpu_temperature_celsius": 42, "modelserving_gpu_memory_temperature_celsius": 52,
		"modelserving_gpu_utilization_ratio": 0.2, "modelserving_gpu_utilization_max_ratio": 0.2, "modelserving_gpu_memory_activity_ratio": 0.07,
		"modelserving_gpu_encoder_utilization_ratio": 0.03, "modelserving_gpu_decoder_utilization_ratio": 0.02,
		"modelserving_gpu_pcie_replays_total": 4,
	} {
		require.InDelta(t, want, pg.value(metric, "gpu", "2"), want*tolerance, metric)
		require.Equal(t, 1, pg.count(metric, "gpu", "2", "uuid", s.GPUs[2].UUID, "gpu_name", s.GPUs[2].Name, "mig_instance", ""), metric)
	}
	require.Equal(t, 1980e6, pg.value("modelserving_gpu_clock_hertz", "gpu", "2", "clock", "sm"))
	require.Equal(t, 2e6, pg.value("modelserving_gpu_pcie_bytes_per_second", "gpu", "2", "direction", "receive"))
	require.Equal(t, 2048.0*1024, pg.value("modelserving_gpu_nvlink_bytes_total", "gpu", "2", "link", "1", "direction", "receive"))
	require.Equal(t, 5.0, pg.value("modelserving_gpu_ecc_errors_total", "gpu", "2", "type", "corrected"))

	// A spike of 100 ms is seen, and the mean is that of all samples, give or take those at the window's ends.
	require.InDelta(t, 0.9, pg.value("modelserving_gpu_utilization_max_ratio", "gpu", "3"), tolerance)
	require.InDelta(t, 0.3, pg.value("modelserving_gpu_utilization_ratio", "gpu", "3"), 0.15)
	require.InDelta(t, 500, pg.value("modelserving_gpu_power_max_watts", "gpu", "3"), tolerance)

	// Nothing counts twice: a divided GPU has memory in its MIG devices alone.
	want := 0.0
	for _, gpu := range s.GPUs {
		want += float64(gpu.Used)
	}
	require.Equal(t, want, pg.value("modelserving_gpu_memory_used_bytes"))
	require.Equal(t, 6+5, pg.count("modelserving_gpu_memory_used_bytes"))
	require.Equal(t, 3, pg.count("modelserving_gpu_memory_used_bytes", "gpu", "6", "mig_profile", "1g.10gb"))
	require.InDelta(t, 0.4, pg.value("modelserving_gpu_utilization_ratio", "uuid", s.GPUs[6].MIG[1].UUID), tolerance)

	// Processes, and models made of them.
	for i, proc := range s.Processes {
		device := s.GPUs[proc.GPU].UUID
		if mig := s.GPUs[proc.GPU].MIG; mig != nil {
			device = mig[i/8%len(mig)].UUID
		}
		require.Equal(t, float64(proc.Memory), pg.value("modelserving_gpu_process_memory_bytes", "uuid", device, "pid", strconv.Itoa(proc.PID)))
	}
	requireModelsAddUp(t, pg)
	require.Equal(t, 8+7+6+5+4+3+2+1.0, pg.value("modelserving_gpu_model_memory_bytes", "model", "model-0", "provenance", "measured")/fakenvml.MiB)
	require.InDelta(t, float64(s.Processes[0].Utilization)/100,
		pg.value("modelserving_gpu_process_utilization_ratio", "pid", strconv.Itoa(s.Processes[0].PID)), tolerance)
}

// requireModelsAddUp checks that models have exactly what processes have, on each device.
func requireModelsAddUp(t *testing.T, pg page) {
	t.Helper()
	for _, reading := range []string{"memory_bytes", "utilization_ratio"} {
		devices := map[string]bool{}
		for _, m := range pg["modelserving_gpu_process_"+reading].GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "uuid" {
					devices[l.GetValue()] = true
				}
			}
		}
		for uuid := range devices {
			want := pg.value("modelserving_gpu_process_"+reading, "uuid", uuid)
			require.InDelta(t, want, pg.value("modelserving_gpu_model_"+reading, "uuid", uuid), want*tolerance, "%s of %s", reading, uuid)
		}
	}
}

// TestModelsOfOneProcess shares a Triton's process out by what its metrics page says.
func TestModelsOfOneProcess(t *testing.T) {
	var computed atomic.Int64
	triton := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, isModel := strings.CutPrefix(r.URL.Path, "/v2/models/"); isModel {
			platforms := map[string]string{"small": "tensorrt_plan", "large": "onnxruntime_onnx", "both": "ensemble"}
			name = strings.TrimSuffix(name, "/config")
			_, _ = fmt.Fprintf(w, "{\"name\":%q,\"platform\":%q}", name, platforms[name])
			return
		}
		n := computed.Add(1_000_000)
		_, _ = fmt.Fprintf(w, "nv_inference_compute_infer_duration_us{model=\"small\",version=\"1\"} %d\n", n)
		_, _ = fmt.Fprintf(w, "nv_inference_compute_infer_duration_us{model=\"large\",version=\"2\"} %d\n", 3*n)
		_, _ = fmt.Fprintf(w, "nv_inference_compute_infer_duration_us{model=\"both\",version=\"1\"} %d\n", 4*n) // an ensemble
	}))
	t.Cleanup(triton.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(triton.URL, "http://"), ":")
	pid, _ := process(t, "/opt/tritonserver/bin/tritonserver", "--metrics-port="+port, "--http-port="+port)
	s := fakenvml.NewHost(1)
	s.Processes = []fakenvml.Process{fakenvml.NewProcess(0, pid, 4*fakenvml.GiB, 40)}
	p := start(t, startOptions{scenario: s, library: built.library})

	pg := p.until("shares of both models, with what they compute", func(pg page) bool {
		return pg.value("modelserving_gpu_model_utilization_ratio", "model", "large") > 0.29
	})
	require.InDelta(t, 0.1, pg.value("modelserving_gpu_model_utilization_ratio", "model", "small", "version", "1", "server", "triton", "provenance", "estimated"), 1e-6)
	require.InDelta(t, 0.3, pg.value("modelserving_gpu_model_utilization_ratio", "model", "large", "version", "2", "server", "triton", "provenance", "estimated"), 1e-6)
	require.Equal(t, []float64{gib, 3 * gib}, []float64{pg.value("modelserving_gpu_model_memory_bytes", "model", "small"),
		pg.value("modelserving_gpu_model_memory_bytes", "model", "large")})
	requireModelsAddUp(t, pg)
}

// TestChurn has processes that come and go, and processes that the driver still lists after they ended, all the time.
func TestChurn(t *testing.T) {
	s := fakenvml.NewHost(2)
	p := start(t, startOptions{scenario: s, library: built.library})
	gone := 0
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) || gone == 0; {
		s.Processes = nil
		var stops []func()
		for i := range 8 {
			pid, stop := process(t, "/usr/bin/vllm", "serve", fmt.Sprintf("model-%d", i))
			s.Processes = append(s.Processes, fakenvml.NewProcess(i%2, pid, fakenvml.GiB, 5))
			stops = append(stops, stop)
		}
		p.set(s)
		for i, stop := range stops {
			if i%3 == 0 {
				stop()
			}
		}
		pg := p.scrape()
		requireModelsAddUp(t, pg)
		gone += int(pg.value("modelserving_nvml_attribution_errors"))
		for _, stop := range stops {
			stop()
		}
	}
	require.Eventually(t, func() bool { // all that the driver lists have ended
		_, health := p.health()
		return health.State == "ok" && strings.Contains(strings.Join(health.AttributionErrors, " "), "ended")
	}, patience, often)
}

func TestEvents(t *testing.T) {
	s := fakenvml.NewHost(2)
	s.Events = []fakenvml.Event{{ID: 1, GPU: 0, Type: 8, Data: 13}}
	p := start(t, startOptions{scenario: s, library: built.library})
	// The endpoint may not be listening yet, so that events come until one is heard.
	id := 1
	p.until("XID errors", func(pg page) bool {
		id++
		s.Events = []fakenvml.Event{{ID: id, GPU: 1, Type: 8, Data: 79}}
		p.set(s)
		return pg.value("modelserving_gpu_xid_errors_total", "gpu", "1", "xid", "79") > 0
	})
	require.Zero(t, p.scrape().value("modelserving_gpu_xid_errors_total", "gpu", "0"), "what happened before is not counted")
}

// TestDCGMNames has the same readings under dcgm-exporter's names, in its units.
func TestDCGMNames(t *testing.T) {
	s := fakenvml.NewHost(1)
	p := start(t, startOptions{scenario: s, library: built.library, args: []string{"-names", "dcgm-exporter"}})
	pg := p.until("readings", func(pg page) bool {
		return pg.count("DCGM_FI_DEV_GPU_UTIL") == 1 && pg.count("DCGM_FI_DEV_POWER_USAGE") == 1
	})
	for metric, want := range map[string]float64{
		"DCGM_FI_DEV_GPU_UTIL": 0, "DCGM_FI_DEV_FB_USED": 1024, "DCGM_FI_DEV_GPU_TEMP": 40, "DCGM_FI_DEV_POWER_USAGE": 100,
		"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": 1_000_000, "DCGM_FI_DEV_SM_CLOCK": 1980,
	} {
		require.Equal(t, want, pg.value(metric, "gpu", "0", "UUID", s.GPUs[0].UUID, "modelName", s.GPUs[0].Name), metric)
		require.Equal(t, 1, pg.count(metric, "gpu", "0", "UUID", s.GPUs[0].UUID, "modelName", s.GPUs[0].Name), metric)
	}
}
