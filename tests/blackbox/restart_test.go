package blackbox

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// kill ends the process as a crash does.
func kill(t *testing.T, p *driver.Plugin) {
	t.Helper()
	process, err := os.FindProcess(p.Process.ReattachConfig().Pid)
	require.NoError(t, err)
	require.NoError(t, process.Kill())
	require.Eventually(t, p.Process.Exited, waitForScrape, pollEvery)
}

// requireScrapes waits for more scrapes of a page, without any request to the plugin.
func requireScrapes(t *testing.T, page *counting, more int64) {
	t.Helper()
	least := page.scrape.Load() + more
	require.Eventually(t, func() bool { return page.scrape.Load() >= least }, waitForScrape, pollEvery)
}

// After a crash the plugin scrapes again before anybody queries, and what it has scraped by then is there.
func TestScrapingContinuesAfterAKillWithoutAQuery(t *testing.T) {
	t.Parallel()
	page, folder := newCounting(t), t.TempDir()
	s := driver.Embedded("unasked", deployed(t, "one", page.url, "d"))
	p := driver.Start(t, binary, folder)
	requireStored(t, p, s, "d", 2)
	kill(t, p)

	for range 2 { // also one that no query has ever reached
		p = driver.Start(t, binary, folder)
		requireScrapes(t, page, 4)
		kill(t, p)
	}
	again := driver.Start(t, binary, folder)
	before := page.scrape.Load()
	requireScrapes(t, page, 4)
	asked := time.Now()
	require.Greater(t, stored(t, again, s, "d", asked), float64(before), "it was scraped before it was asked")
	require.NotContains(t, again.Log.String(), "panic")

	// What Grafana sends replaces the record, also if it was saved before.
	other := newCounting(t)
	earlier := driver.Embedded("unasked", deployed(t, "two", other.url, "other"))
	earlier.Updated = s.Updated.Add(-time.Hour)
	kill(t, again)
	again = driver.Start(t, binary, folder)
	requireScrapes(t, page, 2)
	requireStored(t, again, earlier, "other", 2)
	kill(t, again)
	driver.Start(t, binary, folder)
	requireScrapes(t, other, 3)
}

// keyed is a page behind a key. It notes every authorization that it is sent.
type keyed struct {
	counting
	mu       sync.Mutex
	received map[string]int
}

func newKeyed(t *testing.T, key string) *keyed {
	t.Helper()
	k := &keyed{received: map[string]int{}}
	k.url = handle(t, func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		k.received[r.Header.Get("Authorization")]++
		k.mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer "+key {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = fmt.Fprintf(w, "scrape_number %d\n", k.scrape.Add(1))
	}).URL + "/metrics"
	return k
}

func (k *keyed) authorizations() (out []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for one := range k.received {
		out = append(out, one)
	}
	return out
}

// A target with a key waits for Grafana after a restart: it is never scraped without its key. No secret of a data source is on disk.
func TestTargetsWithAKeyWaitForGrafanaAfterARestart(t *testing.T) {
	t.Parallel()
	const key, inQuery, password = "key-f00d-secret", "query-f00d-secret", "password-f00d-secret"
	plain, locked, folder := newCounting(t), newKeyed(t, key), t.TempDir()
	token := newCounting(t)
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte("scrape_number 7\n"))
	}))
	t.Cleanup(secure.Close)
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}))
	server := prometheustest.New(t)
	s := writing("keyed", server.URL,
		deployed(t, "plain", plain.url, "plain"), deployed(t, "locked", locked.url, "locked"), deployed(t, "token", token.url+"?view="+inQuery, "token"),
		deployed(t, "secure", secure.URL+"/metrics", "secure"))
	s.JSON["basicAuth"] = true
	s.Secrets = map[string]string{"apiKey.locked": key, "caCertificate": certificate, "basicAuthPassword": password}
	p := driver.Start(t, binary, folder)
	requireStored(t, p, s, "plain", 2)
	requireStored(t, p, s, "locked", 2)
	requireStored(t, p, s, "token", 2)
	requireStored(t, p, s, "secure", 7)
	details := string(p.Check(s).JSONDetails)
	require.Contains(t, details, "After a restart of the plugin, scraping of 3 targets with an API key or another secret starts with the first request")
	kill(t, p)

	before, waiting := locked.scrape.Load(), token.scrape.Load()
	p = driver.Start(t, binary, folder)
	requireScrapes(t, plain, 5)
	require.Equal(t, before, locked.scrape.Load())
	require.Equal(t, waiting, token.scrape.Load())
	require.Equal(t, []string{"Bearer " + key}, locked.authorizations(), "it was never asked without its key")
	requireNoSecretIn(t, folder, "f00d-secret", strings.Split(certificate, "\n")[1])

	requireStored(t, p, s, "locked", float64(before+1))
	requireStored(t, p, s, "token", float64(waiting+1))
	require.Equal(t, []string{"Bearer " + key}, locked.authorizations())
	p.Stop()
	requireNoSecretIn(t, folder, "f00d-secret", strings.Split(certificate, "\n")[1])
}

