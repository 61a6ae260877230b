// Package fakenvml is a fake of NVIDIA's management library, libnvidia-ml.so.1, for tests on hosts without a GPU. It is a real
// shared library, built from C against the header that go-nvml has, so that loading, calls and error codes are NVML's own; what
// it answers is in a scenario file, which it reads again whenever the file changes.
package fakenvml

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// LibraryName is what programs load.
const LibraryName = "libnvidia-ml.so.1"

// ScenarioVariable is the environment variable that names the scenario file for the fake.
const ScenarioVariable = "FAKENVML_SCENARIO"

// Options of a build.
type Options struct {
	// OldDriver leaves out functions that older drivers do not have.
	OldDriver bool
}

// Build compiles the fake into a folder, in which it is found as LibraryName: LD_LIBRARY_PATH is to name the folder. It needs
// gcc; root is the project's.
func Build(ctx context.Context, root, folder string, options Options) error {
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/NVIDIA/go-nvml")
	list.Dir = root
	module, err := list.Output()
	if err != nil {
		return fmt.Errorf("fakenvml: find go-nvml, which has NVML's header: %w", err)
	}
	sources, err := filepath.Glob(filepath.Join(root, "tests", "fakenvml", "library", "*.c"))
	if err != nil {
		return err
	}
	args := []string{
		"-std=c11", "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-Wl,-soname," + LibraryName,
		"-I" + filepath.Join(strings.TrimSpace(string(module)), "pkg", "nvml"), "-o", filepath.Join(folder, LibraryName),
	}
	if options.OldDriver {
		args = append(args, "-DFAKENVML_OLD_DRIVER")
	}
	if output, err := exec.CommandContext(ctx, "gcc", append(append(args, sources...), "-lpthread")...).CombinedOutput(); err != nil {
		return fmt.Errorf("fakenvml: gcc: %w\n%s", err, output)
	}
	return nil
}

// Scenario is what the fake answers.
type Scenario struct {
	Host
	GPUs      []GPU
	Processes []Process
	Faults    []Fault
	Events    []Event
}

// Host is the driver. Init is what nvmlInit returns, a code of NVML's.
type Host struct {
	Driver string `key:"driver"`
	NVML   string `key:"nvml"`
	CUDA   int    `key:"cuda"`
	Init   int    `key:"init"`
}

// GPU is one GPU; its index is its place in the list. Memory is in bytes.
type GPU struct {
	UUID              string `key:"uuid"`
	Bus               string `key:"bus"`
	Total             uint64 `key:"total"`
	Reserved          uint64 `key:"reserved"`
	Used              uint64 `key:"used"`
	BAR1Total         uint64 `key:"bar1_total"`
	BAR1Used          uint64 `key:"bar1_used"`
	PowerLimit        int    `key:"power_limit"` // mW
	Energy            uint64 `key:"energy"`      // mJ
	Temperature       int    `key:"temperature"`
	MemoryTemperature int    `key:"memory_temperature"`
	MemoryUtilization int    `key:"memory_utilization"` // percent
	Encoder           int    `key:"encoder"`
	Decoder           int    `key:"decoder"`
	ClockGraphics     int    `key:"clock_graphics"` // MHz
	ClockSM           int    `key:"clock_sm"`
	ClockMemory       int    `key:"clock_memory"`
	ClockVideo        int    `key:"clock_video"`
	Reasons           uint64 `key:"reasons"` // bits
	PCIeTransmit      int    `key:"pcie_tx"` // KB/s
	PCIeReceive       int    `key:"pcie_rx"`
	PCIeReplays       int    `key:"pcie_replays"`
	ECCCorrected      int    `key:"ecc_corrected"`
	ECCUncorrected    int    `key:"ecc_uncorrected"`
	NVLinks           int    `key:"nvlinks"`
	NVLinkTransmit    uint64 `key:"nvlink_tx"` // KiB
	NVLinkReceive     uint64 `key:"nvlink_rx"`
	Accounting        bool   `key:"accounting"`
	GPM               bool   `key:"gpm"`
	MIGEnabled        bool   `key:"mig_enabled"`
	// SampleMicroseconds is how long each value of Utilization (percent) and Power (mW) lasts; they repeat. 0: NVML keeps no
	// buffer of them, and the first value holds.
	SampleMicroseconds int    `key:"sample_us"`
	Utilization        []int  `key:"utilization"`
	Power              []int  `key:"power"`
	Name               string `key:"name"`
	MIG                []MIG
}

