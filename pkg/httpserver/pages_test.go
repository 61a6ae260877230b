package httpserver_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/httpserver"
)

const patience = time.Minute

// slowMetrics counts collections, each of which lasts until it is released.
type slowMetrics struct {
	started  atomic.Int64
	released chan struct{}
}

func (m *slowMetrics) Gather() ([]*dto.MetricFamily, error) {
	n := m.started.Add(1)
	<-m.released
	registry := prometheus.NewRegistry()
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "collection", Help: "h"})
	gauge.Set(float64(n))
	registry.MustRegister(gauge)
	return registry.Gather()
}

func TestSimultaneousScrapesShareACollectionThatBeganAfterTheyArrived(t *testing.T) {
	metrics := &slowMetrics{released: make(chan struct{})}
	server := httptest.NewServer(httpserver.NewPages(1).Handler(metrics))
	t.Cleanup(server.Close)
	scrape := func() string {
		response, err := server.Client().Get(server.URL)
		if err != nil {
			return err.Error()
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return fmt.Sprint(response.StatusCode, " ", string(body[strings.LastIndex(string(body), "collection"):]))
	}
	first := make(chan string)
	go func() { first <- scrape() }()
	require.Eventually(t, func() bool { return metrics.started.Load() == 1 }, patience, time.Millisecond)
	const others = 200
	results := make(chan string, others)
	var arrived sync.WaitGroup
	for range others {
		arrived.Add(1)
		go func() {
			arrived.Done()
			results <- scrape()
		}()
	}
	arrived.Wait()
	metrics.released <- struct{}{}
	require.Equal(t, "200 collection 1\n", <-first)
	close(metrics.released)
	for range others {
		result := <-results
		require.NotEqual(t, "200 collection 1\n", result, "what began before a scrape arrived is too old for it")
		require.Contains(t, result, "200 collection ")
	}
	require.Less(t, metrics.started.Load(), int64(others/2), "they share")
}

func TestPagesAreThoseOfPromhttp(t *testing.T) {
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "c_total", Help: "h"}, []string{"l"})
	counter.WithLabelValues("ä\n\"").Inc()
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h_seconds", Help: "h", NativeHistogramBucketFactor: 1.1, Buckets: []float64{1}})
	histogram.Observe(2)
	registry.MustRegister(counter, histogram)
	mine := httptest.NewServer(httpserver.NewPages(1).Handler(registry))
	theirs := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	t.Cleanup(mine.Close)
	t.Cleanup(theirs.Close)
	for _, accept := range []string{
		"", "text/plain", "application/openmetrics-text;version=1.0.0;charset=utf-8,text/plain;version=0.0.4;q=0.5",
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,text/plain;q=0.3",
	} {
		for _, encoding := range []string{"identity", "gzip", "deflate, gzip;q=0.5", "gzip;q=0"} {
			get := func(url string) string {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
				require.NoError(t, err)
				request.Header.Set("Accept", accept)
				request.Header.Set("Accept-Encoding", encoding)
				response, err := http.DefaultTransport.RoundTrip(request)
				require.NoError(t, err)
				defer response.Body.Close()
				body := io.Reader(response.Body)
				if response.Header.Get("Content-Encoding") == "gzip" {
					body, err = gzip.NewReader(response.Body)
					require.NoError(t, err)
				}
				text, err := io.ReadAll(body)
				require.NoError(t, err)
				return fmt.Sprint(response.StatusCode, response.Header["Content-Type"], response.Header["Content-Encoding"], string(text))
			}
			require.Equal(t, get(theirs.URL), get(mine.URL), "%s, %s", accept, encoding)
		}
	}
}

func TestFailedCollections(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(broken{})
	for serve, want := range map[bool]int{false: http.StatusInternalServerError, true: http.StatusOK} {
		pages := httpserver.NewPages(1)
		pages.ContinueOnError = serve
		recorder := httptest.NewRecorder()
		pages.Handler(registry).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
		require.Equal(t, want, recorder.Code)
		require.Equal(t, serve, strings.Contains(recorder.Body.String(), "good 1"))
	}
}

// broken has a good and a bad metric.
type broken struct{}

func (broken) Describe(chan<- *prometheus.Desc) {}

func (broken) Collect(to chan<- prometheus.Metric) {
	to <- prometheus.MustNewConstMetric(prometheus.NewDesc("good", "h", nil, nil), prometheus.GaugeValue, 1)
	to <- prometheus.NewInvalidMetric(prometheus.NewDesc("bad", "h", nil, nil), io.ErrUnexpectedEOF)
}

// Whoever reads slowly keeps a page in memory. Many of them cannot keep many.
func TestSlowScrapersKeepABoundedNumberOfPages(t *testing.T) {
	const pageBytes, limit = 8 << 20, 40 << 20
	var collected atomic.Int64
	pages := httpserver.NewPages(1)
	pages.LimitBytes(limit)
	server := httptest.NewServer(pages.Handler(prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		registry := prometheus.NewRegistry()
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "g", Help: strings.Repeat("x", pageBytes)}, func() float64 { return float64(collected.Add(1)) }))
		return registry.Gather()
	})))
	t.Cleanup(server.Close)
	for range 20 {
		response, err := http.Get(server.URL) // and reads nothing
		require.NoError(t, err)
		t.Cleanup(func() { _ = response.Body.Close() })
		require.LessOrEqual(t, pages.Bytes(), limit)
	}
	require.EqualValues(t, 20, collected.Load())
	response, err := http.Get(server.URL)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Contains(t, string(body[pageBytes:]), "g 21", "who reads gets the whole page")
}
