//go:build modelservers

package modelservers

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/demo/fleet"
	"github.com/coldhit/modelserving-datasource/demo/prerequisite"
	"github.com/coldhit/modelserving-datasource/demo/progress"
	"github.com/coldhit/modelserving-datasource/demo/router"
	"github.com/coldhit/modelserving-datasource/demo/stack"
	"github.com/coldhit/modelserving-datasource/demo/triton"
	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// tail is a Triton that loads models on demand behind the router.
type tail struct {
	t      *testing.T
	triton *triton.Server
	router *router.Router
	// url is the router's.
	url string
}

// startTail starts it with room for so many of the models.
func startTail(t *testing.T, name string, models []fleet.Model, slots int) *tail {
	t.Helper()
	cache, err := stack.CacheFolder()
	require.NoError(t, err)
	found, err := prerequisite.Check(t.Context())
	require.NoError(t, err)
	out := progress.NewPrinter(t.Output())
	installation, err := triton.Install(t.Context(), cache, found.Python, out)
	require.NoError(t, err)
	server, err := triton.StartOnDemand(&running, installation, filepath.Join(scratch, name), models)
	require.NoError(t, err)
	stopAfter(t, server)
	require.NoError(t, server.WaitReady(t.Context()))
	upstream, err := url.Parse(server.HTTP)
	require.NoError(t, err)
	r, err := router.New(t.Context(), router.Options{Upstream: upstream, Slots: slots, Out: out, Wait: requestTimeout})
	require.NoError(t, err)
	front := httptest.NewServer(r)
	t.Cleanup(func() {
		front.Close()
		r.Close()
	})
	return &tail{t: t, triton: server, router: r, url: front.URL}
}

// counted is what the router did for a model.
func (l *tail) counted(model string) router.ModelCounts {
	l.t.Helper()
	page := httptest.NewRecorder()
	l.router.CountsHandler().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/", nil))
	var counts router.Counts
	require.NoError(l.t, json.Unmarshal(page.Body.Bytes(), &counts))
	return counts.Models[model]
}

// unload takes a model out of memory behind the router's back, and returns when the router knows.
func (l *tail) unload(model string) {
	l.t.Helper()
	kind{url: l.triton.HTTP + "/v2/repository/models/" + model + "/unload", status: http.StatusOK}.send(l.t, 1)
	require.Eventually(l.t, func() bool { return !l.counted(model).Resident }, scrapeTimeout, pollEvery, "%s stays", model)
}

// visitor sends a model what its share of cold requests is to be made of, and remembers how long which took.
type visitor struct {
	model string
	// separation is how many times longer a cold request is to take than a hot one, about.
	separation float64
	// hotEach requests, some at a time, follow on coldEach ones, which all come while the model is loaded for them; visits times.
	visits, coldEach, hotEach, hotAtOnce int

	mu        sync.Mutex
	hot, cold []time.Duration
}

// coldShare is the share of the visitor's requests that were cold.
func (v *visitor) coldShare() float64 { return float64(len(v.cold)) / float64(len(v.cold)+len(v.hot)) }

// stalledShare is the share of the visitor's requests that were hot and yet as slow as a cold one, not for the model's sake: what
// the machine did to them no histogram can tell from a load.
func (v *visitor) stalledShare() float64 {
	stalled := 0
	for _, took := range v.hot {
		if took >= slices.Min(v.cold) && took.Seconds() > 3*median(v.hot) {
			stalled++
		}
	}
	return float64(stalled) / float64(len(v.cold)+len(v.hot))
}

func (v *visitor) answered(header http.Header, took time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch router.Start(header.Get(router.DefaultStartHeader)) {
	case router.Cold:
		v.cold = append(v.cold, took)
	case router.Hot:
		v.hot = append(v.hot, took)
	}
}

