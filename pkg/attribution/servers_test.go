package attribution_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/attribution"
)

// server is a metrics page whose text a test sets, and the configurations of its models: pipe… are ensembles.
type server struct {
	*httptest.Server
	port  int
	page  atomic.Value
	asked atomic.Int64
	// configurations counts how often one was asked for.
	configurations atomic.Int64
}

// configuration is what Triton answers about a model.
func configuration(w http.ResponseWriter, model string) {
	platform := "onnxruntime_onnx"
	if strings.HasPrefix(model, "pipe") {
		platform = "ensemble"
	}
	_, _ = fmt.Fprintf(w, `{"name":%q,"platform":%q,"max_batch_size":8}`, model, platform)
}

func startServer(t *testing.T, page string) *server {
	t.Helper()
	s := &server{}
	s.page.Store(page)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, isModel := strings.CutPrefix(r.URL.Path, "/v2/models/"); isModel {
			s.configurations.Add(1)
			configuration(w, strings.TrimSuffix(name, "/config"))
			return
		}
		s.asked.Add(1)
		_, _ = w.Write([]byte(s.page.Load().(string)))
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	require.NoError(t, err)
	s.port, err = strconv.Atoi(u.Port())
	require.NoError(t, err)
	return s
}

// computed is a page of Triton's with microseconds computed by model/version.
func computed(of map[string]int) string {
	page := "# TYPE nv_inference_compute_infer_duration_us counter\n"
	for key, us := range of {
		model, version, _ := strings.Cut(key, "/")
		page += fmt.Sprintf("nv_inference_compute_infer_duration_us{model=%q,version=%q} %d\n", model, version, us)
	}
	return page
}

// run runs an attributor until the test ends.
func run(t *testing.T, s attribution.Settings) *attribution.Attributor {
	t.Helper()
	if s.Interval == 0 {
		s.Interval = 50 * time.Millisecond
	}
	if s.Timeout == 0 {
		s.Timeout = 2 * time.Second
	}
	a := attributor(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	})
	return a
}

func tritonAt(pid, port int) proc {
	return proc{pid: pid, parent: 1, arguments: []string{"/opt/tritonserver/bin/tritonserver", "--metrics-port=" + strconv.Itoa(port), "--http-port=" + strconv.Itoa(port)}}
}

// byModel is what shares of one device say, by model/version.
func byModel(shares []attribution.ModelShare) map[string]attribution.ModelShare {
	out := map[string]attribution.ModelShare{}
	for _, s := range shares {
		out[s.Model+"/"+s.Version] = s
	}
	return out
}

func TestModelsShareAServer(t *testing.T) {
	s := startServer(t, computed(map[string]int{"a/1": 1_000_000, "b/1": 3_000_000, "b/2": 0}))
	tr := newTree(t)
	tr.add(tritonAt(11, s.port))
	a := run(t, attribution.Settings{Procfs: tr.root, Window: time.Hour})
	var shares map[string]attribution.ModelShare
	sharesOnce := func(until func() bool) {
		require.Eventually(t, func() bool {
			_, all, problems := a.Attribute(t.Context(), using(11))
			require.Empty(t, problems)
			shares = byModel(all)
			return until()
		}, patience, often)
	}

	sharesOnce(func() bool { return len(shares) > 1 })
	require.Len(t, shares, 4)
	require.Equal(t, 0.5, shares["/"].Utilization, "nothing is known yet of what the models compute now")
	require.Equal(t, []float64{250, 750, 0}, []float64{shares["a/1"].MemoryBytes, shares["b/1"].MemoryBytes, shares["b/2"].MemoryBytes})

	s.page.Store(computed(map[string]int{"a/1": 1_600_000, "b/1": 3_000_000, "b/2": 200_000}))
	sharesOnce(func() bool { return shares["/"].Utilization == 0 })
	require.Len(t, shares, 3)
	require.InDelta(t, 0.375, shares["a/1"].Utilization, 1e-12)
	require.Zero(t, shares["b/1"].Utilization)
	require.InDelta(t, 0.125, shares["b/2"].Utilization, 1e-12)
	for _, share := range shares {
		require.Equal(t, "estimated", share.Provenance)
		require.Equal(t, "triton", share.Server)
	}

	s.page.Store(computed(map[string]int{"b/1": 3_000_000}))
	sharesOnce(func() bool { return len(shares) == 1 })
	require.Equal(t, "measured", shares["b/1"].Provenance, "the only model has the whole process")

	s.page.Store(computed(nil))
	sharesOnce(func() bool { return shares["/"].PID == 11 })
	require.Equal(t, "measured", shares["/"].Provenance)
}

