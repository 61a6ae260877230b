package fakenvml

import "fmt"

const (
	// GiB is a gibibyte.
	GiB = 1 << 30
	// MiB is a mebibyte.
	MiB = 1 << 20
)

// NotSupported is NVML's code for what a device cannot do.
const NotSupported = 3

// NewGPU is one of a fleet of H100s, with readings that differ by index.
func NewGPU(index int) GPU {
	return GPU{
		UUID: fmt.Sprintf("GPU-00000000-0000-4000-8000-%012d", index), Bus: fmt.Sprintf("00000000:%02X:00.0", index+1),
		Total: 80 * GiB, Reserved: GiB, Used: uint64(index+1) * GiB, BAR1Total: 128 * GiB, BAR1Used: 16 * MiB,
		PowerLimit: 700_000, Energy: uint64(index+1) * 1_000_000, Temperature: 40 + index, MemoryTemperature: 50 + index,
		MemoryUtilization: 7, Encoder: 3, Decoder: 2, ClockGraphics: 1980, ClockSM: 1980, ClockMemory: 2619, ClockVideo: 1545,
		PCIeTransmit: 1000, PCIeReceive: 2000, PCIeReplays: 4, ECCCorrected: 5, NVLinks: 2, NVLinkTransmit: 1024, NVLinkReceive: 2048,
		GPM: true, SampleMicroseconds: 100_000, Utilization: []int{10 * index}, Power: []int{100_000 * (index + 1)},
		Name: "NVIDIA H100 80GB HBM3",
	}
}

// NewMIG is a MIG device of a GPU, one GPU instance with one compute instance, of a seventh of the GPU.
func NewMIG(gpu, slot int) MIG {
	return MIG{
		UUID: fmt.Sprintf("MIG-00000000-0000-4000-8%03d-%012d", slot, gpu), GPUInstance: 7 + slot, Slices: 1, ComputeSlices: 1,
		Total: 10 * GiB, Reserved: 64 * MiB, Used: uint64(slot+1) * GiB, Utilization: 20 * (slot + 1), Name: "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
	}
}

// NewHost is a host with so many GPUs.
func NewHost(gpus int) Scenario {
	s := Scenario{Host: Host{Driver: "550.90.07", NVML: "12.550.90.07", CUDA: 12040}}
	for i := range gpus {
		s.GPUs = append(s.GPUs, NewGPU(i))
	}
	return s
}

// Divide switches MIG on for a GPU and divides it into so many devices, whose memory is what it has in use.
func (s *Scenario) Divide(gpu, devices int) {
	g := &s.GPUs[gpu]
	g.MIGEnabled, g.MIG, g.Used = true, nil, 0
	for slot := range devices {
		mig := NewMIG(gpu, slot)
		g.MIG = append(g.MIG, mig)
		g.Used += mig.Used
	}
}

// NewProcess is a process that computes on a whole GPU.
func NewProcess(gpu, pid int, memory uint64, utilization int) Process {
	return Process{GPU: gpu, PID: pid, Memory: memory, Utilization: utilization, GPUInstance: NoInstance, ComputeInstance: NoInstance, List: "compute"}
}
