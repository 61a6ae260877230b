package blackbox

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/tests/blackbox/driver"
)

const ownProfile = `id: features
name: Feature service
layer: server
endpoint: {port: 9100, path: /metrics}
detect: [feature_requests_total]
identity_metric: feature_requests_total
replica: [job, instance]
labels: {model: model_name, replica: instance, environment: environment, deployment: deployment}
metrics:
  feature_requests_total: {type: counter, unit: requests, labels: [model]}
  feature_misses_total: {type: counter, unit: requests, labels: [model]}
  model_trained_timestamp_seconds: {type: gauge, unit: seconds, labels: [model]}
custom_signals:
  feature_miss_rate: {title: Feature miss rate, unit: ratio, shape: share, description: Share of requests for which a feature was missing.}
signals:
  prediction_staleness:
    - age: model_trained_timestamp_seconds
  feature_miss_rate:
    - ratio: {of: [{metric: feature_misses_total}], to: [{metric: feature_requests_total}]}
`

func TestOwnProfiles(t *testing.T) {
	t.Parallel()
	trained := time.Now().Add(-30 * time.Hour)
	var scrapes atomic.Int64
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := scrapes.Add(1)
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = fmt.Fprintf(w, "feature_requests_total{model_name=\"churn\"} %d\nfeature_misses_total{model_name=\"churn\"} %d\nmodel_trained_timestamp_seconds{model_name=\"churn\"} %d\n",
			20*n, n, trained.Unix())
	}))
	t.Cleanup(service.Close)
	p := driver.Start(t, binary, t.TempDir())
	s := driver.Embedded("own", unmanaged(t, "one", service.URL+"/metrics"))
	s.JSON["profiles"] = []map[string]string{{"name": "features.yaml", "text": ownProfile}}
	health := p.Check(s)
	require.Equal(t, "OK", health.Status.String(), health.Message)
	require.Contains(t, health.Message, "Feature service with 1 model")

	ask := func() map[string]any { q := query("feature_miss_rate", nil, "model"); q["window"] = "10s"; return q }
	require.Eventually(t, func() bool {
		_, found := driver.Find(p.Ask(s, 30*time.Second, ask())["A"], map[string]string{"model": "churn"})
		return found
	}, waitForScrape, 4*pollEvery)
	answers := p.Ask(s, 30*time.Second, ask(), query("prediction_staleness", []string{"last"}, "model"))
	require.InDelta(t, 0.05, driver.Value(t, answers["A"], map[string]string{"model": "churn"}), 1e-6)
	require.InDelta(t, (30 * time.Hour).Seconds(), driver.Value(t, answers["B"], map[string]string{"model": "churn"}), 60)
	_, listed := p.Call(s, "signals", "")
	require.Contains(t, fmt.Sprint(listed), "feature_miss_rate")

	// A mistake is named, and everything else goes on.
	s.JSON["profiles"] = []map[string]string{{"name": "wrong.yaml", "text": "id: x\nnam: y\n"}, {"name": "features.yaml", "text": ownProfile}}
	s.Updated = time.Now()
	health = p.Check(s)
	require.Equal(t, "ERROR", health.Status.String())
	require.Contains(t, health.Message, "wrong.yaml: ")
	require.Contains(t, health.Message, "line 2: unknown key nam. Did you mean name?")
	answers = p.Ask(s, 30*time.Second, ask())
	require.InDelta(t, 0.05, driver.Value(t, answers["A"], map[string]string{"model": "churn"}), 1e-6)
	require.Contains(t, driver.Notices(answers["A"]), "wrong.yaml")
}

// A server that only an own profile knows is asked for its models, too, where the profile names a protocol.
func TestOwnProfilesNameManagementEndpoints(t *testing.T) {
	t.Parallel()
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/repository/index" {
			_, _ = fmt.Fprint(w, `[{"name":"churn","state":"READY"},{"name":"spam","state":"UNAVAILABLE"}]`)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = fmt.Fprint(w, "feature_requests_total{model_name=\"churn\"} 1\n")
	}))
	t.Cleanup(service.Close)
	p := driver.Start(t, binary, t.TempDir())
	one := driver.Target("one", service.URL+"/metrics")
	one["managementUrl"] = service.URL
	s := driver.Embedded("managed", one)
	s.JSON["profiles"] = []map[string]string{{"name": "features.yaml", "text": strings.Replace(ownProfile, "detect:", "management: {protocol: open_inference_v2, port: 9100}\ndetect:", 1)}}
	p.Check(s)
	churn := map[string]string{"model": "churn"}
	answer := eventually(t, p, s, query("models_resident", []string{"last"}, "model"), churn, map[string]string{"model": "spam"})
	require.InDelta(t, 1, driver.Value(t, answer, churn), 0)
	require.Zero(t, driver.Value(t, answer, map[string]string{"model": "spam"}))
}