// TestModelsWithProcessesOfTheirOwn has Python models beside others: the server's own process is shared among the others.
func TestModelsWithProcessesOfTheirOwn(t *testing.T) {
	s := startServer(t, computed(map[string]int{"python/1": 9_000_000, "onnx/1": 1_000_000, "plan/1": 3_000_000}))
	tr := newTree(t)
	tr.add(tritonAt(11, s.port))
	tr.add(proc{pid: 12, parent: 11, name: "triton_python_b", arguments: []string{"/b/triton_python_backend_stub", "/models/python/1/model.py", "python_0_0", "DEFAULT"}})
	a := run(t, attribution.Settings{Procfs: tr.root, Window: time.Hour})
	var shares map[string]attribution.ModelShare
	require.Eventually(t, func() bool {
		_, all, problems := a.Attribute(t.Context(), using(11))
		require.Empty(t, problems)
		shares = byModel(all)
		return len(shares) > 1
	}, patience, often)
	require.NotContains(t, shares, "python/1")
	require.Equal(t, []float64{250, 750}, []float64{shares["onnx/1"].MemoryBytes, shares["plan/1"].MemoryBytes})
	_, all, _ := a.Attribute(t.Context(), using(12))
	require.Equal(t, "measured", byModel(all)["python/1"].Provenance)
}

// TestModelsMoveOut has a model that is reloaded with another backend, while the server runs.
func TestModelsMoveOut(t *testing.T) {
	s := startServer(t, computed(map[string]int{"a/1": 1_000_000, "b/1": 3_000_000}))
	tr := newTree(t)
	tr.add(tritonAt(11, s.port))
	a := run(t, attribution.Settings{Procfs: tr.root})
	models := func(wanted int) map[string]attribution.ModelShare {
		var shares map[string]attribution.ModelShare
		require.Eventually(t, func() bool {
			_, all, _ := a.Attribute(t.Context(), using(11))
			shares = byModel(all)
			delete(shares, "/")
			return len(shares) == wanted
		}, patience, often)
		return shares
	}
	models(2)
	tr.add(proc{pid: 12, parent: 11, arguments: []string{"/b/triton_python_backend_stub", "/models/c/1/model.py", "c_0_0", "DEFAULT"}})
	tr.add(proc{pid: 13, parent: 11, arguments: []string{"/b/triton_python_backend_stub", "/models/b/1/model.py", "b_0_0", "DEFAULT"}})
	s.page.Store(computed(map[string]int{"a/1": 1_000_000, "b/1": 0, "c/1": 0}))
	require.Contains(t, models(1), "a/1")
}

