//go:build linux

package fakenvml_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/fakenvml"
)

const xidEvent = 8

// script is a host to which one thing after the other happens, while processes come and go all the time.
type script struct {
	t       *testing.T
	host    fakenvml.Scenario
	program *program
	stops   []func()
	event   int
	rounds  int
}

// churn ends the oldest quarter of the processes, half of which the driver still lists, and starts as many new ones.
func (s *script) churn() {
	s.t.Helper()
	s.rounds++
	quarter := len(s.host.Processes) / 4
	oldest := s.host.Processes[:quarter]
	for i, stop := range s.stops[:quarter] {
		if i%2 == 0 {
			stop()
		}
	}
	s.program.set(s.host)
	s.program.scrape()
	for _, stop := range s.stops[:quarter] {
		stop()
	}
	s.stops, s.host.Processes = s.stops[quarter:], s.host.Processes[quarter:]
	for i, old := range oldest {
		pid, stop := process(s.t, "/usr/bin/vllm", "serve", fmt.Sprintf("model-%d-%d", s.rounds, i%4))
		replacement := old
		replacement.PID = pid
		s.host.Processes, s.stops = append(s.host.Processes, replacement), append(s.stops, stop)
	}
	s.program.set(s.host)
}

// faults replaces the faults of the host.
func (s *script) faults(all ...fakenvml.Fault) { s.host.Faults = all }

// until goes on with churn until a scrape is as wanted; what must always hold is checked in each.
func (s *script) until(what string, wanted func(page) bool) page {
	s.t.Helper()
	var pg page
	require.Eventually(s.t, func() bool {
		s.churn()
		pg = s.program.scrape()
		s.always(pg)
		return wanted(pg)
	}, patience, often, what)
	return pg
}

// always is what holds whatever happens: each GPU is known, nothing is in use twice, models have what processes have.
func (s *script) always(pg page) {
	s.t.Helper()
	require.Equal(s.t, 1.0, pg.value("modelserving_nvml_up"))
	for i, gpu := range s.host.GPUs {
		index := strconv.Itoa(i)
		require.Equal(s.t, 1, pg.count("modelserving_gpu_available", "gpu", index, "mig_instance", ""), "GPU %d is listed once", i)
		require.LessOrEqual(s.t, pg.value("modelserving_gpu_memory_used_bytes", "gpu", index), float64(gpu.Total), "memory of GPU %d", i)
		require.LessOrEqual(s.t, pg.value("modelserving_gpu_utilization_ratio", "gpu", index, "mig_instance", ""), 1.0, "utilization of GPU %d", i)
	}
	requireModelsAddUp(s.t, pg)
}

// answering is how many GPUs have readings.
func answering(pg page) int { return pg.count("modelserving_gpu_temperature_celsius") }

// TestScriptedHost has eight GPUs, two of them divided, and 64 processes that come and go: GPUs are lost, hang, refuse calls and
// lack others, report XID errors, and are divided and put together, first one after the other, then all at once.
func TestScriptedHost(t *testing.T) {
	s := &script{t: t, host: fakenvml.NewHost(8)}
	s.host.Divide(6, 3)
	s.host.Divide(7, 2)
	for i := range 64 {
		pid, stop := process(t, "/usr/bin/vllm", "serve", fmt.Sprintf("model-%d", i/8))
		p := fakenvml.NewProcess(i%8, pid, uint64(i+1)*fakenvml.MiB, 1+i%5)
		if mig := s.host.GPUs[p.GPU].MIG; mig != nil {
			of := mig[i/8%len(mig)]
			p.GPUInstance, p.ComputeInstance, p.Utilization = of.GPUInstance, of.ComputeInstance, 0
		}
		s.host.Processes, s.stops = append(s.host.Processes, p), append(s.stops, stop)
	}
	s.program = start(t, startOptions{scenario: s.host, library: built.library})
	all := func(pg page) bool {
		return answering(pg) == 8 && pg.value("modelserving_nvml_gpus") == 8 && pg.count("modelserving_gpu_memory_used_bytes") == 6+5
	}
	s.until("all GPUs", all)

	lost := fakenvml.Fault{Call: "*", GPU: 1, Result: gpuIsLost}
	lacking := fakenvml.Fault{Call: "nvmlDeviceGetEncoderUtilization", GPU: 2, Result: notSupported}
	hanging := fakenvml.Fault{Call: "nvmlDeviceGetTemperature", GPU: 3, DelayMilliseconds: 10_000}
	refusing := fakenvml.Fault{Call: "nvmlDeviceGetTotalEnergyConsumption", GPU: 5, Result: noPermission}

	s.faults(lost)
	s.until("a GPU lost", func(pg page) bool {
		return answering(pg) == 7 && pg.count("modelserving_gpu_available", "gpu", "1") == 1 && pg.value("modelserving_gpu_available", "gpu", "1") == 0
	})
	s.faults(lost, refusing)
	s.until("a call refused", func(pg page) bool {
		return pg.value("modelserving_nvml_call_errors_total", "call", refusing.Call, "reason", "no_permission") > 0 &&
			pg.count("modelserving_gpu_energy_joules_total", "gpu", "5") == 0
	})
	s.faults(refusing)
	s.until("the lost GPU again", all)

	whole := s.host.GPUs[4]
	s.host.Divide(4, 4)
	s.until("a GPU divided", func(pg page) bool { return pg.count("modelserving_gpu_memory_used_bytes", "gpu", "4") == 4 })
	s.host.GPUs[4] = whole
	s.until("and put together", all)

	s.faults(lacking, hanging)
	s.until("a GPU that hangs, one that lacks a call, and XID errors of a third", func(pg page) bool {
		s.event++
		s.host.Events = []fakenvml.Event{{ID: s.event, GPU: 0, Type: xidEvent, Data: 79}}
		return answering(pg) == 7 && pg.count("modelserving_gpu_temperature_celsius", "gpu", "3") == 0 &&
			pg.value("modelserving_gpu_xid_errors_total", "gpu", "0", "xid", "79") > 0
	})

	s.host.Divide(4, 2)
	s.faults(lost, lacking, hanging, refusing)
	s.until("everything at once", func(pg page) bool {
		return answering(pg) == 6 && pg.count("modelserving_gpu_memory_used_bytes", "gpu", "4") == 2 && pg.value("modelserving_gpu_available", "mig_instance", "") == 6
	})
	_, health := s.program.health()
	require.Equal(t, "degraded", health.State)

	s.faults()
	s.host.GPUs[4] = whole
	pg := s.until("everything mended", func(pg page) bool {
		return all(pg) && pg.count("modelserving_gpu_energy_joules_total", "gpu", "5") == 1
	})
	want := 0.0
	for _, gpu := range s.host.GPUs {
		want += float64(gpu.Used)
	}
	require.Equal(t, want, pg.value("modelserving_gpu_memory_used_bytes"))
	_, health = s.program.health()
	require.Equal(t, "ok", health.State)
	// What the driver lists now, all of which exists, is told of, and nothing that ended.
	pg = s.program.until("the processes that there are", func(pg page) bool {
		each := !slices.ContainsFunc(s.host.Processes, func(p fakenvml.Process) bool {
			return pg.value("modelserving_gpu_process_memory_bytes", "pid", strconv.Itoa(p.PID)) != float64(p.Memory)
		})
		return each && pg.count("modelserving_gpu_process_memory_bytes") == len(s.host.Processes)
	})
	require.Zero(t, pg.count("modelserving_gpu_encoder_utilization_ratio", "gpu", "2"), "what was not supported is not tried again")
}
