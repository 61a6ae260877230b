package blackbox

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeServer serves metrics pages made by hand, one after the other. Numbers behind a + grow by that much at every scrape;
// {now-48h} is a time. A page that is empty is answered with an error.
type fakeServer struct {
	*httptest.Server
	t      *testing.T
	mu     sync.Mutex
	page   string
	counts map[string]float64
}

func newFakeServer(t *testing.T, page string) *fakeServer {
	t.Helper()
	f := &fakeServer{t: t, page: page, counts: map[string]float64{}}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		text, ok := f.scrape()
		if !ok {
			http.Error(w, "down on purpose", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeServer) scrape() (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b strings.Builder
	for line := range strings.Lines(f.page) {
		at := strings.LastIndex(strings.TrimRight(line, "\n"), " ") + 1
		name, value := line[:at], strings.TrimSpace(line[at:])
		if number, grows := strings.CutPrefix(value, "+"); grows {
			var more float64
			_, _ = fmt.Sscan(number, &more)
			f.counts[name] += more
			value = fmt.Sprint(f.counts[name])
		}
		if ago, isTime := strings.CutPrefix(value, "now-"); isTime {
			d, _ := time.ParseDuration(ago)
			value = fmt.Sprint(time.Now().Add(-d).Unix())
		}
		fmt.Fprintf(&b, "%s%s\n", name, value)
	}
	return b.String(), f.page != ""
}

// value is where a counter is, by its name, its labels and the blank behind them.
func (f *fakeServer) value(series string) float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[series]
}

// show turns to another page; counters go on where they are.
func (f *fakeServer) show(page string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.page = page
}

// restart lets the counters begin at zero.
func (f *fakeServer) restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts = map[string]float64{}
}

func (f *fakeServer) target(id, deployment string) map[string]any {
	t := unmanaged(f.t, id, f.URL+"/metrics")
	t["deployment"] = deployment
	return t
}
