package rules

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// The page that annotations link to says what the rules do.
func TestAlertsDocument(t *testing.T) {
	const path = "../../docs/alerts.md"
	got := document(defaults())
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "%s is not what the code says: rewrite it with go test ./pkg/rules -update", path)
}

func TestReadmeCountsTheRules(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.Len(t, All(defaults()), 23)
	require.Contains(t, string(text), "Twenty-two rules come with the plugin")
}

const introduction = `# Alert rules

What each alert rule means, what may cause it and what you can do. This page is generated from the rules with
` + "`go test ./pkg/rules -update`" + `.

One rule covers all your models. It fires separately for each environment, deployment and model, and uses the objectives from your
data source settings. If you add a model, the rules cover it as soon as it has traffic.

**No alert** fires for a model without traffic, for fewer requests than *minimumRequests*, for a model that was just unloaded, for a
server that restarts with counters at 0, or for a gap in scraping. These cases are *no data*, and no data is *Normal*. A deployment
whose endpoints are all down has a rule of its own.

**If a rule cannot be evaluated,** you get Grafana's *DatasourceError* alert from the critical rules only, so that one failing data
source does not alert you for every rule.

## Install the rules

- **Provisioning:** mount [provisioning/alerting/modelserving.yaml](https://github.com/coldhit/modelserving-datasource/blob/main/provisioning/alerting/modelserving.yaml)
  into Grafana's ` + "`provisioning/alerting`" + ` folder. The file uses the data source uid ` + "`modelserving`" + `.
- **Export:** open *Alert rules* in your data source settings and download the rules for your data source's uid, for Grafana or as a
  rule file for Prometheus and Mimir.
- **API,** for editors and administrators:
  ` + "`GET /api/datasources/uid/<uid>/resources/rules?format=grafana&window=10m&responseTime=1s`" + `

| parameter | default | description |
|---|---|---|
| format | | ` + "`grafana` or `prometheus`" + ` |
| profiles | servers scraped in the last 6 hours | for Prometheus: servers to export rules for, such as ` + "`triton,vllm`" + ` |
`

func document(o Options) string {
	var b strings.Builder
	b.WriteString(introduction)
	for _, p := range describedParameters(o) {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", p.Name, p.Default, p.Description)
	}
	b.WriteString("\nIn the Prometheus format, recording rules compute the signals and the alerts use the recorded series. Comments in the file list " +
		"the rules that were skipped. The file contains your objectives, so export it again after you change them.\n\n" +
		"| rule | severity | for | fires when |\n|---|---|---|---|\n")
	rules := All(o)
	for _, r := range rules {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", r.Title, r.Name, r.Severity, durationText(r.For), when(r))
	}
	for _, group := range Groups {
		fmt.Fprintf(&b, "\n# %s\n", group)
		for _, r := range rules {
			if r.Group == group {
				section(&b, r)
			}
		}
	}
	return b.String()
}

func section(b *strings.Builder, r Rule) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n", r.Title, r.Means)
	fmt.Fprintf(b, "- **Fires** for each %s if %s for %s. Severity: %s.\n", strings.Join(words(r.By), ", "), when(r), durationText(r.For), r.Severity)
	for _, q := range r.Queries {
		fmt.Fprintf(b, "- `%s` is %s.\n", q.Ref, asks(q, r))
	}
	b.WriteString("\n**Possible causes**\n\n")
	for _, cause := range r.Causes {
		fmt.Fprintf(b, "- %s\n", cause)
	}
	b.WriteString("\n**What to do**\n\n")
	for _, action := range r.Actions {
		fmt.Fprintf(b, "- %s\n", action)
	}
}

func when(r Rule) string {
	parts := make([]string, len(r.When))
	for i, c := range r.When {
		parts[i] = "`" + strings.ReplaceAll(c.formula(), "$", "") + "`"
	}
	return strings.Join(parts, " and ")
}

func asks(q Query, r Rule) string {
	if q.Unanswered {
		return "`" + unanswered(r.By, q.Window) + "`"
	}
	if q.NotStored {
		return "`" + notStored(r.By, q.Window) + "`"
	}
	text := fmt.Sprintf("the signal `%s`, %s over %s", q.Signal, q.Statistic, durationText(q.Window))
	for _, l := range signal.Labels {
		if values := q.Filters[l]; len(values) > 0 {
			text += fmt.Sprintf(", %s %s", l, strings.Join(values, ", "))
		}
	}
	if q.MinimumRequests > 0 {
		text += fmt.Sprintf(", for models with at least %s requests in the window", numberText(q.MinimumRequests))
	}
	if q.Over > 0 {
		text += ", as a range of " + durationText(q.Over)
		if q.Ago > 0 {
			text += " that ended " + durationText(q.Ago) + " ago"
		}
		for _, reduced := range q.Reduced {
			text += fmt.Sprintf(", with `%s` as its %s", reduced.Ref, reduced.How)
		}
	}
	return text
}

// parameter is one that an export takes, as the config editor offers it.
type parameter struct {
	Name        string `json:"name"`
	Default     string `json:"default"`
	Description string `json:"description"`
}

func describedParameters(o Options) []parameter {
	return []parameter{
		{"folder", o.Folder, "Folder in Grafana"},
		{"interval", durationText(o.Interval), "Evaluation interval, a multiple of 10s up to 4m"},
		{"window", durationText(o.Window), "Window of rates, ratios and means, at least four scrape intervals. Longer windows are multiples of it"},
		{"for", "each rule's own", "Time that a condition must last before an alert fires, for all rules"},
		{"period", durationText(o.Period), "Period of your error budgets. The windows of the burn rates are derived from it"},
		{"responseTime", durationText(o.ResponseTime), "Maximum p95 for any model"},
		{"cacheHitRatio", percent(o.CacheHitRatio), "Minimum cache hit ratio for any model"},
		{"coldLoadRate", percent(o.ColdLoadRate), "Maximum loads per request"},
		{"evictions", numberText(o.Evictions), "Maximum evictions per hour and deployment"},
		{"queueSize", numberText(o.QueueSize), "Minimum queue length before alerting"},
		{"startingFor", durationText(o.StartingFor), "Maximum start time of a replica"},
		{"gpuMemory", percent(o.GPUMemory), "Maximum share of GPU memory in use"},
		{"minimumRequests", numberText(o.MinimumRequests), "Minimum requests in the window. Below this, ratios, response times and burn rates have no data and the rule does not fire"},
	}
}

func percent(v float64) string { return strings.ReplaceAll(shareText(v), " ", "") }

// The config editor offers the parameters that an export takes, with the defaults that it has.
func TestParametersOfTheConfigEditor(t *testing.T) {
	const path = "../../src/components/config/ruleParameters.json"
	described := describedParameters(defaults())
	given := url.Values{}
	for i, name := range Parameters() {
		require.Equal(t, name, described[i].Name)
		if name != "for" {
			given.Set(name, described[i].Default)
		}
	}
	o := Options{DataSourceUID: "modelserving", OrgID: 1}
	require.NoError(t, o.Read(given))
	require.Equal(t, defaults(), o, "the defaults can be entered as they are shown")
	got, err := json.MarshalIndent(described, "", "  ")
	require.NoError(t, err)
	got = append(got, '\n')
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "%s is not what the code says: rewrite it with go test ./pkg/rules -update", path)
}
