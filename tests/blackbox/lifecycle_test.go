package blackbox

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// counting is a metrics page that says how often it was asked for.
type counting struct {
	url    string
	scrape atomic.Int64
}

func newCounting(t *testing.T) *counting {
	t.Helper()
	c := &counting{}
	c.url = handle(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = fmt.Fprintf(w, "scrape_number %d\n", c.scrape.Add(1))
	}).URL + "/metrics"
	return c
}

// stored is the newest value of scrape_number of a deployment at a time, as far as the plugin has stored it; 0 for none.
func stored(t *testing.T, p *driver.Plugin, s driver.Source, deployment string, at time.Time) float64 {
	t.Helper()
	q := promQL(fmt.Sprintf("scrape_number{deployment=%q}", deployment))
	q["instant"] = true
	r := p.AskRange(s, backend.TimeRange{From: at.Add(-time.Minute), To: at}, time.Second, q)["A"]
	require.NoError(t, r.Error)
	v, _ := driver.Find(r, nil)
	return v
}

func deployed(t *testing.T, id, url, deployment string) map[string]any {
	t.Helper()
	one := unmanaged(t, id, url)
	one["deployment"] = deployment
	return one
}

func requireStored(t *testing.T, p *driver.Plugin, s driver.Source, deployment string, least float64) {
	t.Helper()
	require.Eventually(t, func() bool { return stored(t, p, s, deployment, time.Now()) >= least }, waitForScrape, pollEvery)
}

func TestKillInTheMiddleOfScraping(t *testing.T) {
	t.Parallel()
	page, folder := newCounting(t), t.TempDir()
	s := driver.Embedded("kill", deployed(t, "one", page.url, "d"))
	p := driver.Start(t, binary, folder)
	requireStored(t, p, s, "d", 4)
	killed := time.Now()
	before := stored(t, p, s, "d", killed)
	process, err := os.FindProcess(p.Process.ReattachConfig().Pid)
	require.NoError(t, err)
	require.NoError(t, process.Kill())
	require.Eventually(t, p.Process.Exited, waitForScrape, pollEvery)

	again := driver.Start(t, binary, folder)
	require.GreaterOrEqual(t, stored(t, again, s, "d", killed), before-2, "at most the last seconds are lost")
	requireStored(t, again, s, "d", before+2)
	require.NotContains(t, again.Log.String(), "panic")
}

func TestStopAndStartKeepHistory(t *testing.T) {
	t.Parallel()
	page, folder := newCounting(t), t.TempDir()
	s := driver.Embedded("restart", deployed(t, "one", page.url, "d"))
	p := driver.Start(t, binary, folder)
	requireStored(t, p, s, "d", 3)
	stopped := time.Now()
	before := stored(t, p, s, "d", stopped)
	p.Stop()
	require.GreaterOrEqual(t, stored(t, driver.Start(t, binary, folder), s, "d", stopped), before, "nothing is lost")
}

func TestSettingsAreChangedInPlace(t *testing.T) {
	t.Parallel()
	first, second := newCounting(t), newCounting(t)
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("change", deployed(t, "one", first.url, "first"))
	requireStored(t, p, s, "first", 3)
	changed := time.Now()
	// A scrape that was under way then is stored once the next one is.
	requireStored(t, p, s, "first", stored(t, p, s, "first", changed)+2)
	before := stored(t, p, s, "first", changed)

	more := driver.Embedded("change", deployed(t, "one", first.url, "first"), deployed(t, "two", second.url, "second"))
	more.Updated = s.Updated.Add(time.Second)
	requireStored(t, p, more, "second", 2)
	require.InDelta(t, before, stored(t, p, more, "first", changed), 0, "history stays")
	requireStored(t, p, more, "first", before+2)
	require.InDelta(t, 0, stored(t, p, more, "second", changed), 0)

	// An instance with the old settings that comes late does not turn the change back.
	stored(t, p, s, "first", time.Now())
	latest := stored(t, p, more, "second", time.Now())
	requireStored(t, p, more, "second", latest+2)

	// A target that is taken away is no longer scraped; its history stays.
	fewer := driver.Embedded("change", deployed(t, "two", second.url, "second"))
	fewer.Updated = s.Updated.Add(2 * time.Second)
	requireStored(t, p, fewer, "second", stored(t, p, fewer, "second", time.Now())+1)
	require.Eventually(t, func() bool { return stored(t, p, fewer, "first", time.Now()) == 0 }, waitForScrape, pollEvery, "what is gone is not shown as if it were there")
	scraped := first.scrape.Load()
	requireStored(t, p, fewer, "second", stored(t, p, fewer, "second", time.Now())+2)
	require.Equal(t, scraped, first.scrape.Load())
	require.InDelta(t, before, stored(t, p, fewer, "first", changed), 0)
}

