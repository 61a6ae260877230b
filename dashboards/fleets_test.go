package dashboards

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
	"github.com/coldhit/modelserving-datasource/tests/captures"
)

// fleet is what a data source watches: recordings of real servers, each a metrics page before some traffic and one after.
type fleet struct {
	name    string
	servers []recorded
}

type recorded struct{ server, before, after string }

var fleets = []fleet{
	{"triton", []recorded{tritonRecorded}},
	{"torchserve", []recorded{{"torchserve", "1-metrics-idle", "2-metrics-loaded"}}},
	{"vllm", []recorded{vllmRecorded}},
	{"ray", []recorded{rayRecorded}},
	{"mixed", []recorded{tritonRecorded, vllmRecorded, rayRecorded, {"dcgm", "1-idle", "2-loaded"}, {"kube_state_metrics", "1-deployments", "1-deployments"}}},
	{"empty", nil},
}

var (
	tritonRecorded = recorded{"triton", "1-metrics-all-idle", "2-metrics-all-loaded"}
	vllmRecorded   = recorded{"vllm", "1-metrics-idle", "2-metrics-loaded"}
	rayRecorded    = recorded{"ray_serve", "1-before-traffic", "3-metrics-loaded"}
)

const (
	waitForScrape = time.Minute
	pollEvery     = 20 * time.Millisecond
)

// watched is a data source whose servers have been scraped before and after their traffic.
func watched(t *testing.T, p *driver.Plugin, f fleet) driver.Source {
	t.Helper()
	var pages []*page
	var targets []map[string]any
	for _, r := range f.servers {
		one := &page{before: captures.Recording(t, r.server, r.before), after: captures.Recording(t, r.server, r.after)}
		server := httptest.NewServer(one)
		t.Cleanup(server.Close)
		pages = append(pages, one)
		target := driver.Target(r.server, server.URL+"/metrics")
		target["managementUrl"] = server.URL // and not a server that happens to run on this machine
		targets = append(targets, target)
	}
	s := driver.Embedded(f.name, targets...)
	p.Check(s)
	for _, shown := range pages {
		shown.wait(t, 2)
	}
	for _, shown := range pages {
		shown.turn()
	}
	for _, shown := range pages {
		shown.wait(t, 3)
	}
	return s
}

// page serves the first capture until it is turned, and then the second.
type page struct {
	mu            sync.Mutex
	before, after []byte
	turned        bool
	scrapes       int
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/metrics" { // there is no management endpoint
		http.NotFound(w, r)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.scrapes++
	text := p.before
	if p.turned {
		text = p.after
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	_, _ = w.Write(text)
}

func (p *page) turn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turned, p.scrapes = true, 0
}

func (p *page) wait(t *testing.T, scrapes int) {
	t.Helper()
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.scrapes >= scrapes
	}, waitForScrape, pollEvery, "the page was not scraped %d times", scrapes)
}