// run makes the visits.
func (v *visitor) run(l *tail, base string) {
	request := generate(base, v.model)
	request.answered = v.answered
	for i := range v.visits {
		if i > 0 {
			l.unload(v.model)
		}
		request.sendAtOnce(l.t, v.coldEach, v.coldEach)
		request.sendAtOnce(l.t, v.hotEach, v.hotAtOnce)
	}
	slices.Sort(v.hot)
	slices.Sort(v.cold)
}

func generate(base, model string) kind {
	return kind{url: base + "/v2/models/" + model + "/generate", status: http.StatusOK, body: `{"INPUT": 1}`}
}

const (
	// extraLoad is what a load takes beside the start of the model's process.
	extraLoad = 300 * time.Millisecond
	// spread is the standard deviation of the logarithm of the service times.
	spread = 0.15
	// estimateWindow holds all visits.
	estimateWindow = 20 * time.Minute
	// mostOff is how far an estimate may be from the truth, as a share of all requests.
	mostOff = 0.02
)

// visitors are for cold requests that take about 2 to 100 times as long as hot ones, and are 0.1 % to 50 % of all.
func visitors() (all []*visitor) {
	for _, s := range []struct {
		separation float64
		hotAtOnce  int
		shares     []float64
	}{
		{100, 12, []float64{.001, .01, .1, .5}},
		{30, 24, []float64{.01, .1, .5}},
		{10, 48, []float64{.01, .1, .5}},
		{5, 64, []float64{.01, .1, .5}},
		{2, 64, []float64{.1, .5}},
	} {
		for _, share := range s.shares {
			v := &visitor{model: fmt.Sprintf("x%g-%g", s.separation, share*100), separation: s.separation, visits: 2, coldEach: 12, hotAtOnce: s.hotAtOnce}
			v.hotEach = int(math.Round(float64(v.coldEach) * (1 - share) / share))
			all = append(all, v)
		}
	}
	return all
}

// sleeping writes the configuration and the program of a model into Triton's repository.
func sleeping(t *testing.T, repository, model string, service time.Duration) {
	t.Helper()
	program, err := programs.ReadFile("programs/longtail/model.py")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(repository, model, "1"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(repository, model, "1", "model.py"), program, 0o644))
	config := fmt.Sprintf(`name: %q
backend: "python"
max_batch_size: 0
model_transaction_policy { decoupled: true }
input [{ name: "INPUT", data_type: TYPE_FP32, dims: [ 1 ] }]
output [{ name: "OUTPUT", data_type: TYPE_FP32, dims: [ 1 ] }]
instance_group [{ count: 1, kind: KIND_CPU }]
`, model)
	for name, value := range map[string]float64{"service_ms": 1000 * service.Seconds(), "spread": spread, "load_ms": 1000 * extraLoad.Seconds()} {
		config += fmt.Sprintf("parameters { key: %q value { string_value: \"%g\" } }\n", name, value)
	}
	require.NoError(t, os.WriteFile(filepath.Join(repository, model, "config.pbtxt"), []byte(config), 0o644))
}