func TestOrganisationsAndDataSourcesAreApart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	p := driver.Start(t, binary, folder)
	var sources []driver.Source
	for i, org := range []int64{1, 2, 1} {
		name := fmt.Sprintf("secret-deployment-%d", i)
		s := driver.Embedded([]string{"same", "same", "other"}[i], deployed(t, "one", newCounting(t).url, name))
		s.ID, s.OrgID = int64(i+1), org
		sources = append(sources, s)
	}
	for i, s := range sources {
		requireStored(t, p, s, fmt.Sprintf("secret-deployment-%d", i), 2)
	}
	for i, s := range sources {
		own := fmt.Sprintf("secret-deployment-%d", i)
		for j := range sources {
			if j != i {
				require.InDelta(t, 0, stored(t, p, s, fmt.Sprintf("secret-deployment-%d", j), time.Now()), 0)
			}
		}
		everything := p.Ask(s, time.Minute, promQL(`{__name__=~".+"}`), map[string]any{"queryType": "promql", "expr": `count by (deployment) (up)`, "instant": true})
		require.NotEmpty(t, everything["A"].Frames)
		require.InDelta(t, 1, driver.Value(t, everything["B"], map[string]string{"deployment": own}), 0)
		require.Len(t, everything["B"].Frames, 1)
		for _, f := range everything["A"].Frames {
			require.Equal(t, own, f.Fields[1].Labels["deployment"])
		}
		_, targets := p.Call(s, "targets", "")
		require.Len(t, targets["targets"], 1)
	}
	// Even if Grafana gave the same id twice and took the two for one, neither would see the other's.
	confused := sources[0]
	confused.OrgID = 2
	require.Contains(t, p.Check(confused).Message, "another organisation")
	status, _ := p.Call(confused, "values", "label=deployment")
	require.Equal(t, http.StatusForbidden, status)
	for _, place := range []string{"1/same", "2/same", "1/other"} {
		require.DirExists(t, filepath.Join(folder, filepath.FromSlash(place)))
	}
}

func TestFileDiscovery(t *testing.T) {
	t.Parallel()
	server := newReplay(t, "2-metrics-all-loaded", "3-repository-index")
	folder := t.TempDir()
	own := filepath.Join(folder, "7", "files")
	require.NoError(t, os.MkdirAll(own, 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "1", "files"), 0o755))
	address := server.Listener.Addr().String()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(own, name), []byte(text), 0o600))
	}
	write("targets.json", fmt.Sprintf(`[{"targets": [%q], "labels": {"environment": "staging", "deployment": "discovered", "__profile__": "triton"}}]`, address))

	p := driver.Start(t, binary, t.TempDir(), "GF_PLUGIN_DISCOVERY_PATH="+folder)
	s := driver.Embedded("files")
	s.OrgID, s.JSON["fileDiscovery"] = 7, true
	deployment := map[string]string{"deployment": "discovered"}
	requests := query("requests", nil, "environment", "deployment", "model")
	require.Eventually(t, func() bool {
		_, found := driver.Find(p.Ask(s, time.Minute, requests)["A"], deployment)
		return found
	}, waitForScrape, pollEvery)
	r := p.Check(s)
	require.Equal(t, backend.HealthStatusOk, r.Status, r.Message)
	require.Contains(t, r.Message, "1 target is up: NVIDIA Triton Inference Server with 6 models.")
	_, values := p.Call(s, "values", "label=deployment")
	require.Equal(t, []any{"discovered"}, values["values"])
	_, targets := p.Call(s, "targets", "")
	require.Contains(t, fmt.Sprint(targets), "models:6")

	other := driver.Embedded("files")
	other.OrgID, other.JSON["fileDiscovery"] = 1, true
	_, targets = p.Call(other, "targets", "")
	require.Empty(t, targets["targets"], "another organisation's files")

	// A file that cannot be read leaves the others' targets as they are; one that comes later is picked up.
	write("broken.json", `[{"targets": `)
	second := newCounting(t)
	write("more.yml", fmt.Sprintf("- targets: [%q]\n  labels: {deployment: later}\n", regexp.MustCompile(`127[^/]*`).FindString(second.url)))
	requireStored(t, p, s, "later", 2)
	require.NoError(t, os.Remove(filepath.Join(own, "more.yml")))
	require.Eventually(t, func() bool { return stored(t, p, s, "later", time.Now()) == 0 }, waitForScrape, pollEvery)
	_, found := driver.Find(p.Ask(s, time.Minute, requests)["A"], deployment)
	require.True(t, found)
}

