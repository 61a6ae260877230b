package blackbox

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
	"github.com/coldhit/modelserving-datasource/tests/captures"
)

// vllm is a page on which a model gets so many requests between two scrapes.
func vllm(name string, fast, slow, failed int) string {
	return fmt.Sprintf(`vllm:num_requests_running{model_name=%[1]q} 1
vllm:request_success_total{model_name=%[1]q,finished_reason="stop"} +%[2]d
vllm:request_success_total{model_name=%[1]q,finished_reason="error"} +%[3]d
vllm:e2e_request_latency_seconds_bucket{model_name=%[1]q,le="0.1"} +%[4]d
vllm:e2e_request_latency_seconds_bucket{model_name=%[1]q,le="5"} +%[2]d
vllm:e2e_request_latency_seconds_bucket{model_name=%[1]q,le="+Inf"} +%[2]d
vllm:e2e_request_latency_seconds_count{model_name=%[1]q} +%[2]d
`, name, fast+slow, failed, fast)
}

var (
	wellPage    = vllm("llama", 20, 0, 0)
	slowPage    = vllm("llama", 2, 18, 0)
	failingPage = vllm("llama", 10, 0, 10)
	idlePage    = vllm("llama", 0, 0, 0)
)

// mesh is a page of a model cache in which so many of 100 requests miss, and so many loads and evictions follow.
func mesh(misses, loads, evictions int) string {
	return fmt.Sprintf(`modelmesh_models_loaded_total 3
modelmesh_api_request_milliseconds_count{modelId="iris",code="OK"} +100
modelmesh_cache_miss_milliseconds_count{modelId="iris"} +%d
modelmesh_loadmodel_milliseconds_count{modelId="iris"} +%d
modelmesh_age_at_eviction_milliseconds_count{modelId="iris"} +%d
`, misses, loads, evictions)
}

func replicas(active, starting, desired, greatest int) string {
	return fmt.Sprintf(`modelserving_model_resident{model="llama",version="1"} 1
modelserving_replicas{model="llama",version="1",state="active"} %d
modelserving_replicas{model="llama",version="1",state="starting"} %d
modelserving_replicas{model="llama",version="1",state="desired"} %d
modelserving_replicas{model="llama",version="1",state="max"} %d
`, active, starting, desired, greatest)
}

const (
	budgetOf  = "error-budget-burn-"
	recordAll = `modelserving_recorder_models_limit 100
modelserving_requests_total{model="gone",code="404",start="unknown"} +10
modelserving_model_resident{model="gone",version="1"} 0
modelserving_model_resident{model="other",version="1"} 1
`
	servedAgain = `modelserving_recorder_models_limit 100
modelserving_requests_total{model="gone",code="200",start="unknown"} +10
modelserving_requests_total{model="gone",code="404",start="unknown"} +0
modelserving_model_resident{model="gone",version="1"} 1
modelserving_model_resident{model="other",version="1"} 1
`
	trained = "feature_requests_total{model_name=\"churn\"} +10\nmodel_trained_timestamp_seconds{model_name=\"churn\"} now-"
	queue   = "baseten_replicas_active{model_name=\"chat\"} 1\nbaseten_async_queue_size{model_name=\"chat\"} "
	gpu     = "nv_inference_request_success{model=\"a\"} +10\nnv_gpu_memory_total_bytes{gpu_uuid=\"0\"} 1000\nnv_gpu_memory_used_bytes{gpu_uuid=\"0\"} "
)

func burnsOf(model, objective string) []string {
	var out []string
	for _, rate := range []string{"fast-14x", "fast-6x", "slow-1x", "slow-3x"} {
		out = append(out, budgetOf+rate+": "+model+" "+objective)
	}
	return out
}

// faults are put in on purpose. Each is a fake server's page before, with the fault, and after, and exactly what fires.
var faults = map[string]struct {
	before, fault, after string
	want                 []string
}{
	"a slow model": {wellPage, slowPage, wellPage,
		append(burnsOf("llama", "response_time"), "response-time-over-objective: llama", "response-time-too-long: llama")},
	"a failing model": {wellPage, failingPage, wellPage, append(burnsOf("llama", "error_rate"), "error-rate-over-objective: llama")},
	"a cache too small": {mesh(2, 1, 0), mesh(30, 20, 10), mesh(2, 1, 0), []string{
		"cache-hit-below-objective: iris", "cache-hit-ratio-low: iris", "cold-load-rate-high: iris", budgetOf + "slow-1x: iris cache_hit_ratio", "evictions-sustained: demo"}},
	"servers that are gone":      {wellPage, "", wellPage, []string{"deployment-down: demo"}},
	"a model that is gone":       {servedAgain, recordAll, servedAgain, []string{"model-missing: gone"}},
	"a stale model":              {trained + "1h\n", trained + "72h\n", trained + "1h\n", []string{"model-stale: churn"}},
	"a queue that grows":         {queue + "0\n", queue + "+20\n", queue + "0\n", []string{"async-queue-growing: chat"}},
	"replicas that do not start": {replicas(2, 0, 2, 4), replicas(2, 1, 3, 4), replicas(2, 0, 2, 4), []string{"replicas-starting-too-long: demo"}},
	"a GPU that is full":         {gpu + "500\n", gpu + "990\n", gpu + "500\n", []string{"gpu-memory-near-full: demo"}},
}

