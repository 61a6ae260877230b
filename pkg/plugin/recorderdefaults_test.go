package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

// fullRecorder is a recorder with default options that has as many models as it counts by themselves, with names as long as they are stored, each
// with hot and cold requests.
type fullRecorder struct {
	page string
	// ask sends n requests to each model.
	ask func(n int)
}

const (
	recorderModels = 1000
	recorderLabel  = 128
)

func longName(kind string, i int) string {
	name := fmt.Sprintf("%s-%04d-", kind, i)
	return name + strings.Repeat("x", recorderLabel-len(name))
}

func newFullRecorder(t *testing.T) fullRecorder {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Start", r.Header.Get("X-Start"))
		w.Header().Set("X-Queue", "1")
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(server.Close)
	upstream, err := url.Parse(server.URL)
	require.NoError(t, err)
	routes, err := recorder.BuiltinRoutes(recorder.DefaultRoutes)
	require.NoError(t, err)
	r, err := recorder.New(recorder.Options{
		Upstream: upstream, Routes: routes, Logger: slog.New(slog.DiscardHandler),
		Sources:   []recorder.Source{recorder.ResponseHeader{Header: "X-Start", Cold: []string{"cold"}, Hot: []string{"hot"}}},
		QueueTime: recorder.QueueTimeHeader{Name: "X-Queue", Unit: time.Millisecond},
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(r))
	page := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	t.Cleanup(page.Close)
	ask := func(n int) {
		for i := range recorderModels {
			for _, start := range []string{"hot", "cold"} {
				path := fmt.Sprintf("/v2/models/%s/versions/%s/infer", longName("model", i), longName("version", i))
				for range n {
					request := httptest.NewRequest(http.MethodPost, path, strings.NewReader("{}"))
					request.Header.Set("X-Start", start)
					r.ServeHTTP(httptest.NewRecorder(), request)
				}
			}
		}
	}
	return fullRecorder{page: page.URL + "/metrics", ask: ask}
}

// The defaults of the recorder and of the plugin fit together: all models of a full recorder are stored by themselves. With a lower limit the
// models with least traffic are stored together, and the totals are the same.
func TestDefaultsOfRecorderAndPluginFit(t *testing.T) {
	source := newFullRecorder(t)
	source.ask(1)
	d, reduced := recorderSource(t, source.page, `{}`), recorderSource(t, source.page, `{"scrapeLimits": {"samples": 100000}}`)
	require.Empty(t, d.examine(t.Context(), d.settings.Embedded.Targets[0], d.settings.Embedded, make(chan struct{}, 1)).Problem)
	const requests = `sum(modelserving_requests_total)`
	models := func(d *Datasource) float64 {
		return d.valueOf(t, `count(count by (model) (modelserving_response_time_seconds_bucket{start="cold", model!="other"}))`)
	}
	require.Eventually(t, func() bool { return d.valueOf(t, requests) == 2*recorderModels }, time.Minute, time.Second)
	require.InDelta(t, recorderModels, models(d), 0)
	require.Empty(t, d.engine.Limits().Folded)
	require.False(t, d.engine.Limits().Near)

	require.Eventually(t, func() bool { return len(reduced.engine.Limits().Folded) == 1 }, time.Minute, time.Second)
	page := reduced.engine.Limits().Folded[0]
	require.Equal(t, recorderModels, page.Models)
	require.Zero(t, page.Dropped)
	require.Eventually(t, func() bool { return reduced.valueOf(t, requests) > 0 }, time.Minute, time.Second)
	require.InDelta(t, recorderModels-page.Folded, models(reduced), 0)
	source.ask(1)
	// Sums count from the first page on.
	want := float64(4*(recorderModels-page.Folded) + 2*page.Folded)
	require.Eventually(t, func() bool { return reduced.valueOf(t, requests) == want }, time.Minute, time.Second)
	require.InDelta(t, 2*page.Folded, reduced.valueOf(t, `sum(modelserving_requests_total{model="other"})`), 0)
	require.InDelta(t, page.Folded, reduced.valueOf(t, `sum(modelserving_response_time_seconds_bucket{model="other",start="cold",le="+Inf"})`), 0)
	require.InDelta(t, page.Folded, reduced.valueOf(t, `sum(histogram_count(modelserving_response_time_seconds{model="other",start="cold"}))`), 0)
}

// valueOf evaluates PromQL now; -1 if there is no result.
func (d *Datasource) valueOf(t *testing.T, expr string) float64 {
	t.Helper()
	result, err := d.engine.InstantPromQL(t.Context(), expr, time.Now())
	require.NoError(t, err)
	if len(result.Series) == 0 {
		return -1
	}
	return result.Series[0].Values[0]
}

// recorderSource is a data source with default settings, but for the interval and limits, that scrapes one page.
func recorderSource(t *testing.T, page, limits string) *Datasource {
	t.Helper()
	settings := map[string]any{"interval": "5s", "targets": []map[string]string{{"id": "recorder", "url": page}}}
	if limits != "" {
		require.NoError(t, json.Unmarshal([]byte(limits), &settings))
	}
	encoded, err := json.Marshal(settings)
	require.NoError(t, err)
	d, err := newHost(t, t.TempDir()).instance(1, stored("recorder", string(encoded)))
	require.NoError(t, err)
	return d
}
