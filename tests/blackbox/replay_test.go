package blackbox

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
	"github.com/coldhit/modelserving-datasource/tests/captures"
)

// replay answers what a real Triton answered, one recording at a time.
type replay struct {
	*httptest.Server
	t  *testing.T
	mu sync.Mutex
	// scrapes counts the answers of each page.
	scrapes map[string]int
	page    string
	index   string
}

func newReplay(t *testing.T, page, index string) *replay {
	t.Helper()
	r := &replay{t: t, page: page, index: index, scrapes: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.scrapes[r.page]++
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(captures.Recording(t, "triton", r.page))
	})
	mux.HandleFunc("POST /v2/repository/index", func(w http.ResponseWriter, _ *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		_, _ = w.Write(managementAnswer(t, r.index))
	})
	mux.HandleFunc("GET /v2", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(managementAnswer(t, "3-server-meta")) })
	r.Server = httptest.NewServer(mux)
	t.Cleanup(r.Close)
	return r
}

// managementAnswer is what a real Triton answered beside its metrics page.
func managementAnswer(t *testing.T, name string) []byte {
	text, err := os.ReadFile(filepath.Join("..", "..", "pkg", "management", "testdata", "triton", name+".txt"))
	if err != nil {
		t.Error(err)
	}
	return text
}

// show turns to another page, and to another repository index unless it is empty.
func (r *replay) show(page, index string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.page = page
	if index != "" {
		r.index = index
	}
}

func (r *replay) scraped(page string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.scrapes[page]
}

// target is the replay as a target, its management API on the same port.
func (r *replay) target(id string) map[string]any {
	t := driver.Target(id, r.URL+"/metrics")
	t["managementUrl"] = r.URL
	return t
}

func requireScraped(t *testing.T, r *replay, page string, times int) {
	t.Helper()
	require.Eventually(t, func() bool { return r.scraped(page) >= times }, waitForScrape, pollEvery, "%s was not scraped %d times", page, times)
}