// ownSource is a data source with one fake server, and a profile of its own for freshness.
func ownSource(uid string, f *fakeServer) driver.Source {
	s := driver.Embedded(uid, f.target("one", "demo"))
	s.JSON["profiles"] = []map[string]string{{"name": "features.yaml", "text": ownProfile}}
	return s
}

const (
	// waitForRules is for windows of up to 30 s to fill and to empty.
	waitForRules = 75 * time.Second
	askRules     = 500 * time.Millisecond
)

func TestFaultsFireExactlyTheirRules(t *testing.T) {
	t.Parallel()
	for name, c := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newFakeServer(t, c.before)
			p := driver.Start(t, binary, t.TempDir())
			s := ownSource("faults", server)
			e := export(t, p, s, quickly)
			quiet(t, p, s, e, 6*time.Second)
			server.show(c.fault)
			requireFiring(t, p, s, e, slices.Sorted(slices.Values(c.want)))
			server.show(c.after)
			requireFiring(t, p, s, e, []string{})
		})
	}
}

// requireFiring waits until exactly these rules fire.
func requireFiring(t *testing.T, p *driver.Plugin, s driver.Source, e exported, want []string) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) { require.Equal(c, want, e.firing(t, p, s)) }, waitForRules, askRules)
}

// quiet requires that nothing fires for a while.
func quiet(t *testing.T, p *driver.Plugin, s driver.Source, e exported, d time.Duration) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); <-time.After(askRules) {
		require.Empty(t, e.firing(t, p, s))
	}
}

func TestWhatNeverFiresARule(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]func(*fakeServer){
		"no traffic":         func(f *fakeServer) { f.show(idlePage) },
		"just unloaded":      func(f *fakeServer) { f.show(vllm("another", 20, 0, 0)) },
		"a restarted server": func(f *fakeServer) { f.restart() },
		"a gap in scraping": func(f *fakeServer) {
			f.show("")
			time.AfterFunc(5*time.Second, func() { f.show(wellPage) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newFakeServer(t, wellPage)
			p := driver.Start(t, binary, t.TempDir())
			s := ownSource("never", server)
			e := export(t, p, s, quickly)
			quiet(t, p, s, e, 8*time.Second)
			play(server)
			quiet(t, p, s, e, 20*time.Second)
		})
	}
}

// What one deployment reports of its replicas and another of its response times belongs to neither.
func TestNumbersOfTwoDeploymentsAreNotPutTogether(t *testing.T) {
	t.Parallel()
	scaled, served := newFakeServer(t, replicas(4, 0, 4, 4)), newFakeServer(t, slowPage)
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("two", scaled.target("one", "scaled"), served.target("two", "served"))
	e := export(t, p, s, quickly)
	requireFiring(t, p, s, e, slices.Sorted(slices.Values(
		append(burnsOf("llama", "response_time"), "response-time-over-objective: llama", "response-time-too-long: llama"))))

	// In one deployment they do.
	s.JSON["targets"] = []map[string]any{scaled.target("one", "demo"), served.target("two", "demo")}
	s.Updated = time.Now()
	requireFiring(t, p, s, e, slices.Sorted(slices.Values(
		append(burnsOf("llama", "response_time"), "response-time-over-objective: llama", "response-time-too-long: llama", "autoscaling-at-maximum: demo"))))
	for page, rule := range map[string]string{
		replicas(2, 0, 2, 4): "autoscaling-too-few-replicas: demo", replicas(2, 2, 4, 4): "autoscaling-cold-start-delay: demo",
	} {
		scaled.show(page)
		require.Eventually(t, func() bool { return slices.Contains(e.firing(t, p, s), rule) }, waitForRules, askRules, rule)
	}
}

func TestScalingToAndFroFires(t *testing.T) {
	t.Parallel()
	scaled, served := newFakeServer(t, replicas(2, 0, 2, 4)), newFakeServer(t, slowPage)
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("oscillates", scaled.target("one", "demo"), served.target("two", "demo"))
	e := export(t, p, s, "window=4s&period=1h&interval=10s&for=0s")
	up := false
	var got []string
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); <-time.After(8 * time.Second) {
		if got = e.firing(t, p, s); slices.Contains(got, "autoscaling-oscillates: demo") {
			break
		}
		up = !up
		scaled.show(map[bool]string{true: replicas(4, 0, 4, 4), false: replicas(2, 0, 2, 4)}[up])
	}
	require.Contains(t, got, "autoscaling-oscillates: demo")
	scaled.show(replicas(2, 0, 2, 4))
	require.Eventually(t, func() bool { return slices.Contains(e.firing(t, p, s), "autoscaling-scales-down-early: demo") }, waitForRules, askRules)
	require.Eventually(t, func() bool {
		got = e.firing(t, p, s)
		return !slices.Contains(got, "autoscaling-oscillates: demo") && !slices.Contains(got, "autoscaling-scales-down-early: demo")
	}, waitForRules, askRules)
}

