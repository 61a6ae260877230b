//go:build linux && cgo

package nvml

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/stretchr/testify/require"
)

func TestUnsupportedCallsAreSkippedAndTold(t *testing.T) {
	h := newHost(1)
	g := h.gpus[0]
	for _, call := range []string{"GetTotalEnergyConsumption", "GetEncoderUtilization", "GetProcessUtilization", "GetMemoryInfo_v2", "GetCurrentClocksEventReasons"} {
		g.faults[call] = nvml.ERROR_NOT_SUPPORTED
	}
	lookup := func(symbol string) error {
		if strings.HasPrefix(symbol, "nvmlDeviceGetDecoderUtilization") {
			return errors.New("undefined symbol")
		}
		return nil
	}
	watch(t, h, func(s *Settings) { s.Lookup = lookup }, func(t *testing.T, w watched) {
		var found map[string]float64
		for range 5 {
			found = w.ownSeries()
			time.Sleep(2 * time.Second)
		}
		require.NotContains(t, found, "modelserving_gpu_energy_joules_total{uuid=GPU-0}")
		require.NotContains(t, found, "modelserving_gpu_encoder_utilization_ratio{uuid=GPU-0}")
		require.NotContains(t, found, "modelserving_gpu_decoder_utilization_ratio{uuid=GPU-0}")
		require.EqualValues(t, 80*gibibyte, found["modelserving_gpu_memory_total_bytes{uuid=GPU-0}"], "the older call stands in")
		require.Contains(t, found, "modelserving_gpu_throttled{reason=gpu_idle,uuid=GPU-0}", "the older call stands in")
		for _, call := range []string{"nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetEncoderUtilization", "nvmlDeviceGetDecoderUtilization", "nvmlDeviceGetProcessUtilization"} {
			require.EqualValues(t, 1, found["modelserving_nvml_unsupported{call="+call+",gpu=0}"], call)
			require.Equal(t, 1, w.log.count("call="+call+" "), call)
		}
		h.change(func() {
			require.Equal(t, 1, g.calls["GetTotalEnergyConsumption"], "not tried again")
			require.Zero(t, g.calls["GetDecoderUtilization"], "a function that the library lacks would end the program")
		})
		require.NotContains(t, strings.Join(keys(found), " "), "modelserving_nvml_call_errors_total")
		require.Equal(t, StateOK, w.Status().State)
		require.Contains(t, w.Status().Unsupported, "nvmlDeviceGetTotalEnergyConsumption on GPU 0")
	})
}

func keys(m map[string]float64) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	return all
}

func TestFailingCallsAreCountedAndLoggedOnce(t *testing.T) {
	h := newHost(2)
	h.gpus[0].faults["GetTemperature"] = nvml.ERROR_NO_PERMISSION
	watch(t, h, nil, func(t *testing.T, w watched) {
		w.ownSeries()
		time.Sleep(2 * time.Second)
		found := w.ownSeries()
		require.EqualValues(t, 2, found["modelserving_nvml_call_errors_total{call=nvmlDeviceGetTemperature,reason=no_permission}"])
		require.NotContains(t, found, "modelserving_gpu_temperature_celsius{uuid=GPU-0}")
		require.Contains(t, found, "modelserving_gpu_temperature_celsius{uuid=GPU-1}")
		require.Equal(t, 1, w.log.count("nvmlDeviceGetTemperature"+" "))
		h.change(func() { delete(h.gpus[0].faults, "GetTemperature") })
		time.Sleep(2 * time.Second)
		require.Contains(t, w.ownSeries(), "modelserving_gpu_temperature_celsius{uuid=GPU-0}")
	})
}

func TestLostGPU(t *testing.T) {
	h := newHost(3)
	watch(t, h, nil, func(t *testing.T, w watched) {
		h.change(func() {
			h.gpus[1].faults["*"] = nvml.ERROR_GPU_IS_LOST
			h.handlesFailWith[1] = nvml.ERROR_GPU_IS_LOST
		})
		time.Sleep(3 * time.Second)
		found := w.ownSeries()
		require.EqualValues(t, 0, found["modelserving_gpu_available{uuid=GPU-1}"])
		require.EqualValues(t, 1, found["modelserving_gpu_available{uuid=GPU-0}"])
		require.EqualValues(t, 2, found["modelserving_nvml_gpus{}"])
		require.NotContains(t, found, "modelserving_gpu_memory_used_bytes{uuid=GPU-1}", "nothing old is told as if it were now")
		require.Contains(t, found, "modelserving_gpu_memory_used_bytes{uuid=GPU-2}")
		status := w.Status()
		require.Equal(t, StateDegraded, status.State)
		require.Contains(t, status.GPUs[1].Problem, "fell off the bus")
		require.Equal(t, 1, w.log.count("GPU does not respond"))

		h.change(func() { clear(h.gpus[1].faults); clear(h.handlesFailWith) })
		time.Sleep(11 * time.Second)
		require.Contains(t, w.ownSeries(), "modelserving_gpu_memory_used_bytes{uuid=GPU-1}", "it is back after a reset")
		require.Equal(t, StateOK, w.Status().State)
	})
}

