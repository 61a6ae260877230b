package blackbox

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

const featureTimes = `id: features
name: Feature service
layer: server
endpoint: {port: 9100, path: /metrics}
detect: [feature_seconds]
identity_metric: feature_requests_total
replica: [job, instance]
labels: {model: model_name, replica: instance, environment: environment, deployment: deployment}
metrics:
  feature_requests_total: {type: counter, unit: requests, labels: [model]}
  feature_seconds: {type: histogram, unit: seconds, labels: [model]}
signals:
  feature_extraction_time: [{histogram: feature_seconds}]
  response_time: [{histogram: feature_seconds}]
`

// observing serves a histogram that sees 0.3 s nine times and 3 s once for every scrape.
func observing(t *testing.T, o prometheus.HistogramOpts) *httptest.Server {
	t.Helper()
	registry := prometheus.NewRegistry()
	o.Name, o.Help = "feature_seconds", "Time to make the features."
	seconds := prometheus.NewHistogramVec(o, []string{"model_name"})
	registry.MustRegister(seconds)
	page := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 9 {
			seconds.WithLabelValues("churn").Observe(0.3)
		}
		seconds.WithLabelValues("churn").Observe(3)
		page.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

// A native histogram is read rather than the classic buckets beside it, is merged with a classic one of another server, and
// counts once.
func TestNativeHistograms(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	both := observing(t, prometheus.HistogramOpts{Buckets: []float64{1, 10}, NativeHistogramBucketFactor: 1.1})
	s := driver.Embedded("native", unmanaged(t, "one", both.URL+"/metrics"))
	s.JSON["profiles"] = []map[string]string{{"name": "features.yaml", "text": featureTimes}}
	q := within("10s", query("feature_extraction_time", []string{"p50", "p95", "mean"}, "model"))
	p95 := map[string]string{"model": "churn", "statistic": "p95"}
	answer := eventually(t, p, s, q, map[string]string{"statistic": "p50"}, p95, map[string]string{"statistic": "mean"})
	require.InEpsilon(t, 0.3, driver.Value(t, answer, map[string]string{"statistic": "p50"}), 0.1)
	require.InEpsilon(t, 3, driver.Value(t, answer, p95), 0.1)
	require.InDelta(t, 0.57, driver.Value(t, answer, map[string]string{"statistic": "mean"}), 1e-6, "classic and native count once")
	lower, upper, saturated := bucketOf(t, backend.DataResponse{Frames: answer.Frames[1:]})
	require.True(t, *lower < 3 && 3 <= *upper && *upper <= 1.1**lower, "%f %f", *lower, *upper)
	require.False(t, saturated)
	require.Contains(t, answer.Frames[0].Meta.ExecutedQueryString, "histogram_quantile(0.95, sum by (model) (label_replace(")

	burn := eventually(t, p, s, within("10s", query("slo_burn_rate", nil, "model", "objective")), map[string]string{"objective": "response_time"})
	require.InDelta(t, 20, driver.Value(t, burn, map[string]string{"objective": "response_time"}), 1e-6, "all are slower than 0.2 s, where 5 % may be")

	classic := observing(t, prometheus.HistogramOpts{Buckets: []float64{1, 10}})
	mixed := driver.Embedded("mixed-native", unmanaged(t, "one", both.URL+"/metrics"), unmanaged(t, "two", classic.URL+"/metrics"))
	mixed.ID, mixed.JSON["profiles"] = 2, s.JSON["profiles"]
	mixed.Updated = time.Now()
	require.Eventually(t, func() bool {
		answer = p.Ask(mixed, 30*time.Second, q)["A"]
		v, found := driver.Find(answer, p95)
		return found && v > 2.5 && v < 3.5 && strings.Contains(answer.Frames[0].Meta.ExecutedQueryString, "merged by the plugin")
	}, waitForScrape, 4*pollEvery)
	require.InDelta(t, 0.57, driver.Value(t, answer, map[string]string{"statistic": "mean"}), 1e-6)
}
