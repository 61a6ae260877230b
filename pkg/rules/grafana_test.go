package rules

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/template"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// provisioned are the rules for the data source of provisioning/datasources.
const provisioned = "../../provisioning/alerting/modelserving.yaml"

func TestProvisionedRulesAreThoseOfTheCode(t *testing.T) {
	got, err := Grafana(defaults())
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(provisioned), 0o750))
		require.NoError(t, os.WriteFile(provisioned, got, 0o600))
	}
	want, err := os.ReadFile(provisioned)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "%s is not what the code says: rewrite it with go test ./pkg/rules -update", provisioned)

	var source struct {
		Datasources []struct{ UID string }
	}
	text, err := os.ReadFile("../../provisioning/datasources/modelserving.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &source))
	require.Equal(t, defaults().DataSourceUID, source.Datasources[0].UID)
}

func written(t *testing.T, o Options) grafanaFile {
	t.Helper()
	text, err := Grafana(o)
	require.NoError(t, err)
	var file grafanaFile
	require.NoError(t, yaml.Unmarshal(text, &file))
	return file
}

func TestGrafanaRules(t *testing.T) {
	t.Parallel()
	o := Defaults("other$uid", 7)
	o.Folder = "Costs $5"
	uids := map[string]bool{}
	for _, g := range written(t, o).Groups {
		require.Equal(t, int64(7), g.OrgID)
		require.Equal(t, "Costs $$5", g.Folder, "a dollar sign is not a variable")
		require.Equal(t, "1m", g.Interval)
		require.NotEmpty(t, g.Rules, g.Name)
		for _, r := range g.Rules {
			require.False(t, uids[r.UID])
			uids[r.UID] = true
			require.Equal(t, "OK", r.NoDataState, "a model without traffic has no data")
			require.Equal(t, map[string]string{"critical": "Error", "warning": "OK"}[r.Labels["severity"]], r.ExecErrState)
			require.Equal(t, r.Data[len(r.Data)-1].RefID, r.Condition)
			for key, text := range r.Annotations {
				require.NotContains(t, text, "$", "%s: some versions of Grafana take it for a variable", key)
			}
			require.NotEmpty(t, r.DashboardUID, r.Title)
			require.Equal(t, r.DashboardUID, r.Annotations["__dashboardUid__"])
			for _, q := range r.Data {
				require.Equal(t, q.RefID, q.Model["refId"])
				if q.DatasourceUID != expressions {
					require.Equal(t, "other$$uid", q.DatasourceUID)
					require.Equal(t, map[string]any{"type": "coldhit-modelserving-datasource", "uid": "other$uid"}, q.Model["datasource"], "a model is not searched for variables")
					require.Greater(t, q.RelativeTimeRange.From, q.RelativeTimeRange.To)
				}
			}
		}
	}
	require.Len(t, uids, len(All(o)))
	first := written(t, defaults()).Groups[0].Rules[0].UID
	require.False(t, uids[first], "the rules of two data sources are different rules")
}

// The texts say what they should, with all numbers, and without those that have no value.
func TestSummaries(t *testing.T) {
	t.Parallel()
	type value struct{ Value float64 }
	for _, c := range []struct {
		rule   string
		values map[string]value
		want   string
	}{
		{
			"error-rate-over-objective", map[string]value{"violation": {5}, "measured": {0.05}, "objective": {0.01}},
			"fraud: 5% of requests fail, objective 1% (production/demo).",
		},
		{
			"response-time-over-objective", map[string]value{"violation": {2.3}, "objective": {0.4}, "measured": {0.92}, "over": {1.3}},
			"fraud: p95 920ms, 130% over its 400ms objective (production/demo).",
		},
		{
			"error-rate-over-objective", nil,
			"fraud:  of requests fail, objective  (production/demo).",
		},
		{
			"cache-hit-ratio-low", map[string]value{"ratio": {0}},
			"fraud: only 0% of requests hit a loaded model, limit 75 % for any model (production/demo).",
		},
		{
			"autoscaling-at-maximum", map[string]value{"violation": {2.26}, "max": {4}, "active": {4}},
			"production/demo: all 4 replicas are running, and a model's p95 is 2.3x its objective.",
		},
		{
			"gpu-memory-near-full", map[string]value{"usage": {0.97}},
			"GPU 0 of host:1: 97% of its memory is in use, limit 95 % (production/demo).",
		},
	} {
		rules := All(defaults())
		r := rules[slices.IndexFunc(rules, func(r Rule) bool { return r.Name == c.rule })]
		text := defaults().annotations(r)["summary"]
		labels := map[string]string{"model": "fraud", "deployment": "demo", "environment": "production", "gpu": "0", "replica": "host:1"}
		data := map[string]any{"Labels": labels, "Values": c.values}
		// As Grafana does it.
		expander := template.NewTemplateExpander(t.Context(), text, "summary", data, 0, nil, nil, []string{"missingkey=invalid"})
		got, err := expander.Expand()
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
}
