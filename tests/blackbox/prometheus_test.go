package blackbox

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

// fleetIn stores a quarter of an hour of a small fleet in a real Prometheus: of model a 1 request in 10 fails. It answers the time
// of the last scrape.
func fleetIn(t *testing.T, server *prometheustest.Server) (end time.Time) {
	t.Helper()
	end = time.Now().Truncate(time.Second)
	var samples []prometheustest.Sample
	for i := range 60 {
		at := end.Add(time.Duration(i-59) * 15 * time.Second)
		for _, counter := range []struct {
			name, model, reason string
			perScrape           float64
		}{
			{"nv_inference_request_success", "a", "", 135}, {"nv_inference_request_failure", "a", "OTHER", 15},
			{"nv_inference_request_success", "b", "", 300}, {"nv_inference_request_duration_us", "a", "", 135 * 20_000},
		} {
			samples = append(samples, prometheustest.Sample{At: at, Value: counter.perScrape * float64(i), Labels: labels.FromStrings(
				"__name__", counter.name, "model", counter.model, "reason", counter.reason,
				"job", "vision", "instance", "gpu-1:8002", "namespace", "production")})
		}
	}
	server.Append(t, samples...)
	return end
}

func TestOnAPrometheusThatIsThereAlready(t *testing.T) {
	t.Parallel()
	server := prometheustest.New(t)
	end := fleetIn(t, server)
	stored := backend.TimeRange{From: end.Add(-10 * time.Minute), To: end}
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Prometheus("remote", server.URL)
	health := p.Check(s)
	require.Equal(t, "OK", health.Status.String(), health.Message)
	require.Contains(t, health.Message, "has 2 models of NVIDIA Triton Inference Server.")

	instant := query("error_rate", nil, "model")
	instant["instant"] = true
	answers := p.AskRange(s, stored, time.Second, query("requests", nil, "model"), instant, query("response_time", []string{"mean"}, "model"),
		map[string]any{"queryType": "models"}, query("gpu_power", nil), map[string]any{"queryType": "promql", "expr": "sum(nv_inference_request_success)"},
		map[string]any{"queryType": "promql", "expr": "sum("})
	a := map[string]string{"model": "a"}
	require.InDelta(t, 10, driver.Value(t, answers["A"], a), 1e-6)
	require.InDelta(t, 20, driver.Value(t, answers["A"], map[string]string{"model": "b"}), 1e-6)
	require.InDelta(t, 0.1, driver.Value(t, answers["B"], a), 1e-9)
	require.InDelta(t, 0.02, driver.Value(t, answers["C"], a), 1e-9)
	require.Equal(t, 2, answers["D"].Frames[0].Rows())
	require.Contains(t, driver.Notices(answers["E"]), "NVIDIA Triton Inference Server does not report last of gpu_power.")
	require.NotContains(t, driver.Notices(answers["E"]), "targets")
	require.NoError(t, answers["F"].Error)
	require.ErrorContains(t, answers["G"].Error, "parse error")
	require.Equal(t, "downstream", string(answers["G"].ErrorSource))
	_, listed := p.Call(s, "values", "label=model")
	require.ElementsMatch(t, []any{"a", "b"}, listed["values"])
	byPlace := p.AskRange(s, stored, time.Second, query("requests", nil, "environment", "deployment", "replica"))["A"]
	require.InDelta(t, 30, driver.Value(t, byPlace, map[string]string{"environment": "production", "deployment": "vision", "replica": "gpu-1:8002"}), 1e-6)
	_, labels := p.Call(s, "labels", "")
	require.Contains(t, labels["labels"], map[string]any{"name": "namespace", "values": []any{"production"}})
}

func TestAServerThatIsNoPrometheusIsNamed(t *testing.T) {
	t.Parallel()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html><title>Sign in</title></html>"))
	}))
	t.Cleanup(page.Close)
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Prometheus("html", page.URL)
	health := p.Check(s)
	require.Equal(t, "ERROR", health.Status.String())
	require.Contains(t, health.Message, page.URL)
	answer := p.Ask(s, time.Minute, query("requests", nil, "model"))["A"]
	require.ErrorContains(t, answer.Error, page.URL)
	require.Equal(t, "downstream", string(answer.ErrorSource))
}