func TestGPUThatIsListedAndYetLost(t *testing.T) {
	h := newHost(2)
	g := h.gpus[1]
	watch(t, h, nil, func(t *testing.T, w watched) {
		h.change(func() { g.faults["GetSamples(0)"] = nvml.ERROR_GPU_IS_LOST })
		for range 20 {
			time.Sleep(3 * time.Second)
			require.EqualValues(t, 0, w.ownSeries()["modelserving_gpu_available{uuid=GPU-1}"])
		}
		h.change(func() { require.LessOrEqual(t, g.calls["GetSamples(0)"], 10, "not tried without end") })
		require.Equal(t, 1, w.log.count("GPU does not respond"))
		require.Equal(t, 1, w.log.count("gpu=1"))
		h.change(func() { clear(g.faults) })
		time.Sleep(25 * time.Second)
		require.EqualValues(t, 1, w.ownSeries()["modelserving_gpu_available{uuid=GPU-1}"])
	})
}

func TestGPUThatIsNoLongerListed(t *testing.T) {
	h := newHost(3)
	watch(t, h, nil, func(t *testing.T, w watched) {
		h.change(func() { h.gpus = slices.Delete(h.gpus, 0, 1) })
		time.Sleep(11 * time.Second)
		found := w.ownSeries()
		require.EqualValues(t, 0, found["modelserving_gpu_available{uuid=GPU-0}"])
		require.EqualValues(t, 1, found["modelserving_gpu_available{uuid=GPU-1}"])
		require.EqualValues(t, 1, found["modelserving_gpu_available{uuid=GPU-2}"])
	})
}

func TestHangingGPUHoldsUpNobody(t *testing.T) {
	h := newHost(2)
	released := make(chan struct{})
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		h.gpus[1].hang["GetTemperature"] = hang
		h.events = make(chan nvml.EventData)
		m, err := New(Settings{Library: h})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { defer close(released); m.Run(ctx) }()
		time.Sleep(1050 * time.Millisecond)
		w := watched{Monitor: m, t: t, host: h}
		began := time.Now()
		found := w.ownSeries()
		require.LessOrEqual(t, time.Since(began), 6*time.Second)
		require.EqualValues(t, 0, found["modelserving_gpu_available{uuid=GPU-1}"])
		require.Contains(t, found, "modelserving_gpu_temperature_celsius{uuid=GPU-0}")
		time.Sleep(6 * time.Second)
		began = time.Now()
		w.ownSeries()
		require.Less(t, time.Since(began), time.Second, "a GPU that is known to hang is not waited for")
		require.Contains(t, m.Status().GPUs[1].Problem, "nvmlDeviceGetTemperature has not returned for")
		cancel()
		time.Sleep(11 * time.Second)
		close(hang)
		<-released
	})
	require.Zero(t, h.shutdowns, "NVML is not shut down under a call")
}

// TestEventsThatHang has a driver that does not answer who asks for events of a GPU: readings and new GPUs go on.
func TestEventsThatHang(t *testing.T) {
	h := newHost(3)
	later := h.gpus[1:]
	h.gpus = h.gpus[:1]
	synctest.Test(t, func(t *testing.T) {
		h.events = make(chan nvml.EventData, 16)
		hang := make(chan struct{})
		h.gpus[0].hang["RegisterEvents"] = hang
		m, err := New(Settings{Library: h})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		released := make(chan struct{})
		go func() {
			defer close(released)
			m.Run(ctx)
		}()
		time.Sleep(2 * time.Second)
		for i := range later {
			h.change(func() { h.gpus = append(h.gpus[:1:1], later[:i+1]...) })
			time.Sleep(30 * time.Second)
			require.Len(t, m.Status().GPUs, 2+i, "GPUs are still looked for")
		}
		require.Equal(t, StateOK, m.Status().State)
		h.change(func() { delete(h.gpus[0].hang, "RegisterEvents") })
		close(hang)
		time.Sleep(30 * time.Second)
		h.events <- nvml.EventData{Device: later[1], EventType: nvml.EventTypeXidCriticalError, EventData: 79}
		time.Sleep(2 * time.Second)
		require.EqualValues(t, 79, m.xids.lastOf(m.Status().GPUs[2].Device), "and events are waited for as soon as that is possible")
		cancel()
		<-released
	})
	require.Equal(t, 1, h.shutdowns)
}

