package blackbox

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

func TestRecordingRulesAreWrittenForWhoMayEdit(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Prometheus("rules", prometheustest.New(t).URL)
	for asked, says := range map[string]string{
		"":                                  "no known model server was scraped",
		"profiles=nobody":                   `there is no profile "nobody"`,
		"profiles=triton&colour=red":        "unknown parameter colour",
		"profiles=triton&signals=gpu_power": `no counter or histogram for "gpu_power"`,
		"profiles=triton&window=50s&interval=15s":               "no multiple of the interval",
		"profiles=triton&window=1m&interval=30s&topInterval=1m": "is longer than the interval",
		"profiles=triton&topN=none":                             "whole number",
		"profiles=triton&interval=1h":                           "between 1s and 4m",
	} {
		status, answer := p.Call(s, "recording-rules", asked)
		require.Equal(t, 400, status, asked)
		require.Contains(t, answer["message"], says, asked)
	}
	viewer := s
	viewer.Role = "Viewer"
	status, _ := p.Call(viewer, "recording-rules", "profiles=triton")
	require.Equal(t, 403, status)
	for _, asked := range []string{"profiles=triton", "profiles=vllm,recorder&signals=all", "profiles=vllm&window=5m&topInterval=30s&interval=150s", "profiles=ray_serve,istio,envoy,knative&signals=all&topN=10"} {
		status, text := p.CallMethod(s, "GET", "recording-rules", asked)
		require.Equal(t, 200, status, string(text))
		promtoolAccepts(t, text)
	}
}

// Native histograms are recorded as such where the server has them.
func TestNativeHistogramsAreRecorded(t *testing.T) {
	t.Parallel()
	p := driver.Start(t, binary, t.TempDir())
	with, without := prometheustest.New(t), prometheustest.New(t)
	end := time.Now().Truncate(time.Minute)
	var r *ruler
	for i := range 121 {
		at := end.Add(time.Duration(i-120) * scrapedEvery)
		var samples []prometheustest.Sample
		for _, instance := range []string{"a:8000", "b:8000"} {
			named := func(name string) labels.Labels {
				return labels.FromStrings("__name__", name, "model_name", "llama", "namespace", "production", "job", "chat", "instance", instance)
			}
			samples = append(samples,
				prometheustest.Sample{Labels: named("vllm:num_requests_running"), At: at, Value: 1},
				prometheustest.Sample{Labels: named("vllm:e2e_request_latency_seconds"), At: at, Histogram: tsdbutil.GenerateTestFloatHistogram(int64(i))})
		}
		with.Append(t, samples...)
		without.Append(t, samples...)
		if i == 8 {
			status, text := p.CallMethod(driver.Prometheus("writer", with.URL), "GET", "recording-rules", "signals=response_time")
			require.Equal(t, 200, status, string(text))
			require.Contains(t, string(text), "sum by (namespace, job, model, model_name) (rate(vllm:e2e_request_latency_seconds[1m]))")
			promtoolAccepts(t, text)
			r = newRuler(t, with, text)
		}
		if r != nil {
			r.evaluate(t, at, inTime)
		}
	}
	for name, c := range map[string]struct {
		statistics []string
		step       time.Duration
		tolerance  float64
	}{"quantiles": {[]string{"p50", "p99"}, time.Minute, 1e-9}, "means": {[]string{"mean"}, time.Minute, 1e-9}, "longer windows": {[]string{"p95", "mean"}, 5 * time.Minute, 0.05}} {
		t.Run(name, func(t *testing.T) {
			ask := func(server *prometheustest.Server) backend.DataResponse {
				q := automatic(query("response_time", c.statistics, "model"))
				return p.AskRange(driver.Prometheus(name, server.URL), backend.TimeRange{From: end.Add(-15 * time.Minute), To: end}, c.step, q)["A"]
			}
			recorded := ask(with)
			require.NotEmpty(t, recordedIn(t, recorded))
			require.Positive(t, asTheyAre(t, numbersOf(t, ask(without)), numbersOf(t, recorded), c.tolerance))
		})
	}
}

// promtoolAccepts has the real promtool check and lint a rule file.
func promtoolAccepts(t *testing.T, text []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	output, err := exec.CommandContext(t.Context(), promtool(t), "check", "rules", "--lint=all", "--lint-fatal", path).CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Contains(t, string(output), "SUCCESS: "+fmt.Sprint(strings.Count(string(text), "- record: "))+" rules found")
}
