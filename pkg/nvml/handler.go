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
	"github.com/prometheus/client_golang/prometheus/promhttp"
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
	// mostScrapes bounds how many scrapes are answered at once.
	mostScrapes = 8
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
// metrics of the registry beside them.
func Handler(m *Monitor, names Names, beside prometheus.Gatherer) http.Handler {
	slots := make(chan struct{}, mostScrapes)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			http.Error(w, "too many concurrent scrapes: scrape less often", http.StatusServiceUnavailable)
			return
		}
		window, err := m.windowOf(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), m.timeoutOf(r))
		defer cancel()
		registry := prometheus.NewRegistry()
		registry.MustRegister(&rendering{monitor: m, scrape: m.scrape(ctx, window), names: names})
		promhttp.HandlerFor(prometheus.Gatherers{registry, beside}, promhttp.HandlerOpts{EnableOpenMetrics: true, ErrorHandling: promhttp.ContinueOnError}).ServeHTTP(w, r)
	})
}

// windowOf is what the request asks for, else the time since the previous scrape over its connection, else the setting.
func (m *Monitor) windowOf(r *http.Request) (time.Duration, error) {
	if asked := r.URL.Query().Get(windowParameter); asked != "" {
		window, err := time.ParseDuration(asked)
		if err != nil || window < shortestWindow || window > longestWindow {
			return 0, fmt.Errorf("invalid %s=%s: use a duration from %s to %s, such as 30s", windowParameter, asked, shortestWindow, longestWindow)
		}
		return window, nil
	}
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	if c == nil {
		return m.settings.Window, nil
	}
	now := time.Now()
	previous := c.scraped.Swap(&now)
	if previous == nil {
		return m.settings.Window, nil
	}
	return min(max(now.Sub(*previous), shortestWindow), longestWindow), nil
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