// TestWindow has a model that computed long ago, and a server that answers no more.
func TestWindow(t *testing.T) {
	page := map[string]int{"a/1": 1_000_000, "b/1": 1_000_000}
	s := startServer(t, computed(page))
	tr := newTree(t)
	tr.add(tritonAt(11, s.port))
	a := run(t, attribution.Settings{Procfs: tr.root, Window: 200 * time.Millisecond})
	utilization := func(what string, wanted func(a, b, none float64) bool) (problems []error) {
		require.Eventually(t, func() bool {
			var all []attribution.ModelShare
			_, all, problems = a.Attribute(t.Context(), using(11))
			shares := byModel(all)
			return wanted(shares["a/1"].Utilization, shares["b/1"].Utilization, shares["/"].Utilization)
		}, patience, often, what)
		return problems
	}
	utilization("nobody computes", func(_, _, none float64) bool { return none == 0.5 })
	compute := func(model string) {
		page[model] += 1000
		s.page.Store(computed(page))
	}
	utilization("a computes", func(a, _, _ float64) bool {
		compute("a/1")
		return a == 0.5
	})
	utilization("a has computed", func(_, _, none float64) bool { return none == 0.5 })
	page["b/1"] = 0
	utilization("b computes, on a counter that began anew", func(_, b, _ float64) bool {
		compute("b/1")
		return b == 0.5
	})

	s.Close()
	problems := utilization("no answer", func(a, b, none float64) bool { return a == 0 && b == 0 && none == 0.5 })
	require.Eventually(t, func() bool {
		var shares []attribution.ModelShare
		_, shares, problems = a.Attribute(t.Context(), using(11))
		return len(shares) == 1 && len(problems) == 1
	}, patience, often, "what was read long ago counts no more")
	problem(t, problems, attribution.ServerMetrics)
}

// TestServersOwnMemory has a server that knows the memory of its models: what is left is nobody's.
func TestServersOwnMemory(t *testing.T) {
	s := startServer(t, "compute{m=\"a\"} 1\ncompute{m=\"b\"} 1\nmemory{m=\"a\"} 100\nmemory{m=\"b\"} 300\ncompute{m=\"skipped\"} 5\n")
	tr := newTree(t)
	tr.add(proc{pid: 11, parent: 1, arguments: []string{"own"}})
	a := run(t, attribution.Settings{Procfs: tr.root, Rules: rules(t, fmt.Sprintf(
		`rules: [{server: own, match: {command_line: ^own}, metrics: {port: [{text: "%d"}], compute: compute, memory: memory, model_label: m, except: ^skip}}]`, s.port))})
	var shares map[string]attribution.ModelShare
	require.Eventually(t, func() bool {
		_, all, _ := a.Attribute(t.Context(), using(11))
		shares = byModel(all)
		return len(shares) == 3
	}, patience, often)
	require.Equal(t, []float64{100, 300, 600}, []float64{shares["a/"].MemoryBytes, shares["b/"].MemoryBytes, shares["/"].MemoryBytes})
}

// TestWorkers has TorchServe, whose page names the model of each worker.
func TestWorkers(t *testing.T) {
	page, err := os.ReadFile("testdata/torchserve-metrics.txt")
	require.NoError(t, err)
	s := startServer(t, string(page))
	tr := newTree(t)
	for pid, socket := range map[int]string{11: "/tmp/.ts.sock.9000", 12: "/tmp/.ts.sock.9001", 13: "/tmp/.ts.sock.9009"} {
		tr.add(proc{pid: pid, parent: 1, arguments: []string{"/usr/bin/python3", "/ts/model_service_worker.py", "--sock-type", "unix",
			"--sock-name", socket, "--metrics-config", "/ts/metrics.yaml"}})
	}
	known, err := attribution.DefaultRules()
	require.NoError(t, err)
	for _, rule := range known {
		if rule.Server == "torchserve" {
			rule.Metrics.Port = []attribution.Source{{Text: strconv.Itoa(s.port)}}
		}
	}
	a := run(t, attribution.Settings{Procfs: tr.root, Rules: known})
	var models []string
	require.Eventually(t, func() bool {
		_, shares, problems := a.Attribute(t.Context(), using(11, 12, 13))
		require.Empty(t, problems)
		models = nil
		for _, share := range shares {
			models = append(models, share.Model+"/"+share.Version)
		}
		return models[0] != "/"
	}, patience, often)
	require.Equal(t, []string{"fast/1.0", "slow/1.0", "/"}, models)
}

