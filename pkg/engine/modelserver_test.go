package engine_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/ingest"
	"github.com/coldhit/modelserving-datasource/pkg/management"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
)

const (
	interval = 200 * time.Millisecond
	patience = time.Minute
	moment   = 20 * time.Millisecond
)

func TestMain(m *testing.M) {
	if address := os.Getenv(childTarget); address != "" {
		runChild(address, os.Getenv(childFolder))
		return
	}
	if runHelper() {
		return
	}
	goleak.VerifyTestMain(m)
}

// modelServer replays what a real server said: a metrics page, and its management API by method and path.
type modelServer struct {
	*httptest.Server
	page, index atomic.Pointer[http.HandlerFunc]
	api         atomic.Pointer[map[string]string]
	// scrapes, and calls of the management API.
	scrapes, calls atomic.Int64
}

func newModelServer(t *testing.T) *modelServer {
	t.Helper()
	s := &modelServer{}
	s.serveText("a 1\n")
	s.serveIndex("[]")
	s.serveAPI(map[string]string{"GET /v2/models/stats": `{"model_stats":[]}`})
	mux := http.NewServeMux()
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) {
		s.scrapes.Add(1)
		(*s.page.Load())(w, r)
	})
	mux.HandleFunc("POST /v2/repository/index", func(w http.ResponseWriter, r *http.Request) { (*s.index.Load())(w, r) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.calls.Add(1)
		said, known := (*s.api.Load())[r.Method+" "+r.URL.Path]
		if !known {
			w.WriteHeader(http.StatusNotFound)
		}
		answer("application/json", said)(w, r)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func answer(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write([]byte(body))
	}
}

func (s *modelServer) serve(h http.HandlerFunc)        { s.page.Store(&h) }
func (s *modelServer) serveText(page string)           { s.serve(answer("text/plain; version=0.0.4", page)) }
func (s *modelServer) serveAPI(said map[string]string) { s.api.Store(&said) }
func (s *modelServer) serveIndex(listing string) {
	h := answer("application/json", listing)
	s.index.Store(&h)
}

func (s *modelServer) target(id string) settings.Target {
	return settings.Target{ID: id, URL: s.URL + "/metrics", Environment: "production", Deployment: "vision"}
}

func (s *modelServer) port(t *testing.T) int {
	t.Helper()
	u, err := url.Parse(s.URL)
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	return port
}

func embedded(targets ...settings.Target) settings.Embedded {
	return settings.Embedded{
		Targets: targets, Interval: interval, ScrapeTimeout: 10 * time.Second, RetentionTime: 15 * 24 * time.Hour, RetentionBytes: 1 << 30,
		ScrapeLimits: settings.ScrapeLimits{BodyBytes: 1 << 20, Samples: 1000, Labels: 20, LabelNameLength: 64, LabelValueLength: 128},
	}
}

// profiles recognises Triton, as the profile files describe it; every protocol is the profile of its name.
type profiles struct{ port int }

func (p profiles) Management(id string) (engine.Management, bool) {
	protocol, known := management.Find(id)
	return engine.Management{Protocol: protocol, Port: p.port}, known
}

func (profiles) Fold([]string) ingest.Fold {
	return ingest.Fold{
		ModelLabels: []string{"model"}, DropLabels: []string{"version"}, Traffic: []string{"nv_inference_request_success"},
		Gauges: []string{"nv_inference_pending_request_count"},
	}
}

func (p profiles) Detect(has func(string) bool) []string {
	if has("nv_inference_request_success") {
		return []string{"triton"}
	}
	return nil
}

func newRegistry(t *testing.T, o engine.Options) *engine.Registry {
	t.Helper()
	if o.DataPath == "" {
		o.DataPath = t.TempDir()
	}
	if o.Logger == nil {
		o.Logger = log.NewNullLogger()
	}
	registry := engine.NewRegistry(o)
	t.Cleanup(func() { require.NoError(t, registry.Close()) })
	return registry
}

var mainKey = engine.Key{OrgID: 1, UID: "serving"}

func acquire(t *testing.T, r *engine.Registry, key engine.Key, s settings.Embedded) *engine.Handle {
	t.Helper()
	handle, err := r.Acquire(context.Background(), key, s, time.Time{})
	require.NoError(t, err)
	t.Cleanup(handle.Release)
	return handle
}

// value evaluates an expression that has one series, or none.
func value(t *testing.T, h *engine.Handle, expr string) (float64, bool) {
	t.Helper()
	found, err := h.InstantPromQL(context.Background(), expr, time.Now())
	require.NoError(t, err)
	if len(found.Series) == 0 {
		return 0, false
	}
	require.Len(t, found.Series, 1, expr)
	return found.Series[0].Values[0], true
}

func eventually(t *testing.T, h *engine.Handle, expr string, want float64) {
	t.Helper()
	require.Eventually(t, func() bool {
		got, found := value(t, h, expr)
		return found && got == want
	}, patience, moment, "%s should become %g", expr, want)
}

func eventuallyGone(t *testing.T, h *engine.Handle, expr string) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, found := value(t, h, expr)
		return !found
	}, patience, moment, "%s should end", expr)
}

// eventuallyAnswers waits until an expression has an answer: on a busy machine a single scrape may run into its timeout, which
// is as short as the interval.
func eventuallyAnswers(t *testing.T, h *engine.Handle, expr string) (got float64) {
	t.Helper()
	require.Eventually(t, func() bool {
		var found bool
		got, found = value(t, h, expr)
		return found
	}, patience, moment, "%s should have an answer", expr)
	return got
}

// eventuallyIs waits until a target's status is as wanted, for the same reason.
func eventuallyIs(t *testing.T, h *engine.Handle, id string, wanted func(engine.TargetStatus) bool) {
	t.Helper()
	require.Eventually(t, func() bool { return wanted(status(t, h, id)) }, patience, moment, "of %s, first %+v", id, status(t, h, id))
}

func scraped(s engine.TargetStatus) bool           { return s.Up && s.LastError == "" }
func answersManagement(s engine.TargetStatus) bool { return s.ManagementError == "" }

func notScraped(reason string) func(engine.TargetStatus) bool {
	return func(s engine.TargetStatus) bool { return !s.Up && strings.Contains(s.LastError, reason) }
}

func notManaged(reason string) func(engine.TargetStatus) bool {
	return func(s engine.TargetStatus) bool { return strings.Contains(s.ManagementError, reason) }
}

func status(t *testing.T, h *engine.Handle, id string) engine.TargetStatus {
	t.Helper()
	statuses, err := h.Targets(context.Background())
	require.NoError(t, err)
	for _, s := range statuses {
		if s.ID == id {
			return s
		}
	}
	return engine.TargetStatus{}
}
