package attribution_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/attribution"
)

// configured is a Triton that tells how its models are configured, in the words of its own answers.
type configured struct {
	backend string
	groups  []string
}

// instances is a group of a configuration's JSON.
func instances(kind string, count int, gpus ...int) string {
	return fmt.Sprintf(`{"name":"group_0","kind":%q,"count":%d,"gpus":[%s],"secondary_devices":[],"profile":[],"passive":false,"host_policy":""}`,
		kind, count, strings.Trim(strings.ReplaceAll(fmt.Sprint(gpus), " ", ","), "[]"))
}

func onGPUs(gpus ...int) configured {
	return configured{"tensorrt", []string{instances("KIND_GPU", 1, gpus...)}}
}

// tritonOf serves configurations, and answers its HTTP port.
func tritonOf(t *testing.T, models func(name string) configured) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/v2/models/"), "/config")
		m := models(name)
		_, _ = fmt.Fprintf(w, `{"name":%q,"platform":"","backend":%q,"max_batch_size":4,"instance_group":[%s],"parameters":{}}`,
			name, m.backend, strings.Join(m.groups, ","))
	}))
	t.Cleanup(s.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	return port
}

// usingGPUs is a process on several GPUs, given by index, each with a utilization of a half and 1000 bytes.
func usingGPUs(pid uint32, gpus ...int) []attribution.Process {
	var out []attribution.Process
	for _, i := range gpus {
		out = append(out, attribution.Process{Device: fmt.Sprintf("GPU-%x", 10+i), GPU: strconv.Itoa(i), Product: "H100", PID: pid,
			MemoryBytes: 1000, HasMemory: true, Utilization: 0.5, HasUtilization: true})
	}
	return out
}

// byDevice is the shares' memory, by device and model, without those that have none.
func byDevice(shares []attribution.ModelShare) map[string]map[string]float64 {
	out := map[string]map[string]float64{}
	for _, s := range shares {
		if s.MemoryBytes == 0 {
			continue
		}
		if out[s.Device] == nil {
			out[s.Device] = map[string]float64{}
		}
		out[s.Device][s.Model] += s.MemoryBytes
	}
	return out
}

