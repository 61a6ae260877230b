package attribution_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/attribution"
)

// TestEnsemblesComputeNothing has a recorded page on which an ensemble counts what its steps compute: its steps get all.
func TestEnsemblesComputeNothing(t *testing.T) {
	recorded, err := os.ReadFile("testdata/triton-ensemble-metrics.txt")
	require.NoError(t, err)
	s := startServer(t, string(recorded))
	tr := newTree(t)
	tr.add(tritonAt(11, s.port))
	a := run(t, attribution.Settings{Procfs: tr.root})
	var shares map[string]attribution.ModelShare
	looks := func(until func() bool) {
		require.Eventually(t, func() bool {
			_, all, problems := a.Attribute(t.Context(), using(11))
			require.Empty(t, problems)
			shares = byModel(all)
			for _, share := range all {
				require.NotContains(t, share.Model, "pipe", "nothing is given to models of which it is not known yet what they are")
			}
			return until()
		}, patience, often)
	}
	looks(func() bool { return len(shares) > 1 })
	require.Contains(t, shares, "fast/2")
	require.Contains(t, shares, "slow/1")

	asked := s.configurations.Load()
	require.EqualValues(t, 6, asked, "one for each model, not for each version")
	before := s.asked.Load()
	looks(func() bool { return s.asked.Load() >= before+3 })
	require.Equal(t, asked, s.configurations.Load(), "models are asked about once")

	s.page.Store(strings.ReplaceAll(string(recorded), `model="stream"`, `model="pipe-of-pipes"`))
	looks(func() bool { return shares["stream/1"].PID == 0 && len(shares) > 1 })
	require.Equal(t, asked+1, s.configurations.Load())
	s.page.Store(string(recorded))
	looks(func() bool { return shares["stream/1"].PID == 11 })
	require.Equal(t, asked+2, s.configurations.Load(), "a model that is loaded again may be another one")
}

// TestAnEnsembleAndItsOnlyStep leaves one model, which has the whole process.
func TestAnEnsembleAndItsOnlyStep(t *testing.T) {
	s := startServer(t, computed(map[string]int{"pipe/1": 1_000_000, "step/1": 1_000_000}))
	tr := newTree(t)
	tr.add(tritonAt(11, s.port))
	a := run(t, attribution.Settings{Procfs: tr.root})
	require.Eventually(t, func() bool {
		_, all, _ := a.Attribute(t.Context(), using(11))
		return len(all) == 1 && all[0].Model == "step" && all[0].Provenance == attribution.Measured
	}, patience, often)
}

// TestModelThatWasJustUnloaded is on the page, and Triton does not know it any more: that is no problem.
func TestModelThatWasJustUnloaded(t *testing.T) {
	page := startServer(t, computed(map[string]int{"gone/1": 1_000_000, "here/1": 1_000_000}))
	models := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "gone") {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"error":"Request for unknown model: 'gone' is not found"}`))
			return
		}
		configuration(w, "here")
	}))
	t.Cleanup(models.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(models.URL, "http://"), ":")
	tr := newTree(t)
	tr.add(proc{pid: 11, parent: 1, arguments: []string{"tritonserver", "--metrics-port", strconv.Itoa(page.port), "--http-port", port}})
	a := run(t, attribution.Settings{Procfs: tr.root})
	require.Eventually(t, func() bool {
		_, all, problems := a.Attribute(t.Context(), using(11))
		require.Empty(t, problems)
		return byModel(all)["here/1"].PID == 11
	}, patience, often)
}

// TestServersThatDoNotTellOfEnsembles share out among all models, and say what is wrong with that.
func TestServersThatDoNotTellOfEnsembles(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	var mended atomic.Bool
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"switched off": {nil, "refuse"},
		"restricted":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "403"},
		"not found":    {http.NotFound, "404"},
		"no Triton":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, "invalid model configuration from"},
		"another model": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"name":"x","platform":"ensemble"}`))
		}, "invalid model configuration from"},
		"silent": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "did not"},
		"for a while": {func(w http.ResponseWriter, r *http.Request) {
			if !mended.Load() {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			configuration(w, strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/v2/models/"), "/config"))
		}, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			page := startServer(t, computed(map[string]int{"pipe/1": 1_000_000, "step/1": 1_000_000, "other/1": 2_000_000}))
			models := closed
			if c.answer != nil {
				models = httptest.NewServer(c.answer)
				t.Cleanup(models.Close)
			}
			_, port, _ := strings.Cut(strings.TrimPrefix(models.URL, "http://"), ":")
			tr := newTree(t)
			tr.add(proc{pid: 11, parent: 1, arguments: []string{"tritonserver", "--metrics-port", strconv.Itoa(page.port), "--http-port", port}})
			timeout := 10 * time.Second
			if name == "silent" {
				timeout = time.Second // and so for the page, which does answer
			}
			a := run(t, attribution.Settings{Procfs: tr.root, Timeout: timeout})
			var shares map[string]attribution.ModelShare
			var problems []error
			look := func() {
				var all []attribution.ModelShare
				_, all, problems = a.Attribute(t.Context(), using(11))
				shares = byModel(all)
			}
			require.Eventually(t, func() bool {
				look()
				return len(shares) > 1
			}, patience, often)
			require.Equal(t, []float64{250, 250, 500}, []float64{shares["pipe/1"].MemoryBytes, shares["step/1"].MemoryBytes, shares["other/1"].MemoryBytes})
			require.ErrorContains(t, problem(t, problems, attribution.ServerMetrics), c.want)
			require.ErrorContains(t, problems[0], "ensembles")
			if name == "for a while" {
				mended.Store(true)
				require.Eventually(t, func() bool {
					look()
					return len(problems) == 0 && len(shares) > 1 && shares["pipe/1"].PID == 0
				}, patience, often)
			}
		})
	}
}