// recordings serves what a real server said, the pages in turn.
func recordings(t *testing.T, server string, names ...string) map[string]any {
	t.Helper()
	var pages [][]byte
	for _, name := range names {
		pages = append(pages, captures.Recording(t, server, name))
	}
	var mu sync.Mutex
	n := 0
	url := handle(t, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = w.Write(pages[min(n/3, len(pages)-1)])
		n++
	}).URL
	one := unmanaged(t, server, url+"/metrics")
	one["deployment"] = server
	return one
}

// Every query of every rule answers without an error over recorded fleets, and an empty fleet gives none of them data.
func TestEveryQueryOfEveryRuleAnswers(t *testing.T) {
	t.Parallel()
	triton := func(t *testing.T) map[string]any {
		return recordings(t, "triton", "1-metrics-all-idle", "2-metrics-all-loaded")
	}
	torchserve := func(t *testing.T) map[string]any {
		return recordings(t, "torchserve", "1-metrics-idle", "2-metrics-loaded")
	}
	ray := func(t *testing.T) map[string]any {
		return recordings(t, "ray_serve", "1-before-traffic", "3-metrics-loaded")
	}
	chat := func(t *testing.T) map[string]any { return recordings(t, "vllm", "1-metrics-idle", "2-metrics-loaded") }
	for name, fleet := range map[string][]func(*testing.T) map[string]any{
		"triton": {triton}, "torchserve": {torchserve}, "ray": {ray}, "vllm": {chat}, "mixed": {triton, torchserve, ray, chat}, "empty": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := driver.Start(t, binary, t.TempDir())
			var targets []map[string]any
			for _, target := range fleet {
				targets = append(targets, target(t))
			}
			s := driver.Embedded("recorded", targets...)
			e := export(t, p, s, "window=30s")
			answered := 0
			ask := func() int {
				answered = 0
				for rule, responses := range e.asks(t, p, s) {
					for ref, r := range responses {
						require.NoError(t, r.Error, "%s %s", rule, ref)
						if len(valuesOf(r)) > 0 {
							answered++
						}
					}
				}
				return answered
			}
			if len(fleet) == 0 {
				require.Zero(t, ask())
				return
			}
			require.Eventually(t, func() bool { return ask() >= 5 }, waitForRules, 2*time.Second, "hardly any query has data")
		})
	}
}

func TestRulesAreExported(t *testing.T) {
	t.Parallel()
	server := newFakeServer(t, wellPage)
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("export", server.target("one", "demo"))
	s.JSON["objectives"] = map[string]any{"default": map[string]any{"staleness": "none"}, "overrides": []map[string]any{{"model": " llama-* ", "errorRate": "5%"}}}
	for query, sentence := range map[string]string{
		"":                                 `unknown format ""`,
		"format=json":                      `unknown format "json": choose grafana or prometheus`,
		"format=grafana&interval=7s":       "interval is",
		"format=grafana&windows=5m":        "unknown parameter windows",
		"format=prometheus&profiles=nginx": `there is no profile "nginx"`,
	} {
		status, answer := p.Call(s, "rules", query)
		require.Equal(t, 400, status, query)
		require.Contains(t, answer["message"], sentence)
	}
	viewer := s
	viewer.Role = "Viewer"
	status, answer := p.Call(viewer, "rules", "format=grafana")
	require.Equal(t, 403, status)
	require.Contains(t, answer["message"], "editors and administrators")
	editor := s
	editor.Role = "Editor"
	status, _ = p.CallMethod(editor, "GET", "rules", "format=grafana")
	require.Equal(t, 200, status)

	read := func(text []byte) string {
		_, errs := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
		require.Empty(t, errs, string(text))
		return string(text)
	}
	var text []byte
	require.Eventually(t, func() bool {
		status, text = p.CallMethod(s, "GET", "rules", "format=prometheus")
		return status == 200
	}, waitForScrape, pollEvery)
	written := read(text)
	require.Contains(t, written, "for these servers: vLLM.")
	require.Contains(t, written, `{model=~"llama-.*"} / 0.05 or modelserving:model:error_rate:mean_5m / 0.01`)
	require.NotContains(t, written, "ModelStale")
	status, text = p.CallMethod(s, "GET", "rules", "format=prometheus&profiles=triton,%20vllm")
	require.Equal(t, 200, status)
	require.Contains(t, read(text), "NVIDIA Triton Inference Server, vLLM.")

	empty := driver.Embedded("empty")
	status, answer = p.Call(empty, "rules", "format=prometheus")
	require.Equal(t, 400, status)
	require.Contains(t, answer["message"], "name profiles")
}