// TestModelsOnSeveralGPUs has models a, b, c and d with instances on different GPUs, in whatever order CUDA numbers those.
func TestModelsOnSeveralGPUs(t *testing.T) {
	type devices = map[string]map[string]float64
	separate := map[string]configured{"a": onGPUs(0), "b": onGPUs(1), "c": onGPUs(0, 1), "d": onGPUs(1)}
	// By the time computed: a 1, b 1, c 4, d 2; of c, a half on each.
	apart, swapped := devices{"GPU-a": {"a": 333, "c": 667}, "GPU-b": {"b": 200, "c": 400, "d": 400}},
		devices{"GPU-b": {"a": 333, "c": 667}, "GPU-a": {"b": 200, "c": 400, "d": 400}}
	alike := map[string]float64{"a": 125, "b": 125, "c": 500, "d": 250}
	everywhere := devices{"GPU-a": alike, "GPU-b": alike}
	of := func(backend string, groups ...string) configured { return configured{backend, groups} }
	for name, c := range map[string]struct {
		models      map[string]configured
		environment []string
		change      func([]attribution.Process)
		want        devices
		problem     string
	}{
		"all in the driver's order":   {models: separate, want: apart},
		"chosen by number":            {models: separate, environment: []string{"CUDA_VISIBLE_DEVICES=4, 7"}, want: apart},
		"chosen in another order":     {models: separate, environment: []string{"CUDA_VISIBLE_DEVICES=3,2"}, want: swapped},
		"chosen by id":                {models: separate, environment: []string{"CUDA_VISIBLE_DEVICES=GPU-b,GPU-a"}, want: swapped},
		"chosen twice":                {models: separate, environment: []string{"CUDA_VISIBLE_DEVICES=1,1"}, want: everywhere, problem: "CUDA_VISIBLE_DEVICES"},
		"chosen with more than there": {models: separate, environment: []string{"CUDA_VISIBLE_DEVICES=0,1,2"}, want: everywhere, problem: "CUDA_VISIBLE_DEVICES"},
		"different products":          {models: separate, change: func(ps []attribution.Process) { ps[1].Product = "L4" }, want: everywhere, problem: "CUDA_DEVICE_ORDER=PCI_BUS_ID"},
		"different products by bus": {models: separate, environment: []string{"CUDA_DEVICE_ORDER=PCI_BUS_ID"},
			change: func(ps []attribution.Process) { ps[1].Product = "L4" }, want: apart},
		"slices": {models: separate, change: func(ps []attribution.Process) { ps[0].Device, ps[1].Device = "MIG-a", "MIG-b" },
			want: devices{"MIG-a": alike, "MIG-b": alike}, problem: "several MIG devices"},
		"a GPU that the process does not use": {models: map[string]configured{"a": onGPUs(0), "b": onGPUs(1), "c": onGPUs(2), "d": onGPUs(1)}, want: everywhere, problem: "on a GPU that the process does not use"},
		"no instances told": {models: map[string]configured{"a": onGPUs(0), "b": of("tensorrt"), "c": onGPUs(0), "d": onGPUs(0)},
			want: devices{"GPU-a": alike, "GPU-b": {"b": 1000}}},
		"a GPU without models": {models: map[string]configured{"a": onGPUs(0), "b": onGPUs(0), "c": onGPUs(0), "d": onGPUs(0)},
			want: devices{"GPU-a": alike, "GPU-b": {"": 1000}}},
		"instances of any kind": {models: map[string]configured{"a": onGPUs(0), "b": onGPUs(0), "c": of("vllm", instances("KIND_MODEL", 1)), "d": onGPUs(1)},
			want: devices{"GPU-a": {"a": 167, "b": 166, "c": 667}, "GPU-b": {"c": 667, "d": 333}}},
		"instances for the CPU": {models: map[string]configured{"a": onGPUs(0), "b": onGPUs(1), "c": of("onnxruntime", instances("KIND_CPU", 2)), "d": onGPUs(0)},
			want: devices{"GPU-a": {"a": 333, "d": 667}, "GPU-b": {"b": 1000}}},
		"a part for the CPU": {models: map[string]configured{"a": onGPUs(0), "b": onGPUs(0),
			"c": of("onnxruntime", instances("KIND_CPU", 2), instances("KIND_GPU", 1, 0, 1)), "d": onGPUs(1)},
			want: devices{"GPU-a": {"a": 333, "b": 334, "c": 333}, "GPU-b": {"c": 333, "d": 667}}},
		"a backend that chooses for itself": {models: map[string]configured{"a": onGPUs(0), "b": onGPUs(0), "c": of("tensorrtllm", instances("KIND_CPU", 1)), "d": onGPUs(0)},
			want: devices{"GPU-a": alike, "GPU-b": {"c": 1000}}},
		"all for the CPU": {models: map[string]configured{"a": of("fil", instances("KIND_CPU", 1)), "b": of("fil", instances("KIND_CPU", 1)),
			"c": of("fil", instances("KIND_CPU", 1)), "d": of("fil", instances("KIND_CPU", 1))}, want: everywhere},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := startServer(t, computed(map[string]int{"a/1": 1_000_000, "b/1": 1_000_000, "c/1": 4_000_000, "d/1": 2_000_000}))
			tr := newTree(t)
			tr.add(proc{pid: 11, parent: 1, environment: c.environment, arguments: []string{"tritonserver",
				"--metrics-port", strconv.Itoa(page.port), "--http-port", tritonOf(t, func(name string) configured { return c.models[name] })}})
			a := run(t, attribution.Settings{Procfs: tr.root})
			processes := usingGPUs(11, 0, 1)
			if c.change != nil {
				c.change(processes)
			}
			got, problems := shared(t, a, processes)
			if c.problem == "" {
				require.Empty(t, problems)
			} else {
				require.ErrorContains(t, problem(t, problems, attribution.ServerMetrics), c.problem)
			}
			require.Len(t, got, len(c.want))
			for device, models := range c.want {
				require.Len(t, got[device], len(models), "%v", got)
				total := 0.0
				for model, bytes := range models {
					require.InDelta(t, bytes, got[device][model], 1, "%s on %s", model, device)
					total += got[device][model]
				}
				require.Equal(t, 1000.0, total, "the parts add up")
			}
		})
	}
}

// shared are the shares of processes once they are shared out.
func shared(t *testing.T, a *attribution.Attributor, processes []attribution.Process) (got map[string]map[string]float64, problems []error) {
	t.Helper()
	require.Eventually(t, func() bool {
		var all []attribution.ModelShare
		_, all, problems = a.Attribute(t.Context(), processes)
		got = byDevice(all)
		return slices.ContainsFunc(all, func(s attribution.ModelShare) bool { return s.Model != "" })
	}, patience, often)
	return got, problems
}