// From response times alone the share of cold requests is told to within two points where it is called an estimate, and where
// it is called a bound, the truth is not below it. A second recorder, which knows the paths, counts exactly.
func TestColdHitsAreEstimatedFromAHistogramAlone(t *testing.T) {
	all := visitors()
	const calibration = "calibration"
	models := []fleet.Model{{Name: calibration, Versions: []int{1}}}
	for _, v := range all {
		models = append(models, fleet.Model{Name: v.model, Versions: []int{1}})
	}
	l := startTail(t, "long-tail", models, len(models))
	repository := filepath.Join(scratch, "long-tail", "models")
	sleeping(t, repository, calibration, time.Millisecond)
	load := generate(l.url, calibration).send(t, 1)[0]
	for _, v := range all {
		sleeping(t, repository, v.model, time.Duration(float64(load)/(v.separation-1)))
	}
	blind := record(t, "recorder-blind", "upstream: "+l.url)
	knowing := record(t, "recorder-knowing", "upstream: "+blind.url()+"\ncold: {header: {name: "+router.DefaultStartHeader+"}}")
	plugin := driver.Start(t, binary, t.TempDir())
	estimating, counting := driver.Embedded("blind", driver.Target("blind", blind.metrics)), driver.Embedded("knowing", driver.Target("knowing", knowing.metrics))
	for _, s := range []driver.Source{estimating, counting} {
		(&observer{t: t, plugin: plugin, source: s, window: window}).awaitScrapes()
	}

	begin := time.Now()
	sent := 0
	for _, v := range all { // one after the other: while it loads a model, Triton lets requests for others wait
		sent += v.visits * (v.coldEach + v.hotEach)
		v.run(l, knowing.url())
	}
	t.Logf("A load takes %.0f ms here. %d requests in %.0f s", 1000*load.Seconds(), sent, time.Since(begin).Seconds())
	knowing.await("", sent)
	for _, v := range all {
		require.Equal(t, v.visits*(v.coldEach+v.hotEach), len(v.cold)+len(v.hot), "%s: who says how the others went?", v.model)
		require.Equal(t, l.counted(v.model).Cold, int64(len(v.cold)), v.model)
		require.Equal(t, len(v.cold), knowing.count(fmt.Sprintf(`model=%q,protocol="http",start="cold"`, v.model)), "the recorder knows which requests were cold")
		require.Equal(t, len(v.hot), knowing.count(fmt.Sprintf(`model=%q,protocol="http",start="hot"`, v.model)))
	}
	judge(t, plugin, estimating, counting, sent, all)
}

// judge compares what was sent with what the plugin answers.
func judge(t *testing.T, plugin *driver.Plugin, estimating, counting driver.Source, sent int, all []*visitor) {
	t.Helper()
	q := func() map[string]any {
		return map[string]any{"signal": "cold_hit_rate", "statistics": []string{"mean"}, "groupBy": []string{"model"}, "window": fmt.Sprintf("%.0fs", estimateWindow.Seconds()), "instant": true}
	}
	for _, s := range []driver.Source{estimating, counting} {
		o := &observer{t: t, plugin: plugin, source: s, window: window}
		require.Eventually(t, func() bool { return o.promQL("modelserving_requests_total") >= float64(sent) }, scrapeTimeout, pollEvery)
	}
	guessed, counted := plugin.Ask(estimating, estimateWindow, q())["A"], plugin.Ask(counting, estimateWindow, q())["A"]
	bounds := map[string]int{}
	for _, v := range all {
		want := labels{"model": v.model}
		truth := v.coldShare()
		require.InDelta(t, truth, driver.Value(t, counted, want), 2e-3, "%s: the share is counted", v.model)
		line := fmt.Sprintf("%-8s %5d hot of %4.0f ms, %3d cold of %4.0f ms (%5.1f times): %5.2f %% cold, %.2f %% stalled", v.model, len(v.hot), 1000*median(v.hot), len(v.cold), 1000*median(v.cold),
			median(v.cold)/median(v.hot), 100*truth, 100*v.stalledShare())
		share, found := driver.Find(guessed, want)
		if !found {
			bounds["refused"]++
			t.Log(line + ", refused")
			continue
		}
		interval := intervalOf(t, guessed, want)
		bounds[interval.Bound]++
		t.Logf("%s, %s %.2f %% (%.2f to %.2f)", line, interval.Bound, 100*share, 100*interval.Lower, 100*interval.Upper)
		switch interval.Bound {
		case "estimated":
			require.InDelta(t, truth, share, mostOff+v.stalledShare(), v.model)
		case "at least":
			require.LessOrEqual(t, share, truth+v.stalledShare()+1e-6, v.model)
		default:
			require.Fail(t, "neither an estimate nor a bound", interval.Bound)
		}
	}
	t.Logf("Of %d shares, %d were estimated, %d are bounds and %d were refused", len(all), bounds["estimated"], bounds["at least"], bounds["refused"])
	require.GreaterOrEqual(t, bounds["estimated"], len(all)/4)
	require.LessOrEqual(t, bounds["refused"], len(all)*2/3)
	require.Contains(t, driver.Notices(guessed), "estimated from response times")
}