// TestEventsThatHangAtTheEnd leaves NVML as it is while a call is under way.
func TestEventsThatHangAtTheEnd(t *testing.T) {
	h := newHost(1)
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		h.gpus[0].hang["RegisterEvents"] = hang
		m, err := New(Settings{Library: h})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		released := make(chan struct{})
		go func() {
			defer close(released)
			m.Run(ctx)
		}()
		time.Sleep(2 * time.Second)
		cancel()
		time.Sleep(stopWithin + time.Second)
		synctest.Wait()
		select {
		case <-released:
		default:
			require.Fail(t, "the monitor waits for a call that does not return")
		}
		close(hang)
	})
	require.Zero(t, h.shutdowns, "NVML is not shut down under a call")
}

func TestWithoutDriver(t *testing.T) {
	for name, c := range map[string]struct {
		ret  nvml.Return
		says string
	}{
		"no library":    {nvml.ERROR_LIBRARY_NOT_FOUND, "install NVIDIA's driver"},
		"no driver":     {nvml.ERROR_DRIVER_NOT_LOADED, "kernel module nvidia is not loaded"},
		"mismatch":      {nvml.ERROR_LIB_RM_VERSION_MISMATCH, "different driver versions"},
		"no permission": {nvml.ERROR_NO_PERMISSION, "/dev/nvidiactl"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(1)
			h.init = c.ret
			watch(t, h, nil, func(t *testing.T, w watched) {
				time.Sleep(2 * time.Minute)
				found := w.ownSeries()
				require.EqualValues(t, 0, found["modelserving_nvml_up{}"])
				require.EqualValues(t, 0, found["modelserving_nvml_gpus{}"])
				require.Greater(t, found["modelserving_nvml_call_errors_total{call=nvmlInit,reason="+reasonOf(c.ret)+"}"], 1.0)
				status := w.Status()
				require.Equal(t, StateDown, status.State)
				require.Contains(t, status.Problem, c.says)
				require.False(t, status.Restart)
				require.Equal(t, 1, w.log.count("NVML is unavailable, retrying"))
				h.change(func() { h.init = nvml.SUCCESS })
				time.Sleep(20 * time.Second)
				require.EqualValues(t, 1, w.ownSeries()["modelserving_nvml_up{}"])
			})
		})
	}
}

func TestDriverReplacedWhileRunning(t *testing.T) {
	h := newHost(2)
	watch(t, h, nil, func(t *testing.T, w watched) {
		h.change(func() {
			h.gpus[0].faults["*"] = nvml.ERROR_LIB_RM_VERSION_MISMATCH
			h.gpus[1].faults["*"] = nvml.ERROR_LIB_RM_VERSION_MISMATCH
			h.init = nvml.ERROR_LIB_RM_VERSION_MISMATCH
		})
		time.Sleep(20 * time.Second)
		require.EqualValues(t, 0, w.ownSeries()["modelserving_nvml_up{}"])
		require.Contains(t, w.Status().Problem, "has to be restarted")
		require.True(t, w.Status().Restart)
		h.change(func() {
			h.init = nvml.SUCCESS
			clear(h.gpus[0].faults)
			clear(h.gpus[1].faults)
		})
		time.Sleep(20 * time.Second)
		require.EqualValues(t, 2, w.ownSeries()["modelserving_nvml_gpus{}"])
		require.False(t, w.Status().Restart)
	})
	require.Equal(t, 2, h.inits)
	require.Equal(t, 2, h.shutdowns)
}

func TestXIDErrors(t *testing.T) {
	h := newHost(2)
	watch(t, h, nil, func(t *testing.T, w watched) {
		for _, xid := range []uint64{31, 31, 79} {
			h.events <- nvml.EventData{Device: h.gpus[1], EventType: nvml.EventTypeXidCriticalError, EventData: xid}
		}
		time.Sleep(3 * time.Second)
		found := w.gather(5*time.Second, NamesBoth)
		require.EqualValues(t, 2, found["modelserving_gpu_xid_errors_total{uuid=GPU-1,xid=31}"])
		require.EqualValues(t, 1, found["modelserving_gpu_xid_errors_total{uuid=GPU-1,xid=79}"])
		require.EqualValues(t, 79, found["DCGM_FI_DEV_XID_ERRORS{DCGM_FI_DRIVER_VERSION=580.10,Hostname=gpuhost,UUID=GPU-1,device=nvidia1,modelName=NVIDIA H100,pci_bus_id=00000000:02:00.0}"])
		require.EqualValues(t, 0, found["DCGM_FI_DEV_XID_ERRORS{DCGM_FI_DRIVER_VERSION=580.10,Hostname=gpuhost,UUID=GPU-0,device=nvidia0,modelName=NVIDIA H100,pci_bus_id=00000000:01:00.0}"])
	})
}

func TestXIDSeriesAreBounded(t *testing.T) {
	c := newXIDCounts()
	for xid := range uint64(1000) {
		c.add(Device{UUID: "GPU-0"}, xid)
	}
	values := c.values()
	require.Len(t, values, mostXIDs+1)
	sum := 0.0
	for _, v := range values {
		sum += v.number
	}
	require.EqualValues(t, 1000, sum)
}
