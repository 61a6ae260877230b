// Package prometheustest runs a real Prometheus, its storage, its query engine and its HTTP API, in the process of a test.
package prometheustest

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/regexp"
	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
	api "github.com/prometheus/prometheus/web/api/v1"
)

// Version is what the server says that it is: the version of the module in go.mod.
const Version = "3.16.0"

// Server is a Prometheus that stores what it is given, by remote write, too, and scrapes nothing.
type Server struct {
	URL string
	DB  *tsdb.DB
	// Requests and Bytes count what was asked and what was answered, as it went over the wire.
	Requests, Bytes atomic.Int64
	// Intercept, if set, may answer in the server's place: it reports whether it did. Set it before the first request.
	Intercept func(w http.ResponseWriter, r *http.Request) bool
	close     func()
}

// WithoutLateSamples is an option of New: samples have to come in order, as is Prometheus's default.
func WithoutLateSamples(o *tsdb.Options) { o.OutOfOrderTimeWindow = 0 }

// New starts a server, which ends with the test. It takes samples that are up to an hour late, unless an option says otherwise.
func New(t testing.TB, changes ...func(*tsdb.Options)) *Server {
	t.Helper()
	s, err := Open(t.TempDir(), changes...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Open starts a server with its storage in a folder, for programs that end it themselves.
func Open(folder string, changes ...func(*tsdb.Options)) (*Server, error) {
	options := tsdb.DefaultOptions()
	options.RetentionDuration = 0
	options.OutOfOrderTimeWindow = time.Hour.Milliseconds()
	for _, change := range changes {
		change(options)
	}
	db, err := tsdb.Open(folder, slog.New(slog.DiscardHandler), nil, options, nil)
	if err != nil {
		return nil, err
	}
	queries := parser.NewParser(parser.Options{})
	engine := promql.NewEngine(promql.EngineOpts{
		Logger: slog.New(slog.DiscardHandler), MaxSamples: 50_000_000, Timeout: 2 * time.Minute, Parser: queries,
		EnableAtModifier: true, EnableNegativeOffset: true,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
	})
	s := &Server{DB: db}
	router := route.New()
	newAPI(db, engine, queries).Register(router.WithPrefix("/api/v1"))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Requests.Add(1)
		if s.Intercept == nil || !s.Intercept(w, r) {
			router.ServeHTTP(&counting{w, &s.Bytes}, r)
		}
	}))
	s.URL = server.URL
	s.close = func() {
		server.Close()
		_ = engine.Close()
		_ = db.Close()
	}
	return s, nil
}

// Close ends a server that Open has started.
func (s *Server) Close() { s.close() }

func newAPI(db *tsdb.DB, engine *promql.Engine, queries parser.Parser) *api.API {
	none := prometheus.NewRegistry()
	return api.NewAPI(
		engine, db, db, nil, nil, nil, nil,
		func() config.Config { return config.DefaultConfig }, nil, api.GlobalURLOptions{},
		func(f http.HandlerFunc) http.HandlerFunc { return f }, nil, "", false, false, 0, slog.New(slog.DiscardHandler), nil,
		0, 0, 0, false, regexp.MustCompile(".*"), nil,
		&api.PrometheusVersion{Version: Version, Revision: "test", GoVersion: "go"},
		nil, nil, none, none, nil, true, remoteapi.MessageTypes{remoteapi.WriteV1MessageType}, false, false, false, 5*time.Minute, false, false, nil, nil, api.OpenAPIOptions{}, queries, false, 2*time.Minute,
	)
}

// Instance is a data source that names the server.
func (s *Server) Instance() backend.DataSourceInstanceSettings {
	return backend.DataSourceInstanceSettings{UID: "test", URL: s.URL, JSONData: []byte("{}")}
}

// Sample is a number, or a native histogram, of one series.
type Sample struct {
	Labels    labels.Labels
	At        time.Time
	Value     float64
	Histogram *histogram.FloatHistogram
}

// Append stores samples, also late ones of up to an hour.
func (s *Server) Append(t testing.TB, samples ...Sample) {
	t.Helper()
	appender := s.DB.Appender(t.Context())
	for _, one := range samples {
		var err error
		if one.Histogram != nil {
			_, err = appender.AppendHistogram(0, one.Labels, one.At.UnixMilli(), nil, one.Histogram)
		} else {
			_, err = appender.Append(0, one.Labels, one.At.UnixMilli(), one.Value)
		}
		if err != nil {
			t.Fatalf("append to %s at %s: %s", one.Labels, one.At, err)
		}
	}
	if err := appender.Commit(); err != nil {
		t.Fatal(err)
	}
}

type counting struct {
	http.ResponseWriter
	bytes *atomic.Int64
}

func (c *counting) Write(p []byte) (int, error) {
	c.bytes.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}
