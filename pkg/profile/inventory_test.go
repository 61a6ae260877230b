package profile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
)

// checked is a user's profile of a service whose page fits it.
const checked = `id: service
name: Service
layer: server
detect: [requests_total]
identity_metric: requests_total
replica: [job, instance]
rank_by:
  - {metric: requests_total}
labels:
  model: model_name
  code: reason
status: {label: outcome, classes: {success: ok, failure: error}}
metrics:
  requests_total: {type: counter, unit: requests, labels: [model, status]}
  failures_total: {type: counter, unit: requests, labels: [model, code]}
  queue_length: {type: gauge, unit: requests, labels: [model]}
  request_seconds: {type: histogram, unit: seconds, labels: [model]}
  load_seconds: {type: summary, unit: seconds, labels: [model]}
signals:
  requests:
    - sum: [{metric: requests_total}]
  error_rate:
    - ratio: {of: [{metric: failures_total, where: {reason: {not_in: [cancelled]}}}], to: [{metric: requests_total}]}
  client_error_rate:
    - ratio: {of: [{metric: failures_total, where: {reason: {in: [cancelled]}}}], to: [{metric: requests_total}]}
  concurrent_requests:
    - sum: [{metric: queue_length}]
  response_time:
    - histogram: request_seconds
  load_time:
    - summary: load_seconds
`

// page is what the service exposes.
func exposed() profile.Inventory {
	model := []string{"churn", "spam"}
	return profile.Inventory{
		Series: map[string]map[string][]string{
			"requests_total":         {"model_name": model, "outcome": {"ok", "error"}},
			"failures_total":         {"model_name": model, "reason": {"cancelled", "timeout"}},
			"queue_length":           {"model_name": model},
			"request_seconds_bucket": {"model_name": model, "le": {"1", "+Inf"}},
			"request_seconds_sum":    {"model_name": model},
			"request_seconds_count":  {"model_name": model},
			"load_seconds":           {"model_name": model, "quantile": {"0.5", "0.95"}},
			"load_seconds_sum":       {"model_name": model},
			"load_seconds_count":     {"model_name": model},
			"batch_seconds_sum":      {"model_name": model},
			"batch_seconds_count":    {"model_name": model},
		},
		Types: map[string]profile.Type{"requests_total": profile.Counter, "queue_length": profile.Gauge, "request_seconds": profile.Histogram},
	}
}

func missing(t *testing.T, text string, has profile.Inventory) []string {
	t.Helper()
	set, problems := profile.Set{}.With([]profile.File{{Name: "service.yaml", Text: text}})
	require.Empty(t, problems)
	return set[0].Missing(has)
}

func TestMissingNamesWhatAPageDoesNotHave(t *testing.T) {
	t.Parallel()
	require.Empty(t, missing(t, checked, exposed()))
	for name, c := range map[string]struct {
		old, new string
		want     []string
	}{
		"a metric's name": {"queue_length", "queue_lengths", []string{"line 16: metric queue_lengths is not there. Did you mean queue_length?"}},
		"another metric":  {"queue_length", "saturation", []string{"line 16: metric saturation is not there."}},
		"no _total":       {"failures_total", "failures", []string{"line 15: metric failures is not there. Did you mean failures_total?"}},
		"a histogram with its suffix": {"request_seconds", "request_seconds_bucket",
			[]string{"line 17: metric request_seconds_bucket is not there. A histogram is named without _bucket: write request_seconds."}},
		"a histogram without buckets": {"request_seconds", "batch_seconds",
			[]string{"line 17: metric batch_seconds is not there. Only its sum and count are exported, so quantiles are unavailable: use mean with batch_seconds_sum and batch_seconds_count."}},
		"a summary without quantiles": {"load_seconds", "batch_seconds",
			[]string{"line 18: metric batch_seconds is not there. It has no quantiles: use mean with batch_seconds_sum and batch_seconds_count."}},
		"a label": {"model: model_name", "model: modelname", []string{
			"line 14: metric requests_total has no label modelname. Did you mean model_name?",
			"line 15: metric failures_total has no label modelname. Did you mean model_name?",
			"line 16: metric queue_length has no label modelname. Did you mean model_name?",
			"line 17: metric request_seconds has no label modelname. Did you mean model_name?",
			"line 18: metric load_seconds has no label modelname. Did you mean model_name?",
		}},
		"a label that another metric has": {"queue_length: {type: gauge, unit: requests, labels: [model]", "queue_length: {type: gauge, unit: requests, labels: [model, code]",
			[]string{"line 16: metric queue_length has no label reason. Its labels are model_name."}},
		"a status label":              {"label: outcome", "label: result", []string{"line 14: metric requests_total has no label result. Its labels are model_name, outcome."}},
		"a condition's label":         {"reason: {in", "reasn: {in", []string{"line 25: metric failures_total has no label reasn. Did you mean reason?"}},
		"an excluding condition's":    {"reason: {not_in", "reasn: {not_in", []string{"line 23: metric failures_total has no label reasn. Did you mean reason?"}},
		"a condition's value":         {" {in: [cancelled]", " {in: [canceled]", []string{"line 25: no series of failures_total meets the condition on reason. Did you mean cancelled?"}},
		"a condition's only value":    {"{reason: {in: [cancelled]}}", "{reason: {in: [refused]}}", []string{"line 25: no series of failures_total meets the condition on reason. Its values are cancelled, timeout."}},
		"one of a condition's values": {"{reason: {in: [cancelled]}}", "{reason: {in: [cancelled, timeuot]}}", []string{"line 25: no series of failures_total has the value timeuot of reason. Did you mean timeout?"}},
		"a value like another one":    {"{reason: {in: [cancelled]}}", "{reason: {in: [cancelled, cancelled_late]}}", nil},
		"a value not seen yet":        {"{reason: {in: [cancelled]}}", "{reason: {in: [cancelled, overload]}}", nil},
		"an excluded value":           {"not_in: [cancelled]", "not_in: [canceled]", []string{"line 23: no series of failures_total has the value canceled of reason. Did you mean cancelled?"}},
		"a regular expression": {"{reason: {in: [cancelled]}}", "{reason: {regex: 'cancel'}}",
			[]string{"line 25: no series of failures_total has a value of reason that matches \"cancel\". Its values are cancelled, timeout."}},
		"a metric of others":  {"queue_length: {type: gauge, unit: requests,", "queue_len: {type: gauge, unit: requests, enable: start the service with --queue,", nil},
		"an older name":       {"metric: queue_length}", "metric: [queue_depth, queue_length]}", nil},
		"a label's old name":  {"labels:\n", "label_aliases: {model: model_name}\nlabels:\n", nil},
		"a misspelt detect":   {"detect: [requests_total]", "detect: [requests_total, queue_length]", nil},
		"missing as no label": {"{reason: {in: [cancelled]}}", "{shard: {in: ['', a]}}", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.ReplaceAll(checked, c.old, c.new)
			require.NotEqual(t, checked, text)
			var extra string
			switch name {
			case "an older name":
				extra = "  queue_depth: {type: gauge, unit: requests, labels: [model]}\n"
			case "a label's old name":
				text = strings.Replace(text, "model: model_name\n  code", "model: model\n  code", 1)
			case "a metric of others":
				text = strings.ReplaceAll(text, "metric: queue_length", "metric: queue_len")
			}
			text = strings.Replace(text, "signals:\n", extra+"signals:\n", 1)
			var want []string
			for _, w := range c.want {
				want = append(want, "service.yaml: "+w)
			}
			require.Equal(t, want, missing(t, text, exposed()))
		})
	}
}

