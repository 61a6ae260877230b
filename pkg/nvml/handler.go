//go:build linux && cgo

package nvml

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/coldhit/modelserving-datasource/pkg/httpserver"
)

// Names says under which names readings are exposed.
type Names string

// The names of the project, those of dcgm-exporter, or both at once.
const (
	NamesModelServing Names = "modelserving"
	NamesDCGM         Names = "dcgm-exporter"
	NamesBoth         Names = "both"
)

// ParseNames reads a setting.
func ParseNames(s string) (Names, error) {
	switch n := Names(s); n {
	case NamesModelServing, NamesDCGM, NamesBoth:
		return n, nil
	}
	return "", fmt.Errorf("invalid metric names %q: use %s, %s or %s", s, NamesModelServing, NamesDCGM, NamesBoth)
}

const (
	// mostCollections bounds how many scrapes read at once. The others wait.
	mostCollections = 8
	// shortestWindow keeps two scrapes in quick succession from having nothing to tell.
	shortestWindow = time.Second
	// answerBefore is how long before the scraper's timeout the answer is sent.
	answerBefore = 500 * time.Millisecond
	// windowParameter asks for a window whatever was scraped before.
	windowParameter = "window"
)

// connection remembers when metrics were last scraped over it.
type connection struct {
	scraped atomic.Pointer[time.Time]
}

type connectionKey struct{}

// ConnContext goes into http.Server, so that Handler knows which scrapes come over the same connection. A scraper keeps its
// connection, and no two scrapers share one: each has windows of its own.
func ConnContext(ctx context.Context, _ net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, &connection{})
}

// Handler answers scrapes: the monitor's readings, with means and maxima since the same scraper's previous scrape, and the
// metrics of the registry beside them. Scrapes of one window that arrive at the same time share their readings. Others wait for
// their turn: none is refused.
func Handler(m *Monitor, names Names, beside prometheus.Gatherer) http.Handler {
	pages := httpserver.NewPages(mostCollections)
	pages.ContinueOnError = true
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, err := askedWindow(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		timeout := m.timeoutOf(r)
		deadline := time.Now().Add(timeout) // for which it may wait, too
		c, _ := r.Context().Value(connectionKey{}).(*connection)
		window, key := asked, ""
		switch {
		case asked > 0:
			key = fmt.Sprint(asked, timeout)
		case c == nil || c.scraped.Load() == nil:
			window = m.settings.Window
			key = fmt.Sprint(window, timeout)
		}
		began := pages.Serve(w, r, key, func(began time.Time) ([]*dto.MetricFamily, error) {
			// Others may take part when this scraper has hung up.
			ctx, cancel := context.WithDeadline(context.WithoutCancel(r.Context()), deadline)
			defer cancel()
			window := window
			if window == 0 {
				window = windowSince(*c.scraped.Load(), began)
			}
			registry := prometheus.NewRegistry()
			registry.MustRegister(&rendering{monitor: m, scrape: m.scrape(ctx, window), names: names})
			return prometheus.Gatherers{registry, beside}.Gather()
		})
		if c != nil && asked == 0 && !began.IsZero() {
			c.scraped.Store(&began)
		}
	})
}

// askedWindow is the window that the request asks for, 0 if it asks for none.
func askedWindow(r *http.Request) (time.Duration, error) {
	asked := r.URL.Query().Get(windowParameter)
	if asked == "" {
		return 0, nil
	}
	window, err := time.ParseDuration(asked)
	if err != nil || window < shortestWindow || window > longestWindow {
		return 0, fmt.Errorf("invalid %s=%s: use a duration from %s to %s, such as 30s", windowParameter, asked, shortestWindow, longestWindow)
	}
	return window, nil
}

// windowSince reaches back to the previous scrape.
func windowSince(previous, began time.Time) time.Duration {
	return min(max(began.Sub(previous), shortestWindow), longestWindow)
}

// timeoutOf keeps within what Prometheus says that it waits.
func (m *Monitor) timeoutOf(r *http.Request) time.Duration {
	const most = 2 // times AnswerWithin: GPUs, then processes
	timeout := most * m.settings.AnswerTimeout
	if seconds, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64); err == nil && seconds > 0 {
		told := time.Duration(min(seconds, longestWindow.Seconds()) * float64(time.Second))
		timeout = min(timeout, max(told-answerBefore, told/most))
	}
	return timeout
}
