//go:build linux && cgo

package nvml

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strconv"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// gpu is a GPU and the MIG devices that it is divided into.
type gpu struct {
	device Device
	handle nvml.Device
	// mig says that MIG is switched on; a GPU can have it on without being divided yet.
	mig     bool
	divided []migDevice
}

// migDevice is a MIG device: a compute instance in a GPU instance.
type migDevice struct {
	device      Device
	handle      nvml.Device
	gpuInstance int
	// computeInstance is the id within the GPU instance, or -1 where NVML does not tell.
	computeInstance int
	// sharesMemory says that an earlier MIG device stands for the memory of the GPU instance that both are in.
	sharesMemory bool
}

// same says whether nothing has changed that a worker depends on.
func (g *gpu) same(other *gpu) bool {
	if g.device != other.device || g.mig != other.mig || len(g.divided) != len(other.divided) {
		return false
	}
	for i := range g.divided {
		a, b := &g.divided[i], &other.divided[i]
		if a.device != b.device || a.gpuInstance != b.gpuInstance || a.computeInstance != b.computeInstance {
			return false
		}
	}
	return true
}

// missingGPU is a GPU that is listed and does not answer.
type missingGPU struct {
	device Device
	ret    nvml.Return
}

// discoverer lists the GPUs. It belongs to one goroutine.
type discoverer struct {
	library nvml.Interface
	lookup  func(symbol string) error
	ledger  *ledger
	// known are the GPUs that answered before, by index, so that one that is lost keeps its labels.
	known map[int]Device
	// seen are all GPUs that ever answered, by UUID: one that is no longer listed is not forgotten.
	seen map[string]Device
}

func newDiscoverer(library nvml.Interface, lookup func(symbol string) error, ledger *ledger) *discoverer {
	return &discoverer{library: library, lookup: lookup, ledger: ledger, known: map[int]Device{}, seen: map[string]Device{}}
}

// discover lists the GPUs that answer and those that do not. The outcome is that of the listing itself.
func (d *discoverer) discover() ([]gpu, []missingGPU, nvml.Return) {
	count, ret := d.library.DeviceGetCount()
	if !d.ledger.check(place{call: "nvmlDeviceGetCount"}, ret) {
		return nil, nil, ret
	}
	var present []gpu
	var missing []missingGPU
	told := map[string]bool{}
	for index := range count {
		g, ret := d.gpu(index)
		switch {
		case ret == nvml.SUCCESS:
			d.known[index], d.seen[g.device.UUID] = g.device, g.device
			told[g.device.UUID] = true
			present = append(present, g)
		case needsInit(ret):
			return nil, nil, ret
		default:
			device, ok := d.known[index]
			if !ok {
				device = Device{GPU: strconv.Itoa(index)}
			}
			told[device.UUID] = true
			missing = append(missing, missingGPU{device, ret})
		}
	}
	for uuid, device := range d.seen {
		if !told[uuid] {
			missing = append(missing, missingGPU{device, nvml.ERROR_GPU_NOT_FOUND})
		}
	}
	return present, missing, nvml.SUCCESS
}

func (d *discoverer) gpu(index int) (gpu, nvml.Return) {
	at := place{gpu: strconv.Itoa(index)}
	handle, ret := d.library.DeviceGetHandleByIndex(index)
	if at.call = "nvmlDeviceGetHandleByIndex"; !d.ledger.check(at, ret) {
		return gpu{}, ret
	}
	g := gpu{handle: handle, device: Device{GPU: at.gpu}}
	if g.device.UUID, ret = handle.GetUUID(); ret != nvml.SUCCESS {
		at.call = "nvmlDeviceGetUUID"
		d.ledger.check(at, ret)
		return gpu{}, ret
	}
	name, ret := handle.GetName()
	if at.call = "nvmlDeviceGetName"; d.ledger.check(at, ret) {
		g.device.Name = text(name)
	}
	pci, ret := handle.GetPciInfo()
	if at.call = "nvmlDeviceGetPciInfo"; d.ledger.check(at, ret) {
		id, _, _ := bytes.Cut(pci.BusId[:], []byte{0})
		g.device.PCIBusID = text(string(id))
	}
	at.call = "nvmlDeviceGetMigMode"
	if d.ledger.skip(at) || d.lacks(at) {
		return g, nvml.SUCCESS
	}
	mode, _, ret := handle.GetMigMode()
	if isGPULost(ret) || needsInit(ret) {
		d.ledger.check(at, ret)
		return gpu{}, ret
	}
	// Most GPUs have no MIG: that is nothing to tell anybody.
	if isUnsupported(ret) || !d.ledger.check(at, ret) || mode != nvml.DEVICE_MIG_ENABLE {
		return g, nvml.SUCCESS
	}
	g.mig = true
	g.divided = d.migDevices(&g)
	return g, nvml.SUCCESS
}

