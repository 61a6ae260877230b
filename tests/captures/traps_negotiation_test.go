package captures

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/settings"
	"github.com/coldhit/modelserving-datasource/pkg/target"
)

// Both readers of metrics pages: Save & test, and scraping.
type reader struct {
	t       *testing.T
	address string
	handle  *engine.Handle
}

const patience = time.Minute

// reads serves a page as a handler does it, to both readers with the settings' defaults.
func reads(t *testing.T, handler http.HandlerFunc) reader {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	registry := engine.NewRegistry(engine.Options{DataPath: t.TempDir(), Logger: log.NewNullLogger()})
	t.Cleanup(func() { require.NoError(t, registry.Close()) })
	handle, err := registry.Acquire(context.Background(), engine.Key{OrgID: 1, UID: "traps"}, configured(server.URL), time.Time{})
	require.NoError(t, err)
	t.Cleanup(handle.Release)
	return reader{t, server.URL, handle}
}

func configured(url string) settings.Embedded {
	return settings.Embedded{
		Targets:  []settings.Target{{ID: "t", URL: url + "/metrics"}},
		Interval: time.Second, ScrapeTimeout: time.Second, RetentionTime: 24 * time.Hour, RetentionBytes: 1 << 30, ScrapeLimits: settings.DefaultScrapeLimits,
	}
}

// probed is what Save & test finds on the page.
func (r reader) probed() target.Page {
	r.t.Helper()
	client, err := target.New(settings.Target{URL: r.address + "/metrics"}, configured(r.address))
	require.NoError(r.t, err)
	defer client.Close()
	result := client.Probe(context.Background(), settings.DefaultScrapeLimits)
	require.Nil(r.t, result.Err)
	return result.Page
}

// scraped waits until an expression has series in the store.
func (r reader) scraped(expr string) series.Result {
	r.t.Helper()
	var answer series.Result
	require.Eventually(r.t, func() bool {
		found, err := r.handle.InstantPromQL(context.Background(), expr, time.Now())
		require.NoError(r.t, err)
		answer = found
		return len(found.Series) > 0
	}, patience, 50*time.Millisecond, expr)
	return answer
}

func (r reader) requireScraped(want float64, expr string) {
	r.t.Helper()
	answer := r.scraped(expr)
	require.Len(r.t, answer.Series, 1)
	require.InDelta(r.t, want, answer.Series[0].Values[0], 1e-9, expr)
}

func as(contentType string, page []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(page)
	}
}

// MLServer and BentoML say so.
func TestTextOfVersion1(t *testing.T) {
	t.Parallel()
	for server, c := range map[string]struct{ recording, metric string }{
		"mlserver": {"2-metrics-loaded", `sum(model_infer_request_success_total)`},
		"bentoml":  {"2-metrics-loaded", `sum(bentoml_service_request_total)`},
	} {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			page := Recording(t, server, c.recording)
			s := newStore(t, 1)
			s.add(server, page)
			r := reads(t, as("text/plain; version=1.0.0; charset=utf-8", page))
			require.Greater(t, r.probed().Samples, 50)
			r.requireScraped(s.number(c.metric), c.metric)
		})
	}
}

// KServe answers in OpenMetrics to who prefers it. Its numbers are those that it gives as text.
func TestOpenMetrics(t *testing.T) {
	t.Parallel()
	openMetrics, text := Recording(t, "kserve", "2-openmetrics"), Recording(t, "kserve", "2-metrics-loaded")
	r := reads(t, func(w http.ResponseWriter, request *http.Request) {
		if strings.Contains(request.Header.Get("Accept"), "application/openmetrics-text") {
			as("application/openmetrics-text; version=1.0.0; charset=utf-8", openMetrics)(w, request)
			return
		}
		as("text/plain; version=0.0.4", text)(w, request)
	})
	require.True(t, embedded(t).Find("kserve").Has(func(metric string) bool { _, ok := r.probed().Metrics[metric]; return ok }))
	asText := newStore(t, 1)
	asText.add("kserve", text)
	for _, expr := range []string{`sum(request_predict_seconds_count)`, `sum(request_predict_seconds_bucket{le=~"0.1|[+]Inf"})`, `count(request_predict_seconds_bucket)`} {
		r.requireScraped(asText.number(expr), expr)
	}
}

