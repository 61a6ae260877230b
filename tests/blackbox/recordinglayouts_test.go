package blackbox

import (
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// Buckets that were summed over replicas of different bounds are not read: the histograms are merged as if there were no rules.
func TestRecordedBucketsOfDifferentBoundsAreNotRead(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	server := prometheustest.New(t)
	end := time.Now().Truncate(time.Minute)
	var r *ruler
	for i := range 121 {
		at := end.Add(time.Duration(i-120) * scrapedEvery)
		var samples []prometheustest.Sample
		add := func(value float64, pairs ...string) {
			set := labels.FromStrings(append(pairs, "namespace", "production", "job", "chat")...)
			samples = append(samples, prometheustest.Sample{Labels: set, At: at, Value: value * float64(i)})
		}
		add(1, "__name__", "vllm:num_requests_running", "model_name", "alike", "instance", "a:8000")
		// Of the model alike both replicas have the same bounds, of the model apart they do not. Each serves 100 requests a scrape.
		for _, h := range []struct{ model, instance, first, second string }{
			{"alike", "a:8000", "0.1", "1"}, {"alike", "b:8000", "0.1", "1"}, {"apart", "a:8000", "0.1", "1"}, {"apart", "b:8000", "0.2", "2"},
		} {
			for _, bucket := range []struct {
				le    string
				below float64
			}{{h.first, 80}, {h.second, 100}, {"+Inf", 100}} {
				add(bucket.below, "__name__", "vllm:e2e_request_latency_seconds_bucket", "le", bucket.le, "model_name", h.model, "instance", h.instance)
			}
			add(100, "__name__", "vllm:e2e_request_latency_seconds_count", "model_name", h.model, "instance", h.instance)
		}
		server.Append(t, samples...)
		if i == 8 {
			status, text := p.CallMethod(driver.Prometheus("writer", server.URL), "GET", "recording-rules", "signals=response_time")
			require.Equal(t, 200, status, string(text))
			r = newRuler(t, server, text)
		}
		if r != nil {
			r.evaluate(t, at, inTime)
		}
	}
	ask := func(model string) backend.DataResponse {
		q := filtered(query("response_time", []string{"p50"}, "model"), map[string][]string{"model": {model}})
		return p.AskRange(driver.Prometheus("layouts", server.URL), backend.TimeRange{From: end.Add(-10 * time.Minute), To: end}, time.Minute, q)["A"]
	}
	alike := ask("alike")
	require.NotEmpty(t, recordedIn(t, alike))
	require.InDelta(t, 0.1*100/160, driver.Value(t, alike, map[string]string{"model": "alike"}), 1e-9)

	apart := ask("apart")
	require.Empty(t, recordedIn(t, apart))
	require.NotContains(t, apart.Frames[0].Meta.ExecutedQueryString, "recording rules")
	require.Contains(t, apart.Frames[0].Meta.ExecutedQueryString, "rate(vllm:e2e_request_latency_seconds_bucket")
	// 80 of 0 to 0.1 and 80 of 0 to 0.2: 100 lie below x where 800 x + 400 x = 100, if that is within 0.1.
	require.InDelta(t, 100.0/1200, driver.Value(t, apart, map[string]string{"model": "apart"}), 0.002)

	// The share of slow requests is made of the same buckets, and says what was read.
	burns := func(model string) backend.DataResponse {
		q := filtered(query("slo_burn_rate", nil, "model", "objective"), map[string][]string{"model": {model}, "objective": {"response_time"}})
		return p.AskRange(driver.Prometheus("layouts", server.URL), backend.TimeRange{From: end.Add(-10 * time.Minute), To: end}, time.Minute, q)["A"]
	}
	alike = burns("alike")
	require.NotEmpty(t, recordedIn(t, alike))
	require.NotContains(t, alike.Frames[0].Meta.ExecutedQueryString, "rate(vllm:e2e_request_latency_seconds_bucket")
	// Of each 100 requests 20 take 0.1 to 1 s, so 20 × 0.8 / 0.9 more than the objective of 0.2 s. 5 may.
	require.InDelta(t, 16/0.9/5, driver.Value(t, alike, map[string]string{"model": "alike"}), 1e-9)
	apart = burns("apart")
	require.Empty(t, recordedIn(t, apart))
	require.NotContains(t, apart.Frames[0].Meta.ExecutedQueryString, "recording rules")
	require.InDelta(t, (16/0.9+20)/2/5, driver.Value(t, apart, map[string]string{"model": "apart"}), 0.002)
}