// TestUtilizationOfGPUsGoesToTheirModels has models that compute at the same time on GPUs of their own.
func TestUtilizationOfGPUsGoesToTheirModels(t *testing.T) {
	ran := map[string]int{"a/1": 1_000_000, "b/1": 1_000_000}
	page := startServer(t, computed(ran))
	port := tritonOf(t, func(name string) configured { return map[string]configured{"a": onGPUs(0), "b": onGPUs(1)}[name] })
	tr := newTree(t)
	tr.add(proc{pid: 11, parent: 1, arguments: []string{"tritonserver", "--metrics-port", strconv.Itoa(page.port), "--http-port", port}})
	a := run(t, attribution.Settings{Procfs: tr.root, Window: time.Hour})
	processes := usingGPUs(11, 0, 1)
	processes[1].Utilization = 0.125
	shared(t, a, processes)
	_, all, problems := a.Attribute(t.Context(), processes)
	require.Empty(t, problems)
	want := func(device, model string, utilization float64) attribution.ModelShare {
		return attribution.ModelShare{Device: device, PID: 11, Server: "triton", Model: model, Version: "1", Provenance: attribution.Estimated,
			MemoryBytes: 1000, HasMemory: true, Utilization: utilization, HasUtilization: true}
	}
	require.ElementsMatch(t, []attribution.ModelShare{want("GPU-a", "a", 0.5), want("GPU-b", "b", 0.125)}, all)
}

// TestUnreadableEnvironment leaves open how CUDA numbers GPUs: each is shared out alike.
func TestUnreadableEnvironment(t *testing.T) {
	page := startServer(t, computed(map[string]int{"a/1": 1_000_000, "b/1": 1_000_000}))
	port := tritonOf(t, func(name string) configured { return map[string]configured{"a": onGPUs(0), "b": onGPUs(1)}[name] })
	tr := newTree(t)
	tr.add(proc{pid: 11, parent: 1, arguments: []string{"tritonserver", "--metrics-port", strconv.Itoa(page.port), "--http-port", port}})
	require.NoError(t, os.Remove(tr.root+"/11/environ"))
	require.NoError(t, os.Mkdir(tr.root+"/11/environ", 0o755))
	a := run(t, attribution.Settings{Procfs: tr.root})
	alike := map[string]float64{"a": 500, "b": 500}
	got, problems := shared(t, a, usingGPUs(11, 0, 1))
	require.Equal(t, map[string]map[string]float64{"GPU-a": alike, "GPU-b": alike}, got)
	require.ErrorContains(t, problem(t, problems, attribution.ServerMetrics), "SYS_PTRACE")
	got, problems = shared(t, a, usingGPUs(11, 1))
	require.Equal(t, map[string]map[string]float64{"GPU-b": alike}, got, "a single GPU")
	require.Empty(t, problems)
}

// TestServersOwnMemoryOnSeveralGPUs has a server that knows the memory of its models: on each GPU what is left is nobody's.
func TestServersOwnMemoryOnSeveralGPUs(t *testing.T) {
	page := startServer(t, "compute{m=\"a\"} 1\ncompute{m=\"b\"} 1\nmemory{m=\"a\"} 300\nmemory{m=\"b\"} 800\n")
	port := tritonOf(t, func(name string) configured { return map[string]configured{"a": onGPUs(0), "b": onGPUs(0, 1)}[name] })
	tr := newTree(t)
	tr.add(proc{pid: 11, parent: 1, arguments: []string{"own"}})
	a := run(t, attribution.Settings{Procfs: tr.root, Rules: rules(t, fmt.Sprintf(
		`rules: [{server: own, match: {command_line: ^own}, metrics: {port: [{text: "%d"}], compute: compute, memory: memory, model_label: m, ensembles: {port: [{text: "%s"}]}}}]`,
		page.port, port))})
	got, problems := shared(t, a, usingGPUs(11, 0, 1))
	require.Empty(t, problems)
	require.Equal(t, map[string]map[string]float64{"GPU-a": {"a": 300, "b": 400, "": 300}, "GPU-b": {"b": 1000}}, got)
}

// TestConfigurationsAreAskedForAgain has a model that is moved to another GPU while its server runs.
func TestConfigurationsAreAskedForAgain(t *testing.T) {
	page := startServer(t, computed(map[string]int{"a/1": 1_000_000, "b/1": 1_000_000}))
	var gpu atomic.Int64
	port := tritonOf(t, func(name string) configured {
		if name == "a" {
			return onGPUs(0)
		}
		return onGPUs(int(gpu.Load()))
	})
	tr := newTree(t)
	tr.add(proc{pid: 11, parent: 1, arguments: []string{"tritonserver", "--metrics-port", strconv.Itoa(page.port), "--http-port", port}})
	a := run(t, attribution.Settings{Procfs: tr.root})
	got, _ := shared(t, a, usingGPUs(11, 0, 1))
	require.Contains(t, got["GPU-a"], "b")
	gpu.Store(1)
	attribution.AgeConfigurations(a, time.Hour)
	require.Eventually(t, func() bool {
		_, all, _ := a.Attribute(t.Context(), usingGPUs(11, 0, 1))
		got := byDevice(all)
		_, still := got["GPU-a"]["b"]
		return !still && got["GPU-b"]["b"] == 1000
	}, patience, often)
}