// TestSharesAddUp is the property that everything rests on, with servers at random: for each process and device, the shares
// are exactly what the driver said.
func TestSharesAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	tr := newTree(t)
	var servers []*server
	next := make([]map[string]int, 3)
	for i := range next {
		next[i] = map[string]int{}
		for m := range 2 + random.IntN(20) {
			next[i][fmt.Sprintf("m%d/%d", m, random.IntN(3))] = random.IntN(1_000_000)
		}
		s := startServer(t, computed(next[i]))
		servers = append(servers, s)
		tr.add(tritonAt(11+i, s.port))
	}
	a := run(t, attribution.Settings{Procfs: tr.root, Window: time.Hour})
	type key struct {
		device string
		pid    uint32
	}
	shared := 0
	for range 300 {
		for i, s := range servers {
			for model := range next[i] {
				next[i][model] += random.IntN(100_000)
			}
			s.page.Store(computed(next[i]))
		}
		var processes []attribution.Process
		for _, pid := range []uint32{11, 12, 13, 14} {
			for _, device := range []string{"GPU-0", "GPU-1"} {
				p := attribution.Process{Device: device, PID: pid, HasMemory: random.IntN(4) > 0, HasUtilization: random.IntN(4) > 0}
				if p.HasMemory {
					p.MemoryBytes = random.Uint64N(80 << 30)
				}
				if p.HasUtilization {
					p.Utilization = random.Float64()
				}
				processes = append(processes, p)
			}
		}
		_, shares, _ := a.Attribute(t.Context(), processes)
		memory, utilization := map[key]float64{}, map[key]float64{}
		for _, s := range shares {
			memory[key{s.Device, s.PID}] += s.MemoryBytes
			utilization[key{s.Device, s.PID}] += s.Utilization
			if s.Provenance == "estimated" {
				shared++
			}
		}
		for _, p := range processes {
			require.Equal(t, float64(p.MemoryBytes), memory[key{p.Device, p.PID}])
			require.Equal(t, p.Utilization, utilization[key{p.Device, p.PID}])
		}
		if shared < 100 {
			require.Eventually(t, func() bool { return servers[0].asked.Load() > 1 }, patience, often)
		}
	}
	require.NotZero(t, shared, "nothing was ever shared")
}

func TestServersThatCannotBeAsked(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	silent := listener.Addr().(*net.TCPAddr).Port
	defer func() { _ = listener.Close() }()
	closed := httptest.NewServer(nil)
	refused := closed.Listener.Addr().(*net.TCPAddr).Port
	closed.Close()
	answering := func(handler http.HandlerFunc) int {
		s := httptest.NewServer(handler)
		t.Cleanup(s.Close)
		return s.Listener.Addr().(*net.TCPAddr).Port
	}
	many := ""
	for i := range 2100 {
		many += fmt.Sprintf("nv_inference_compute_infer_duration_us{model=\"m%d\"} 1\n", i)
	}
	for name, c := range map[string]struct {
		port int
		want string
	}{
		"refused":   {refused, "refuse"},
		"silent":    {silent, "did not"},
		"not found": {answering(http.NotFound), "404"},
		"elsewhere": {answering(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://example.com/", http.StatusFound)
		}), "302"},
		"no page": {answering(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>{{{")) }), "no valid metrics page"},
		"too large": {answering(func(w http.ResponseWriter, _ *http.Request) {
			line := []byte(strings.Repeat("# comment\n", 1000))
			for range (16 << 20) / len(line) * 2 {
				if _, err := w.Write(line); err != nil {
					return
				}
			}
		}), "limit"},
		"too many models": {answering(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(many)) }), "the limit is 2000"},
		"no port":         {0, "from 1 to 65535"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTree(t)
			tr.add(tritonAt(11, c.port))
			timeout := 10 * time.Second
			if name == "silent" {
				timeout = 100 * time.Millisecond
			}
			a := run(t, attribution.Settings{Procfs: tr.root, Timeout: timeout})
			var problems []error
			require.Eventually(t, func() bool {
				var shares []attribution.ModelShare
				_, shares, problems = a.Attribute(t.Context(), using(11))
				require.Len(t, shares, 1)
				require.Equal(t, "triton", shares[0].Server)
				require.Empty(t, shares[0].Model)
				return len(problems) > 0
			}, patience, often)
			require.ErrorContains(t, problem(t, problems, attribution.ServerMetrics), c.want)
			require.NotContains(t, errors.Join(problems...).Error(), "..")
		})
	}
}