func TestNoDataFolder(t *testing.T) {
	t.Parallel()
	s := driver.Embedded(fmt.Sprintf("blackbox-%d", os.Getpid()), unmanaged(t, "one", serve(t, "text/plain", "nv_inference_request_success{model=\"a\",version=\"1\"} 1\n").URL+"/metrics"))
	folder := filepath.Join("/tmp", "coldhit-modelserving-datasource")
	own := filepath.Join(folder, "1", s.UID)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(own)) })
	p := driver.Start(t, binary, "")
	r := p.Check(s)
	require.Equal(t, backend.HealthStatusOk, r.Status, r.Message)
	warning := fmt.Sprintf("Data is stored in the temporary folder %s and is lost when the system cleans it up. Set `data_path` under `[plugin.coldhit-modelserving-datasource]` in grafana.ini.", folder)
	require.Contains(t, r.Message, warning)
	require.Contains(t, driver.Notices(p.Ask(s, time.Minute, query("requests", nil, "model"))["A"]), warning)
	require.DirExists(t, own)
}

func TestUnusableDataFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	r := driver.Start(t, binary, file).Check(driver.Embedded("unusable"))
	require.Equal(t, backend.HealthStatusError, r.Status)
	require.Contains(t, r.Message, file)
	require.Contains(t, r.Message, "The folder is set with `[plugin.coldhit-modelserving-datasource] data_path` in grafana.ini")
}

var goroutines = regexp.MustCompile(`(?m)^go_goroutines (\d+)`)

func countGoroutines(t *testing.T, p *driver.Plugin) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitForScrape)
	defer cancel()
	answer, err := p.Health.CollectMetrics(ctx, &pluginv2.CollectMetricsRequest{})
	require.NoError(t, err)
	found := goroutines.FindSubmatch(answer.GetMetrics().GetPrometheus())
	require.NotNil(t, found)
	n, err := strconv.Atoi(string(found[1]))
	require.NoError(t, err)
	return n
}

func TestGoroutinesDoNotGrowWithInstances(t *testing.T) {
	t.Parallel()
	page := newCounting(t)
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("goroutines", deployed(t, "one", page.url, "d"))
	requireStored(t, p, s, "d", 2)
	p.Check(s)
	before := countGoroutines(t, p)
	for i := range 50 {
		s.Updated = s.Updated.Add(time.Second)
		s.JSON["scrapeTimeout"] = fmt.Sprintf("%dms", 500+i)
		if i%10 == 0 {
			p.Check(s)
			requireStored(t, p, s, "d", stored(t, p, s, "d", time.Now())+1) // over a connection of these settings
		}
		require.NoError(t, p.Ask(s, time.Minute, promQL("up"))["A"].Error)
	}
	requireStored(t, p, s, "d", stored(t, p, s, "d", time.Now())+2)
	const slack = 5
	require.Eventually(t, func() bool { return countGoroutines(t, p) <= before+slack }, waitForScrape, 200*time.Millisecond,
		"%d before, %d after 50 changes", before, countGoroutines(t, p))
}
