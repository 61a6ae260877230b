package blackbox

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/procfs"
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

// refreshing is a plugin process of its own that shows the dashboard, so that what it takes is its own.
type refreshing struct {
	*driver.Plugin
	source  driver.Source
	server  *prometheustest.Server
	queries []map[string]any
}

func newRefreshing(b *testing.B, server *prometheustest.Server, id int64, off bool) refreshing {
	s := driver.Prometheus(fmt.Sprintf("refreshed-%v", off), server.URL)
	s.ID = id
	s.JSON["prometheus"] = map[string]any{"incrementalQuerying": !off, "queryCacheSize": "512MB"}
	return refreshing{driver.Start(b, binary, b.TempDir()), s, server, metricsDashboard(b)}
}

// dashboardCost is what one refresh took. Processor time is that of the plugin and of this process, in which Prometheus runs; memory is
// the plugin's largest resident set while it lasted.
type dashboardCost struct {
	wall, processor time.Duration
	requests, bytes int64
	memory          int64
	slowest         string
}

func (c dashboardCost) String() string {
	return fmt.Sprintf("%s (processor %s), %d requests, %.2f MB, at most %.0f MB of memory, the slowest %s", c.wall.Round(time.Millisecond),
		c.processor.Round(time.Millisecond), c.requests, float64(c.bytes)/1e6, float64(c.memory)/1e6, c.slowest)
}

// refresh asks for all panels, one behind another, over the hour before end.
func (r refreshing) refresh(b *testing.B, end time.Time) (cost dashboardCost) {
	b.Helper()
	plugin, err := procfs.NewProc(r.Process.ReattachConfig().Pid)
	require.NoError(b, err)
	self, err := procfs.Self()
	require.NoError(b, err)
	forgetPeakMemory(b, plugin)
	processor := processorTime(b, plugin) + processorTime(b, self)
	cost.requests, cost.bytes = r.server.Requests.Load(), r.server.Bytes.Load()
	worst := time.Duration(0)
	for _, q := range r.queries {
		began := time.Now()
		answer := r.AskRange(r.source, backend.TimeRange{From: end.Add(-time.Hour), To: end}, refreshStep, q)["A"]
		require.NoError(b, answer.Error)
		one := time.Since(began)
		if cost.wall += one; one > worst {
			worst, cost.slowest = one, fmt.Sprintf("%s of %v", one.Round(time.Millisecond), q["signal"])
		}
	}
	cost.requests, cost.bytes = r.server.Requests.Load()-cost.requests, r.server.Bytes.Load()-cost.bytes
	cost.processor = processorTime(b, plugin) + processorTime(b, self) - processor
	cost.memory = peakMemory(b, plugin)
	return cost
}

func processorTime(b *testing.B, of procfs.Proc) time.Duration {
	b.Helper()
	stat, err := of.Stat()
	require.NoError(b, err)
	return time.Duration(stat.CPUTime() * float64(time.Second))
}

// peakMemory is the largest resident set, in bytes, since the process began or forgetPeakMemory.
func peakMemory(b *testing.B, of procfs.Proc) int64 {
	b.Helper()
	status, err := of.NewStatus()
	require.NoError(b, err)
	return int64(status.VmHWM)
}

func forgetPeakMemory(b *testing.B, of procfs.Proc) {
	b.Helper()
	const resetPeak = "5" // proc_pid_clear_refs(5)
	require.NoError(b, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", of.PID), []byte(resetPeak), 0))
}

// BenchmarkRefreshOfTheMetricsDashboard refreshes the Metrics dashboard over 500 models and an hour, by two plugin processes: one that
// keeps nothing, so that all panels are plain queries, and one that keeps answers.
func BenchmarkRefreshOfTheMetricsDashboard(b *testing.B) {
	server := prometheustest.New(b)
	now := time.Now().Truncate(refreshStep)
	fleetBehindRecorder(b, server, now.Add(-65*time.Minute), now)
	plain, kept := newRefreshing(b, server, 61, true), newRefreshing(b, server, 62, false)
	b.Logf("of Prometheus %s: the first time, when nothing is kept yet: %s", prometheustest.Version, kept.refresh(b, now))
	for b.Loop() {
		now = now.Add(refreshStep)
		fleetBehindRecorder(b, server, now, now)
		whole, part := plain.refresh(b, now), kept.refresh(b, now)
		b.Logf("as plain queries to Prometheus %[1]s: %[2]s\nfrom what is kept and Prometheus %[1]s: %[3]s", prometheustest.Version, whole, part)
		b.ReportMetric(part.wall.Seconds()/whole.wall.Seconds(), "time-ratio")
		b.ReportMetric(part.processor.Seconds()/whole.processor.Seconds(), "processor-ratio")
		b.ReportMetric(float64(part.requests)/float64(whole.requests), "requests-ratio")
		b.ReportMetric(float64(part.bytes)/float64(whole.bytes), "bytes-ratio")
		b.ReportMetric(float64(part.memory)/float64(whole.memory), "memory-ratio")
		b.ReportMetric(float64(part.requests), "requests/refresh")
		b.ReportMetric(float64(part.bytes), "bytes/refresh")
		b.ReportMetric(float64(part.memory), "peak-bytes/refresh")
	}
}