// MIG is a MIG device.
type MIG struct {
	UUID            string `key:"uuid"`
	GPUInstance     int    `key:"gi"`
	ComputeInstance int    `key:"ci"`
	Slices          int    `key:"slices"`
	ComputeSlices   int    `key:"compute_slices"`
	Total           uint64 `key:"total"`
	Reserved        uint64 `key:"reserved"`
	Used            uint64 `key:"used"`
	Utilization     int    `key:"utilization"`
	Name            string `key:"name"`
}

// NoInstance is the instance of a process on a whole GPU.
const NoInstance = 0xFFFFFFFF

// MemoryNotAvailable is a process's memory where the driver does not tell it.
const MemoryNotAvailable = ^uint64(0)

// Process is a process on a GPU. List is compute, graphics or mps.
type Process struct {
	GPU             int    `key:"gpu"`
	PID             int    `key:"pid"`
	Memory          uint64 `key:"memory"`
	Utilization     int    `key:"utilization"` // percent
	GPUInstance     int    `key:"gi"`
	ComputeInstance int    `key:"ci"`
	List            string `key:"list"`
}

// Fault lets a function of NVML, by its name with its version, or all about a device (*), return a code, or take its time. GPU
// is -1 for all.
type Fault struct {
	Call              string `key:"call"`
	GPU               int    `key:"gpu"`
	Result            int    `key:"result"`
	DelayMilliseconds int    `key:"delay_ms"`
}

// Event is handed out once to everybody who waits when it appears. IDs rise.
type Event struct {
	ID   int    `key:"id"`
	GPU  int    `key:"gpu"`
	Type uint64 `key:"type"`
	Data uint64 `key:"data"`
}

// Write puts the scenario into a file, all at once for those who read it meanwhile.
func (s Scenario) Write(path string) error {
	var text strings.Builder
	line := func(word string, of any) { text.WriteString(word + values(of) + "\n") }
	line("host", s.Host)
	for i, gpu := range s.GPUs {
		line(fmt.Sprintf("gpu %d", i), gpu)
		for slot, mig := range gpu.MIG {
			line(fmt.Sprintf("mig %d %d", i, slot), mig)
		}
	}
	for _, p := range s.Processes {
		line("process", p)
	}
	for _, f := range s.Faults {
		line("fault", f)
	}
	for _, e := range s.Events {
		line("event", e)
	}
	if err := os.WriteFile(path+".new", []byte(text.String()), 0o644); err != nil { //nolint:gosec // read by programs of other users
		return err
	}
	return os.Rename(path+".new", path)
}

// values writes the fields of a struct that have a key; empty texts and lists are left out.
func values(of any) string {
	var out strings.Builder
	v := reflect.ValueOf(of)
	for i := range v.NumField() {
		key, field := v.Type().Field(i).Tag.Get("key"), v.Field(i)
		if key == "" || ((field.Kind() == reflect.String || field.Kind() == reflect.Slice) && field.Len() == 0) {
			continue
		}
		out.WriteString(" " + key + "=" + value(field))
	}
	return out.String()
}

func value(field reflect.Value) string {
	switch field.Kind() {
	case reflect.Bool:
		if field.Bool() {
			return "1"
		}
		return "0"
	case reflect.Slice:
		var all []string
		for i := range field.Len() {
			all = append(all, strconv.FormatInt(field.Index(i).Int(), 10))
		}
		return strings.Join(all, ",")
	}
	return fmt.Sprint(field.Interface())
}