func (d *discoverer) lacks(at place) bool {
	return d.lookup != nil && d.ledger.lacks(at.call, d.lookup)
}

func (d *discoverer) migDevices(g *gpu) []migDevice {
	at := place{gpu: g.device.GPU, call: "nvmlDeviceGetMaxMigDeviceCount"}
	most, ret := g.handle.GetMaxMigDeviceCount()
	if !d.ledger.check(at, ret) {
		return nil
	}
	var found []migDevice
	seen := map[int]bool{}
	for index := range most {
		handle, ret := g.handle.GetMigDeviceHandleByIndex(index)
		if ret == nvml.ERROR_NOT_FOUND || ret == nvml.ERROR_INVALID_ARGUMENT {
			continue // indexes have gaps
		}
		if at.call = "nvmlDeviceGetMigDeviceHandleByIndex"; !d.ledger.check(at, ret) {
			continue
		}
		m, ok := d.migDevice(g, handle)
		if !ok {
			continue // removed in between
		}
		m.sharesMemory = seen[m.gpuInstance]
		seen[m.gpuInstance] = true
		found = append(found, m)
	}
	return found
}

func (d *discoverer) migDevice(g *gpu, handle nvml.Device) (migDevice, bool) {
	at := place{gpu: g.device.GPU}
	m := migDevice{handle: handle, device: g.device}
	var ret nvml.Return
	if m.device.UUID, ret = handle.GetUUID(); ret != nvml.SUCCESS {
		at.call = "nvmlDeviceGetUUID"
		d.ledger.check(at, ret)
		return migDevice{}, false
	}
	if m.gpuInstance, ret = handle.GetGpuInstanceId(); ret != nvml.SUCCESS {
		at.call = "nvmlDeviceGetGpuInstanceId"
		d.ledger.check(at, ret)
		return migDevice{}, false
	}
	m.device.MIGInstance = strconv.Itoa(m.gpuInstance)
	at.migInstance = m.device.MIGInstance
	if m.computeInstance, ret = handle.GetComputeInstanceId(); ret != nvml.SUCCESS {
		at.call = "nvmlDeviceGetComputeInstanceId"
		d.ledger.check(at, ret)
		m.computeInstance = -1
	}
	m.device.MIGProfile = d.profile(at, handle)
	return m, true
}

// profileInName is how the driver ends the name of a MIG device.
var profileInName = regexp.MustCompile(`\bMIG ((?:\dc\.)?\dg\.\d+gb\S*)`)

// profile names the MIG profile as the driver does, or works it out from the sizes; it is empty where neither is told.
func (d *discoverer) profile(at place, handle nvml.Device) string {
	if name, ret := handle.GetName(); ret == nvml.SUCCESS {
		if match := profileInName.FindStringSubmatch(name); match != nil {
			return text(match[1])
		}
	}
	at.call = "nvmlDeviceGetAttributes"
	if d.ledger.skip(at) {
		return ""
	}
	attributes, ret := handle.GetAttributes()
	if !d.ledger.check(at, ret) {
		return ""
	}
	const mebibytesInGibibyte = 1024
	profile := fmt.Sprintf("%dg.%.0fgb", attributes.GpuInstanceSliceCount, math.Ceil(float64(attributes.MemorySizeMB)/mebibytesInGibibyte))
	if attributes.ComputeInstanceSliceCount != attributes.GpuInstanceSliceCount {
		profile = fmt.Sprintf("%dc.%s", attributes.ComputeInstanceSliceCount, profile)
	}
	return profile
}
