package plugin

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
)

// misspelt is a profile of featurePage with a mistake of each kind.
const misspelt = `id: features
name: Feature service
layer: server
endpoint: {port: 9100, path: /metrics}
detect: [feature_requests_total]
identity_metric: feature_requests_total
replica: [job, instance]
labels: {model: modelname, code: reason}
metrics:
  feature_requests_total: {type: counter, unit: requests, labels: [model]}
  feature_failures_totl: {type: counter, unit: requests}
  feature_refusals_total: {type: counter, unit: requests, labels: [code]}
  feature_seconds: {type: gauge, unit: seconds}
signals:
  requests:
    - sum: [{metric: feature_requests_total}]
  error_rate:
    - ratio: {of: [{metric: feature_refusals_total, where: {reason: {in: [overloadd]}}}], to: [{metric: feature_requests_total}]}
`

const featurePage = `feature_requests_total{model_name="churn"} 3
feature_failures_total{model_name="churn"} 1
feature_refusals_total{reason="overload"} 1
feature_seconds_bucket{le="+Inf"} 1
feature_seconds_sum 1
feature_seconds_count 1
`

var mistakesOfMisspelt = []string{
	"features.yaml: line 10: metric feature_requests_total has no label modelname. Did you mean model_name?",
	"features.yaml: line 11: metric feature_failures_totl is not there. Did you mean feature_failures_total?",
	"features.yaml: line 13: metric feature_seconds is not there. It is a histogram: set its type to histogram, or use feature_seconds_count or feature_seconds_sum.",
	"features.yaml: line 18: no series of feature_refusals_total meets the condition on reason. Did you mean overload?",
}

func checkWithProfile(t *testing.T, s backend.DataSourceInstanceSettings, rest map[string]any, profileText string) (message, verbose string) {
	t.Helper()
	rest["profiles"] = []map[string]string{{"name": "features.yaml", "text": profileText}}
	var err error
	s.JSONData, err = json.Marshal(rest)
	require.NoError(t, err)
	d, err := newHost(t, t.TempDir()).instance(1, s)
	require.NoError(t, err)
	ctx := backend.WithPluginContext(t.Context(), backend.PluginContext{OrgID: 1})
	result, err := d.CheckHealth(ctx, &backend.CheckHealthRequest{})
	require.NoError(t, err)
	require.NotContains(t, result.Message, "The check failed")
	var details healthDetails
	require.NoError(t, json.Unmarshal(result.JSONDetails, &details))
	return result.Message, details.VerboseMessage
}

// checkPages checks a profile over targets with these metrics pages.
func checkPages(t *testing.T, profileText string, pages ...string) (message, verbose string) {
	t.Helper()
	var targets []map[string]string
	for i, page := range pages {
		server := httptest.NewServer(responses{"/metrics": page})
		t.Cleanup(server.Close)
		targets = append(targets, map[string]string{"id": fmt.Sprint(i), "url": server.URL + "/metrics"})
	}
	return checkWithProfile(t, stored("a", ""), map[string]any{"targets": targets}, profileText)
}

func TestSaveAndTestChecksProfilesAgainstPages(t *testing.T) {
	t.Parallel()
	message, verbose := checkPages(t, misspelt, featurePage)
	for _, mistake := range mistakesOfMisspelt {
		require.Contains(t, message, mistake)
		require.Contains(t, verbose, mistake)
	}
	elsewhere := "feature_requests_total{modelname=\"churn\"} 3\nfeature_failures_totl 1\nfeature_seconds 1\nfeature_refusals_total{reason=\"overloadd\"} 1\n"
	message, _ = checkPages(t, misspelt, featurePage, elsewhere)
	require.NotContains(t, message, "features.yaml", "several pages that a profile fits may have its metrics together")
	message, _ = checkPages(t, misspelt, "feature_request_total 1\n")
	require.Contains(t, message, "features.yaml: line 5: no target has feature_requests_total. Did you mean feature_request_total?")
}

func TestSaveAndTestChecksProfilesAgainstStores(t *testing.T) {
	t.Parallel()
	server := prometheustest.New(t)
	add := func(name string, more ...string) {
		l := labels.FromStrings(append([]string{"__name__", name, "job", "features", "instance", "a:1"}, more...)...)
		server.Append(t, prometheustest.Sample{Labels: l, At: time.Now(), Value: 1})
	}
	add("feature_requests_total", "model_name", "churn")
	add("feature_failures_total", "model_name", "churn")
	add("feature_refusals_total", "reason", "overload")
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		add("feature_seconds" + suffix)
	}
	message, verbose := checkWithProfile(t, server.Instance(), map[string]any{"mode": "prometheus"}, misspelt)
	for _, mistake := range mistakesOfMisspelt {
		require.Contains(t, message, mistake)
		require.Contains(t, verbose, mistake)
	}
}
