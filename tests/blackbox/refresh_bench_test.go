package blackbox

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

const (
	refreshedModels = 500
	refreshStep     = 15 * time.Second
)

// fleetBehindRecorder stores scrapes of a recorder before 500 models: 31 series each.
func fleetBehindRecorder(b *testing.B, server *prometheustest.Server, from, to time.Time) {
	b.Helper()
	buckets := []string{"0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"}
	for at := from; !at.After(to); at = at.Add(refreshStep) {
		scrapes := float64(at.Unix()) / refreshStep.Seconds()
		samples := []prometheustest.Sample{}
		add := func(name, model string, value float64, more ...string) {
			pairs := append([]string{"__name__", name, "model", model, "job", "recorder", "instance", "recorder:9091", "namespace", "production"}, more...)
			samples = append(samples, prometheustest.Sample{At: at, Value: value, Labels: labels.FromStrings(pairs...)})
		}
		add("modelserving_recorder_models_limit", "", 1000)
		for m := range refreshedModels {
			model, requests := fmt.Sprintf("model-%03d", m), scrapes*float64(m+1)
			add("modelserving_requests_total", model, requests, "code", "200")
			add("modelserving_requests_total", model, requests/100, "code", "500")
			add("modelserving_concurrent_requests", model, float64(m%7))
			for _, histogram := range []string{"modelserving_response_time_seconds", "modelserving_time_to_first_byte_seconds"} {
				for i, le := range buckets {
					add(histogram+"_bucket", model, requests*float64(i+1)/float64(len(buckets)), "le", le)
				}
				add(histogram+"_sum", model, requests*0.2)
				add(histogram+"_count", model, requests)
			}
		}
		server.Append(b, samples...)
	}
}

// metricsDashboard is what the shipped dashboard asks for, with all of its variables at All.
func metricsDashboard(b *testing.B) (queries []map[string]any) {
	b.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "dashboards", "metrics.json"))
	require.NoError(b, err)
	var dashboard struct {
		Panels []struct {
			Targets []map[string]any `json:"targets"`
		} `json:"panels"`
	}
	require.NoError(b, json.Unmarshal(text, &dashboard))
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			delete(target, "filters")
			queries = append(queries, target)
		}
	}
	require.Greater(b, len(queries), 20)
	return queries
}

// BenchmarkRefreshOfTheMetricsDashboard refreshes the Metrics dashboard over 500 models and an hour: as plain queries, and by what is kept.
func BenchmarkRefreshOfTheMetricsDashboard(b *testing.B) {
	server := prometheustest.New(b)
	now := time.Now().Truncate(refreshStep)
	fleetBehindRecorder(b, server, now.Add(-65*time.Minute), now)
	p := driver.Start(b, binary, b.TempDir())
	queries := metricsDashboard(b)
	source := func(id int64, off bool) driver.Source {
		s := driver.Prometheus(fmt.Sprintf("refreshed-%v", off), server.URL)
		s.ID = id
		s.JSON["prometheus"] = map[string]any{"incremental": map[string]any{"off": off, "memory": "512MB"}}
		return s
	}
	plain, kept := source(61, true), source(62, false)
	refresh := func(s driver.Source, end time.Time) (took time.Duration, requests, bytes int64, slowest string) {
		requests, bytes = server.Requests.Load(), server.Bytes.Load()
		worst := time.Duration(0)
		for _, q := range queries {
			began := time.Now()
			answer := p.AskRange(s, backend.TimeRange{From: end.Add(-time.Hour), To: end}, refreshStep, q)["A"]
			require.NoError(b, answer.Error)
			one := time.Since(began)
			if took += one; one > worst {
				worst, slowest = one, fmt.Sprintf("%s of %v", one.Round(time.Millisecond), q["signal"])
			}
		}
		return took, server.Requests.Load() - requests, server.Bytes.Load() - bytes, slowest
	}
	refresh(kept, now)
	for b.Loop() {
		now = now.Add(refreshStep)
		fleetBehindRecorder(b, server, now, now)
		whole, wholeRequests, wholeBytes, slowestWhole := refresh(plain, now)
		part, partRequests, partBytes, slowestPart := refresh(kept, now)
		b.Logf("plain: %s, %d requests, %.1f MB, the slowest %s; from what is kept: %s, %d requests, %.2f MB, the slowest %s; %.3f of the time, %.3f of the bytes", whole, wholeRequests,
			float64(wholeBytes)/1e6, slowestWhole, part, partRequests, float64(partBytes)/1e6, slowestPart, part.Seconds()/whole.Seconds(), float64(partBytes)/float64(wholeBytes))
		b.ReportMetric(part.Seconds()/whole.Seconds(), "time-ratio")
		b.ReportMetric(float64(partBytes)/float64(wholeBytes), "bytes-ratio")
	}
}
