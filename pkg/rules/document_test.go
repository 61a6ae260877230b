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
	require.True(t, string(want) == got, "%s is not what the code says: rewrite it with go test ./pkg/rules -update", path)
}

func TestReadmeCountsTheRules(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.Len(t, All(defaults()), 22)
	require.Contains(t, string(text), "Twenty-two rules come with the plugin")
}

const introduction = `# Alert rules

What each alert rule means, why it may fire and what to do. This page is made from the rules:
` + "`go test ./pkg/rules -update`" + ` writes it.

One rule covers all models: it fires for each environment, deployment and model on its own, by labels, and what each model is
held to comes from the objectives in the data source's settings. A new model is watched as soon as it has traffic.

**What never fires a rule:** a model without traffic, a handful of requests (minimumRequests), a model that was just unloaded, a server that restarts and whose counters
begin at 0 again, a gap in scraping. All of these are *no data*, and no data is *Normal*. Servers that do not answer at all have a
rule of their own.

**When a rule cannot be evaluated,** the critical ones say so (Grafana's *DatasourceError* alert); the others keep quiet, so that a
data source that fails is told once for each critical rule and not for every rule.

## How to get them

- **Provisioning:** mount [provisioning/alerting/modelserving.yaml](https://github.com/coldhit/modelserving-datasource/blob/main/provisioning/alerting/modelserving.yaml)
  into Grafana's ` + "`provisioning/alerting`" + ` folder. It is for the data source uid ` + "`modelserving`" + `.
- **Export:** *Alert rules* in the data source's settings downloads the same rules for that data source's uid, for Grafana or as a rule
  file for Prometheus and Mimir.
- **API,** for editors and administrators:
  ` + "`GET /api/datasources/uid/<uid>/resources/rules?format=grafana&window=10m&responseTime=1s`" + `

| parameter | default | what it sets |
|---|---|---|
| format | | ` + "`grafana` or `prometheus`" + ` |
| profiles | those that were scraped in the last 6 hours | for Prometheus: the servers to write rules for, such as ` + "`triton,vllm`" + ` |
`

func document(o Options) string {
	var b strings.Builder
	b.WriteString(introduction)
	for _, p := range describedParameters(o) {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", p.Name, p.Default, p.Description)
	}
	b.WriteString("\nIn the Prometheus format the signals are recorded first and the alerts are over the recordings. Its comments say what " +
		"could not be expressed. Objectives are written into it as they are, so export it again when they change.\n\n" +
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
	fmt.Fprintf(b, "- **Fires** for each %s when %s for %s. Severity %s.\n", strings.Join(words(r.By), ", "), when(r), durationText(r.For), r.Severity)
	for _, q := range r.Queries {
		fmt.Fprintf(b, "- `%s` is %s.\n", q.Ref, asks(q, r))
	}
	b.WriteString("\n**Likely causes**\n\n")
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
	text := fmt.Sprintf("the signal `%s`, %s over %s", q.Signal, q.Statistic, durationText(q.Window))
	for _, l := range signal.Labels {
		if values := q.Filters[l]; len(values) > 0 {
			text += fmt.Sprintf(", %s %s", l, strings.Join(values, ", "))
		}
	}
	if q.MinimumRequests > 0 {
		text += fmt.Sprintf(", of models with at least %s requests in that time", numberText(q.MinimumRequests))
	}
	if q.Over > 0 {
		text += ", at every moment of " + durationText(q.Over)
		if q.Ago > 0 {
			text += " that ended " + durationText(q.Ago) + " ago"
		}
		for _, reduced := range q.Reduced {
			text += fmt.Sprintf("; `%s` is its %s", reduced.Ref, reduced.How)
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
		{"folder", o.Folder, "Grafana's folder"},
		{"interval", durationText(o.Interval), "how often rules are evaluated, a multiple of 10s up to 4m"},
		{"window", durationText(o.Window), "what rates, ratios and means are taken over; longer ranges are multiples of it; at least four scrape intervals"},
		{"for", "each rule's own", "how long conditions have to last, for all rules alike"},
		{"period", durationText(o.Period), "the period of error budgets; the windows of burn rates are parts of it"},
		{"responseTime", durationText(o.ResponseTime), "the longest p95 of any model, whatever its objective"},
		{"cacheHitRatio", percent(o.CacheHitRatio), "the least cache hit ratio of any model, whatever its objective"},
		{"coldLoadRate", percent(o.ColdLoadRate), "the most loads for each request"},
		{"evictions", numberText(o.Evictions), "how many models a deployment may evict in an hour"},
		{"queueSize", numberText(o.QueueSize), "how many requests have to wait for a growing queue to matter"},
		{"startingFor", durationText(o.StartingFor), "how long replicas may take to start"},
		{"gpuMemory", percent(o.GPUMemory), "the share of a GPU's memory that may be in use"},
		{"minimumRequests", numberText(o.MinimumRequests), "how many requests in its window a ratio, a response time or a burn rate has to rest on; with fewer there is no data"},
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
	require.True(t, string(want) == string(got), "%s is not what the code says: rewrite it with go test ./pkg/rules -update", path)
}