// Types are compared where a page declares them, and a histogram's name alone is a native histogram only in a store.
func TestMissingComparesTypes(t *testing.T) {
	t.Parallel()
	const gauge = `id: service
name: Service
layer: server
detect: [requests_total]
identity_metric: requests_total
replica: [job, instance]
metrics:
  requests_total: {type: gauge, unit: requests}
  request_seconds: {type: gauge, unit: seconds}
  load_seconds: {type: gauge, unit: seconds}
  queue_length: {type: histogram, unit: requests}
`
	require.Equal(t, []string{
		"service.yaml: line 8: metric requests_total is exposed as a counter, not as a gauge. Check its type.",
		"service.yaml: line 9: metric request_seconds is not there. It is a histogram: set its type to histogram, or use request_seconds_count or request_seconds_sum.",
		"service.yaml: line 10: metric load_seconds has quantiles. Set its type to summary.",
		"service.yaml: line 11: metric queue_length is not there. It has no buckets, so it is no histogram. Change its type.",
	}, missing(t, gauge, exposed()))
	stored := exposed()
	stored.Types, stored.Native = nil, true
	require.Equal(t, []string{
		"service.yaml: line 9: metric request_seconds is not there. It is a histogram: set its type to histogram, or use request_seconds_count or request_seconds_sum.",
	}, missing(t, gauge, stored))
}

func TestUndetectedSuggestsTheMetricThatWasMeant(t *testing.T) {
	t.Parallel()
	for detect, want := range map[string]string{
		"request_total":  "service.yaml: line 4: no target has request_total. Did you mean requests_total?",
		"batch_seconds":  "service.yaml: line 4: no target has batch_seconds. Did you mean batch_seconds_sum?",
		"something_else": "service.yaml: line 4: no target has something_else.",
	} {
		text := strings.NewReplacer("detect: [requests_total]", "detect: ["+detect+"]", "metrics:\n", "metrics:\n  "+detect+": {type: counter, unit: requests}\n").Replace(checked)
		set, problems := profile.Set{}.With([]profile.File{{Name: "service.yaml", Text: text}})
		require.Empty(t, problems)
		require.Equal(t, want, set[0].Undetected(exposed()))
	}
}

func TestHistogramsAreNotDetectedByTheirName(t *testing.T) {
	t.Parallel()
	text := strings.Replace(checked, "detect: [requests_total]", "detect: [request_seconds]", 1)
	set, problems := profile.Set{}.With([]profile.File{{Name: "service.yaml", Text: text}})
	require.Empty(t, problems)
	require.Equal(t, "service.yaml: line 4: no target has request_seconds. A histogram is not detected by its name: "+
		"describe request_seconds_count as a counter and detect that.", set[0].Undetected(exposed()))
}

func TestReferences(t *testing.T) {
	t.Parallel()
	p, err := profile.Parse([]byte(checked))
	require.NoError(t, err)
	require.Equal(t, []profile.SeriesReference{
		{Metric: "failures_total", Labels: []string{"model_name", "reason"}},
		{Metric: "load_seconds", Labels: []string{"model_name", "quantile"}},
		{Metric: "queue_length", Labels: []string{"model_name"}},
		{Metric: "request_seconds_bucket", Labels: []string{"model_name"}},
		{Metric: "requests_total", Labels: []string{"model_name", "outcome"}},
	}, p.References())
}