// Every server of the recordings answers who asks for protobuf in text.
func TestNoServerSpeaksProtobuf(t *testing.T) {
	t.Parallel()
	page := Recording(t, "triton", tritonLoaded[1])
	asked := make(chan string, 100)
	r := reads(t, func(w http.ResponseWriter, request *http.Request) {
		select {
		case asked <- request.Header.Get("Accept"):
		default:
		}
		as("text/plain; charset=utf-8", page)(w, request)
	})
	r.requireScraped(500, `sum(nv_inference_request_success)`)
	require.Contains(t, <-asked, "application/vnd.google.protobuf", "native histograms come in no other format")
	require.Contains(t, r.probed().Metrics, "nv_inference_request_success")
}

// Ray's page is 1.5 MB with some 4,000 series, and 40 kB when compressed, which only Ray does.
func TestRayPageIsLargeUnlessCompressed(t *testing.T) {
	t.Parallel()
	page := Recording(t, "ray_serve", "3-metrics-loaded")
	require.Greater(t, len(page), 1<<20)
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, err := w.Write(page)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Less(t, compressed.Len(), len(page)/20)
	r := reads(t, func(w http.ResponseWriter, request *http.Request) {
		if !strings.Contains(request.Header.Get("Accept-Encoding"), "gzip") {
			http.Error(w, "ask for gzip", http.StatusNotAcceptable)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		as("text/plain; version=0.0.4", compressed.Bytes())(w, request)
	})
	require.Greater(t, r.probed().Samples, 3000, "within the default limits")
	s := newStore(t, 1)
	s.add("ray_serve", page)
	r.requireScraped(s.number(`sum(ray_serve_num_http_requests_total)`), `sum(ray_serve_num_http_requests_total)`)

	plain := reads(t, as("text/plain; version=0.0.4", page))
	require.Greater(t, plain.probed().Samples, 3000, "other servers compress nothing")
}

// A reader that searches for le=" finds it in handle=" too.
func TestHandleContainsLe(t *testing.T) {
	t.Parallel()
	page := Recording(t, "ray_serve", "2-metrics-during")
	const buckets = "ray_serve_router_args_resolution_latency_ms_bucket"
	r := reads(t, as("text/plain; version=0.0.4", page))
	s := newStore(t, 1)
	s.add("ray_serve", page)
	for _, expr := range []string{`sum(` + buckets + `{le="+Inf"})`, `count(` + buckets + `)`, `count(count by (le) (` + buckets + `))`} {
		r.requireScraped(s.number(expr), expr)
	}
	for _, series := range r.scraped(buckets).Series {
		require.Regexp(t, `^(\+Inf|[0-9.e+]+)$`, series.Labels["le"])
		require.NotRegexp(t, `^[0-9.]*$`, series.Labels["handle"])
	}
}

// Whatever a server wrote can be read to its end.
func TestEveryRecordingCanBeRead(t *testing.T) {
	t.Parallel()
	read := 0
	require.NoError(t, filepath.WalkDir("testdata", func(path string, entry fs.DirEntry, err error) error {
		name, isPage := strings.CutSuffix(strings.TrimSuffix(path, ".gz"), ".txt")
		if err != nil || entry.IsDir() || !isPage {
			return err
		}
		page := Recording(t, filepath.Base(filepath.Dir(path)), filepath.Base(name))
		contentType := "text/plain"
		if bytes.HasSuffix(page, []byte("# EOF\n")) {
			contentType = "application/openmetrics-text"
		}
		parser, err := textparse.New(page, contentType, labels.NewSymbolTable(), textparse.ParserOptions{})
		require.NoError(t, err, path)
		samples := 0
		for {
			entry, err := parser.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, path)
			if entry == textparse.EntrySeries {
				samples++
			}
		}
		require.Equal(t, linesWithSamples(page), samples, path)
		read++
		return nil
	}))
	require.Greater(t, read, 60)
}

func linesWithSamples(page []byte) int {
	n := 0
	for line := range bytes.Lines(page) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			n++
		}
	}
	return n
}
