package attribution

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// configuration is what a Triton tells of one model.
type configuration struct {
	read     time.Time
	ensemble bool
	backend  string
	groups   []instanceGroup
}

// instanceGroup is a number of instances of a model, for each of the GPUs listed, which are numbered as CUDA numbers them for the
// server.
type instanceGroup struct {
	Kind    string `json:"kind"`
	Count   int    `json:"count"`
	GPUs    []int  `json:"gpus"`
	Passive bool   `json:"passive"`
}

const (
	kindGPU = "KIND_GPU"
	kindCPU = "KIND_CPU"
)

// keepToCPU are the backends of which an instance for the CPU leaves the GPUs alone. Others choose GPUs by settings of their own,
// whatever the kind: TensorRT-LLM's instances are for the CPU and compute on GPUs.
var keepToCPU = []string{"onnxruntime", "pytorch", "tensorflow", "openvino", "fil"}

// partOn is which part of what the model computes it computes on a GPU, given the uuids of the server's GPUs as CUDA numbers them: the
// part of its instances that are there, as Triton gives each instance about as much. Without an order it is the part on any GPU.
// What does not say where its instances are may compute on every GPU.
func (c configuration) partOn(device string, order []string) float64 {
	here, all := 0, 0
	for _, g := range c.groups {
		if g.Passive {
			continue
		}
		switch count := max(g.Count, 1); {
		case g.Kind == kindCPU && slices.Contains(keepToCPU, c.backend):
			all += count
		case g.Kind != kindGPU || len(g.GPUs) == 0:
			return 1
		default:
			all += count * len(g.GPUs)
			for _, gpu := range g.GPUs {
				if order == nil || order[gpu] == device {
					here += count
				}
			}
		}
	}
	if all == 0 {
		return 1
	}
	return float64(here) / float64(all)
}

// fits is whether all GPUs of the model are in the order.
func (c configuration) fits(order []string) bool {
	return !slices.ContainsFunc(c.groups, func(g instanceGroup) bool {
		return slices.ContainsFunc(g.GPUs, func(gpu int) bool { return gpu < 0 || gpu >= len(order) })
	})
}

// gpus are those that the model has instances on, in order and each once.
func (c configuration) gpus() []int {
	var all []int
	for _, g := range c.groups {
		all = append(all, g.GPUs...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// visible is what a server's environment says about how CUDA numbers its GPUs.
type visible struct {
	// known is whether the environment could be read.
	known bool
	// devices is CUDA_VISIBLE_DEVICES, empty if it is not set.
	devices string
	// byBus is whether CUDA numbers in the order of the bus, as the driver does, and not the fastest first.
	byBus bool
}

func visibleTo(p *process) visible {
	v := visible{devices: p.variable("CUDA_VISIBLE_DEVICES"), byBus: p.variable("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"}
	v.known = p.environmentErr == nil
	return v
}

// used is a GPU that a server's processes use.
type used struct{ device, index, product string }

// Why it is not certain how CUDA numbers the GPUs of a server.
const (
	unreadEnvironment = "its environment must not be read; run as root or with the capability SYS_PTRACE"
	severalSlices     = "it uses several MIG devices"
	severalProducts   = "its GPUs are of different products; set CUDA_DEVICE_ORDER=PCI_BUS_ID in its environment"
	otherVisible      = "CUDA_VISIBLE_DEVICES in its environment does not name each of the GPUs that it uses once"
	otherConfigured   = "a model has instances on a GPU that the process does not use"
)

// order is the uuids of a server's GPUs as CUDA numbers them for it, nil with the reason if that is not certain. Triton has a
// context on each GPU that it sees, so that those that it uses are all that there are.
func (v visible) order(gpus []used) (order []string, uncertain string) {
	gpus = slices.SortedFunc(slices.Values(gpus), func(a, b used) int {
		return cmp.Or(cmp.Compare(len(a.index), len(b.index)), cmp.Compare(a.index, b.index), cmp.Compare(a.device, b.device))
	})
	if len(gpus) == 1 {
		return []string{gpus[0].device}, ""
	}
	if !v.known {
		return nil, unreadEnvironment
	}
	if slices.ContainsFunc(gpus, func(g used) bool { return strings.HasPrefix(g.device, "MIG-") }) {
		return nil, severalSlices
	}
	var entries []string
	if v.devices != "" {
		entries = strings.Split(v.devices, ",")
	}
	if len(entries) > 0 && !slices.ContainsFunc(entries, func(e string) bool { return !strings.HasPrefix(strings.TrimSpace(e), "GPU-") }) {
		return byID(gpus, entries), ""
	}
	if !v.byBus && slices.ContainsFunc(gpus, func(g used) bool { return g.product != gpus[0].product }) {
		return nil, severalProducts
	}
	if len(entries) == 0 {
		return byNumber(gpus, nil), ""
	}
	numbers := make([]int, len(entries))
	for i, e := range entries {
		n, err := strconv.Atoi(strings.TrimSpace(e))
		if err != nil || n < 0 || slices.Contains(numbers[:i], n) {
			return nil, otherVisible
		}
		numbers[i] = n
	}
	if len(numbers) != len(gpus) {
		return nil, otherVisible
	}
	return byNumber(gpus, numbers), ""
}

// byID finds each entry's GPU by its uuid or the beginning of it. One that no process uses stays empty.
func byID(gpus []used, entries []string) []string {
	out := make([]string, len(entries))
	for i, e := range entries {
		for _, g := range gpus {
			if strings.HasPrefix(g.device, strings.TrimSpace(e)) {
				out[i] = g.device
			}
		}
	}
	return out
}

// byNumber puts GPUs, which are in the order of their indexes, in that of the numbers. In a container these count other GPUs than
// the driver does, but in the same order.
func byNumber(gpus []used, numbers []int) []string {
	ranks := slices.Sorted(slices.Values(numbers))
	out := make([]string, len(gpus))
	for i, g := range gpus {
		at := i
		if numbers != nil {
			at = slices.Index(numbers, ranks[i])
		}
		out[at] = g.device
	}
	return out
}