// requireNoSecretIn reads every file of a folder.
func requireNoSecretIn(t *testing.T, folder string, secrets ...string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil // the storage has replaced it meanwhile
		}
		files++
		for _, secret := range secrets {
			require.NotContains(t, string(text), secret, path)
		}
		return err
	})
	require.NoError(t, err)
	require.Positive(t, files)
}

// A damaged record and a folder that another process has cost only their data source. The process starts, says so, and serves it as soon as it
// can.
func TestARecordThatCannotBeUsedCostsOnlyItsDataSource(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	pages := map[string]*counting{"damaged": newCounting(t), "held": newCounting(t), "sound": newCounting(t)}
	sources := map[string]driver.Source{}
	p := driver.Start(t, binary, folder)
	for i, uid := range []string{"damaged", "held", "sound"} {
		s := driver.Embedded(uid, deployed(t, "one", pages[uid].url, uid))
		s.ID = int64(i + 1)
		sources[uid] = s
		requireStored(t, p, s, uid, 2)
	}
	kill(t, p)
	for _, slot := range []string{"00000001", "00000002"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, "1", "damaged", "state", "datasource", slot), []byte("nonsense"), 0o600))
	}
	// A second process with a data folder of its own has this data source's.
	elsewhere := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(folder, "1"), filepath.Join(elsewhere, "1")))
	second := driver.Start(t, binary, elsewhere)
	requireStored(t, second, sources["held"], "held", 1)

	p = driver.Start(t, binary, folder)
	requireScrapes(t, pages["sound"], 3)
	log := func(words ...string) func() bool {
		return func() bool {
			for line := range strings.Lines(p.Log.String()) {
				found := true
				for _, word := range words {
					found = found && strings.Contains(line, word)
				}
				if found {
					return true
				}
			}
			return false
		}
	}
	require.Eventually(t, log("is not scraped until its first query", "damaged", "00000001"), waitForScrape, pollEvery)
	require.Eventually(t, log("is not scraped until its first query", "held", "in use by another process"), waitForScrape, pollEvery)
	before := pages["damaged"].scrape.Load()
	requireStored(t, p, sources["damaged"], "damaged", float64(before+1))
	second.Stop()
	before = pages["held"].scrape.Load()
	requireStored(t, p, sources["held"], "held", float64(before+1))
	kill(t, p)
	driver.Start(t, binary, folder)
	for uid, page := range pages {
		t.Log(uid)
		requireScrapes(t, page, 2)
	}
}

// Two processes with one data folder: the second says that it has no list of data sources, and serves those that the first does not.
func TestASecondProcessDoesNotTakeTheListOver(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	page, other := newCounting(t), newCounting(t)
	first := driver.Start(t, binary, folder)
	requireStored(t, first, driver.Embedded("first", deployed(t, "one", page.url, "d")), "d", 2)
	second := driver.Start(t, binary, folder)
	s := driver.Embedded("second", deployed(t, "one", other.url, "d"))
	requireStored(t, second, s, "d", 2)
	require.Contains(t, second.Log.String(), "in use by another process")
	require.Contains(t, string(second.Check(s).JSONDetails), "scraping starts with the first request, because the list of data sources cannot be recorded")
	requireScrapes(t, page, 2)
}

// A data source that is changed to a Prometheus-compatible server is not scraped after a restart.
func TestAChangedModeIsNotScrapedAfterARestart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	server := prometheustest.New(t)
	page, other := newCounting(t), newCounting(t)
	p := driver.Start(t, binary, folder)
	s, stays := driver.Embedded("mode", deployed(t, "one", page.url, "d")), driver.Embedded("stays", deployed(t, "one", other.url, "d"))
	stays.ID = 2
	requireStored(t, p, s, "d", 2)
	requireStored(t, p, stays, "d", 2)
	changed := driver.Prometheus("mode", server.URL)
	changed.Updated = s.Updated.Add(time.Second)
	p.Check(changed)
	kill(t, p)
	before := page.scrape.Load()
	driver.Start(t, binary, folder)
	requireScrapes(t, other, 4)
	require.Equal(t, before, page.scrape.Load())
}
