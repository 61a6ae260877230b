//go:build linux && cgo

package nvml

import (
	"fmt"
	"slices"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

type scriptedSlice struct {
	nvml.Device
	gpu                          *scriptedGPU
	uuid                         string
	gpuInstance, computeInstance int
	memory                       nvml.Memory_v2
	processes                    []nvml.ProcessInfo
}

func (s *scriptedSlice) GetUUID() (string, nvml.Return) { return s.uuid, nvml.SUCCESS }
func (s *scriptedSlice) GetName() (string, nvml.Return) {
	return "NVIDIA H100 MIG 3g.40gb", nvml.SUCCESS
}
func (s *scriptedSlice) GetGpuInstanceId() (int, nvml.Return) { return s.gpuInstance, nvml.SUCCESS }
func (s *scriptedSlice) GetComputeInstanceId() (int, nvml.Return) {
	return s.computeInstance, nvml.SUCCESS
}
func (s *scriptedSlice) GetMemoryInfo_v2() (nvml.Memory_v2, nvml.Return) {
	return scripted(s.gpu, "MIG GetMemoryInfo_v2", func() nvml.Memory_v2 { return s.memory })
}
func (s *scriptedSlice) GetBAR1MemoryInfo() (nvml.BAR1Memory, nvml.Return) {
	return nvml.BAR1Memory{}, nvml.ERROR_NOT_SUPPORTED
}
func (s *scriptedSlice) GetComputeRunningProcesses() ([]nvml.ProcessInfo, nvml.Return) {
	return scripted(s.gpu, "MIG GetComputeRunningProcesses", func() []nvml.ProcessInfo { return slices.Clone(s.processes) })
}
func (s *scriptedSlice) GetGraphicsRunningProcesses() ([]nvml.ProcessInfo, nvml.Return) {
	return nil, nvml.SUCCESS
}
func (s *scriptedSlice) GetMPSComputeRunningProcesses() ([]nvml.ProcessInfo, nvml.Return) {
	return nil, nvml.ERROR_NOT_SUPPORTED
}
func (s *scriptedSlice) GetAccountingMode() (nvml.EnableState, nvml.Return) {
	return nvml.FEATURE_DISABLED, nvml.SUCCESS
}

// divide switches MIG on, with MIG devices of 39 GiB in these GPU instances; the same one twice means two compute instances.
func (g *scriptedGPU) divide(gpuInstances ...int) {
	g.mig = true
	g.slices = nil
	compute := map[int]int{}
	for _, id := range gpuInstances {
		g.slices = append(g.slices, &scriptedSlice{
			gpu: g, uuid: fmt.Sprintf("MIG-%d-%d-%d", g.index, id, compute[id]), gpuInstance: id, computeInstance: compute[id],
			memory: nvml.Memory_v2{Total: 39 * gibibyte, Used: uint64(id) * gibibyte, Free: uint64(39-id) * gibibyte},
		})
		compute[id]++
	}
}
