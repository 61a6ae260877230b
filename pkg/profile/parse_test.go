package profile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// small is a profile with a line of its own for everything that the cases below change.
const small = `id: small
name: Small Server
layer: server
detect: [hits]
identity_metric: hits
replica: [job, instance]
management: {protocol: open_inference_v2, port: 8000}
rank_by:
  - {metric: hits}
labels:
  model: model
  code: reason
metrics:
  hits: {type: counter, unit: requests, labels: [model]}
  busy: {type: counter, unit: microseconds, labels: [model]}
  queue: {type: gauge, unit: requests, labels: [model]}
  sizes: {type: histogram, unit: kibibytes, labels: [model]}
signals:
  requests:
    - sum: [{metric: hits, set: {status: success}}]
  response_time:
    - mean: {sum: [{metric: busy}], count: [{metric: hits}]}
  concurrent_requests:
    - sum: [{metric: queue}, {metric: busy, as: concurrency}]
  request_size:
    - histogram: sizes
  replicas:
    - count_series: {metric: hits, by: [model]}
`

func TestParse(t *testing.T) {
	t.Parallel()
	p, err := profile.Parse([]byte(small))
	require.NoError(t, err)
	require.Equal(t, "Small Server", p.Name)
	require.Equal(t, []string{"hits"}, p.Signals["requests"][0].Reads())
	require.Equal(t, []string{"queue", "busy"}, p.Signals["concurrent_requests"][0].Reads())
	require.Equal(t, series.Derived, p.Signals["concurrent_requests"][0].Origin())
	require.Equal(t, series.Measured, p.Signals["response_time"][0].Origin())
	require.Equal(t, series.Derived, p.Signals["replicas"][0].Origin())
}

// An error says the line, what is wrong there and, if there is an obvious one, the fix.
func TestParseErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, new, message string }{
		"not YAML":               {"labels:\n", "labels: [\n", "line 9: did not find expected"},
		"an unknown field":       {"identity_metric: hits", "identity_metric: hits\nidentiy: x", "line 6: unknown key identiy. Did you mean identity_metric?"},
		"a field twice":          {"identity_metric: hits", "identity_metric: hits\nidentity_metric: hits", `line 6: the key identity_metric is already in line 5. Remove one of them`},
		"an old key":             {"    - histogram: sizes", "    - {histogram: sizes, positive: true}", "line 26: unknown key positive. The keys of a recipe are description, sum"},
		"a list for a metric":    {"queue: {type: gauge, unit: requests, labels: [model]}", "queue: [gauge]", "line 16: a metric must be a map such as {type: gauge, unit: seconds, labels: [model]}, not a list"},
		"a word for a number":    {"port: 8000", "port: many", `line 7: the value must be a number, not "many"`},
		"a negative precedence":  {"layer: server", "layer: server\nprecedence: -1", "line 4: precedence -1 is negative"},
		"a misspelt metric":      {"histogram: sizes", "histogram: size", `metric "size" is not under metrics. Did you mean sizes?`},
		"a misspelt unit":        {"unit: kibibytes", "unit: kibibyte", `unit "kibibyte" does not exist. Did you mean kibibytes?`},
		"a list for a text":      {"name: Small Server", "name: [a]", "line 2: the value must be text, not a list"},
		"a second document":      {"  replicas:", "---\n  replicas:", "line 27: the file has more than one document"},
		"no id":                  {"id: small", "id: ''", "id and name are required"},
		"no name":                {"name: Small Server", "name: ''", `line 1: id and name are required`},
		"no detect":              {"detect: [hits]", "detect: []", "detect and replica are required"},
		"no replica":             {"replica: [job, instance]", "replica: []", "detect and replica are required"},
		"layer":                  {"layer: server", "layer: basement", `line 3: layer "basement" is not one of`},
		"detect":                 {"detect: [hits]", "detect: [hits, x]", `line 4: detect: metric "x" is not under metrics`},
		"identity":               {"identity_metric: hits", "identity_metric: x", `line 5: identity_metric: metric "x" is not under metrics`},
		"a replica's label":      {"[job, instance]", "[job, in-stance]", `line 6: replica: "in-stance" is not a valid label name`},
		"management protocol":    {"open_inference_v2", "telnet", `line 7: management: protocol "telnet" is not one of open_inference_v2, ray_serve, torchserve, triton`},
		"traffic's metric":       {"  - {metric: hits}", "  - {metric: x}", `line 9: rank_by: metric "x" is not under metrics`},
		"traffic that is busy":   {"  - {metric: hits}", "  - {metric: busy}", `line 9: rank_by: metric "busy": "microseconds" cannot be converted to "requests"`},
		"traffic that is gauged": {"  - {metric: hits}", "  - {metric: queue}", `line 9: rank_by: metric "queue" is a gauge. Use a counter of requests`},
		"a label's name":         {"  model: model", "  modell: model", `line 11: labels: there is no label "modell". Did you mean model?`},
		"the server's label":     {"code: reason", `code: 'rea"son'`, `line 12: labels: "rea\"son" is not a valid label name`},
		"a metric's name":        {"  busy: {", "  busy-us: {", `line 15: metric "busy-us" is not a valid metric name`},
		"a metric's type":        {"{type: gauge, unit: requests", "{type: dial, unit: requests", `line 16: metric "queue": type "dial" is not one of counter, gauge, summary, histogram`},
		"a metric's unit":        {"unit: kibibytes", "unit: furlongs", `line 17: metric "sizes": unit "furlongs" does not exist`},
		"a metric's label":       {"unit: kibibytes, labels: [model]", "unit: kibibytes, labels: [version]", `line 17: metric "sizes": label "version" is not under labels`},
		"a gauge's rank errors":  {"{type: gauge, unit: requests", "{type: gauge, rank_errors: {'0.5': 0.1}, unit: requests", `line 16: metric "queue": rank_errors are for summaries, and this is a gauge`},
		"a rank error":           {"{type: gauge, unit: requests", "{type: summary, rank_errors: {'0.5': 1}, unit: requests", `line 16: metric "queue": rank_errors: 1 of the quantile "0.5". Both must be between 0 and 1`},
		"a rank error's rank":    {"{type: gauge, unit: requests", "{type: summary, rank_errors: {median: 0.1}, unit: requests", `line 16: metric "queue": rank_errors: 0.1 of the quantile "median"`},
		"a signal":               {"  requests:", "  reqests:", `line 19: there is no signal "reqests". Did you mean requests?`},
		"two kinds":              {"- histogram: sizes", "- {histogram: sizes, summary: sizes}", `line 26: signal "request_size", recipe 1: it has 2 of sum, average, ratio, mean, summary, histogram, count_series, age. Write a recipe for each`},
		"no kind":                {"- histogram: sizes", "- {description: somehow}", `line 26: signal "request_size", recipe 1: it does not say how the signal is computed. Add one of sum, average`},
		"a second recipe":        {"    - histogram: sizes", "    - histogram: sizes\n    - histogram: x", `line 27: signal "request_size", recipe 2: metric "x" is not under metrics`},
		"a counter's histogram":  {"- histogram: sizes", "- histogram: hits", `metric "hits" is a counter, not a histogram`},
		"a histogram's unit":     {"unit: kibibytes", "unit: seconds", `"seconds" cannot be converted to "bytes"`},
		"half a quotient":        {"count: [{metric: hits}]", "count: []", `line 22: signal "response_time", recipe 1: both parts of the quotient need at least one term`},
		"a quotient's unit":      {"count: [{metric: hits}]", "count: [{metric: busy}]", `metric "busy": "microseconds" cannot be converted to "requests"`},
		"a histogram in a sum":   {"sum: [{metric: hits, set", "sum: [{metric: sizes, set", `metric "sizes" is a histogram. A term needs a counter or a gauge`},
		"a gauge as a count":     {"sum: [{metric: hits, set", "sum: [{metric: queue, set", `line 20: signal "requests", recipe 1: metric "queue" is a gauge, and the signal is a count. Use a counter`},
		"a count as a level":     {"sum: [{metric: queue}", "sum: [{metric: hits}", `metric "hits" is a counter, and the signal is a level. Use a gauge, or as: concurrency`},
		"an unknown reading":     {"as: concurrency", "as: magic", `metric "busy": as: "magic" is not a value. Write concurrency`},
		"concurrency of a gauge": {"{metric: busy, as: concurrency}", "{metric: queue, as: concurrency}", `metric "queue" is a gauge. concurrency needs a counter of durations`},
		"concurrency of counts":  {"{metric: busy, as: concurrency}", "{metric: hits, as: concurrency}", `"requests" cannot be converted to "seconds"`},
		"a label that is set":    {"set: {status: success}", "set: {mood: good}", `metric "hits": set: there is no label "mood"`},
		"an empty condition":     {"set: {status: success}", "where: {reason: {}}", `metric "hits": the condition on "reason" is empty. Add in, not_in or regex`},
		"a condition's label":    {"set: {status: success}", `where: {"a b": {in: [x]}}`, `metric "hits": where: "a b" is not a valid label name`},
		"a metric to be present": {"count_series: {metric: hits", "count_series: {metric: x", `line 28: signal "replicas", recipe 1: metric "x" is not under metrics`},
		"a kind's where":         {"- count_series: {metric: hits, by: [model]}", "- {count_series: {metric: hits}, where: {reason: {in: [x]}}}", `recipe 1: where beside the recipe is for histograms only. Move it into the term`},
		"a histogram's where":    {"- histogram: sizes", "- {histogram: sizes, where: {reason: {}}}", `metric "sizes": the condition on "reason" is empty. Add in, not_in or regex`},
		"no recipe":              {"    - histogram: sizes\n", "    -\n", `line 25: signal "request_size" has no recipe`},
		"a status that is set":   {"set: {status: success}", "set: {status: weird}", `line 20: signal "requests", recipe 1: metric "hits": set: status "weird" is not one of 2xx`},
		"a term twice":           {"sum: [{metric: hits, set: {status: success}}]", "sum: [{metric: hits}, {metric: hits}]", `line 20: signal "requests", recipe 1: metric "hits" occurs twice with the same conditions`},
		"a ratio in bytes":       {"- histogram: sizes", "- ratio: {of: [{metric: hits}], to: [{metric: hits}]}", `line 26: signal "request_size", recipe 1: the signal is in bytes, but a ratio`},
		"a presence in seconds":  {"- mean: {sum: [{metric: busy}], count: [{metric: hits}]}", "- count_series: {metric: hits}", `line 22: signal "response_time", recipe 1: the signal is in seconds`},
		"concurrency in bytes":   {"  concurrent_requests:\n", "  memory_usage:\n", `line 24: signal "memory_usage", recipe 1: metric "queue": "requests" cannot be converted to "bytes"`},
		"Little's law in bytes":  {"  concurrent_requests:\n    - sum: [{metric: queue}, ", "  memory_usage:\n    - sum: [", `line 24: signal "memory_usage", recipe 1: metric "busy": the signal is in bytes, but concurrency is a number of requests`},
		"a computed signal":      {"  request_size:\n", "  cache_hit_ratio:\n", `line 25: signal "cache_hit_ratio" is always computed from cold_hit_rate. Write recipes for those`},
		"the name as a label":    {"  model: model", "  model: __name__", `line 11: labels: "__name__" is not a valid label name`},
		"a bucket as a label":    {"  model: model", "  model: le", `line 11: labels: "le" is not a valid label name`},
		"a port":                 {"port: 8000", "port: 80000", `line 7: management: port 80000 is out of range`},
		"an endpoint's port":     {"identity_metric: hits", "identity_metric: hits\nendpoint: {port: -1}", `line 6: endpoint: port -1 is out of range`},
		"an endpoint's path":     {"identity_metric: hits", "identity_metric: hits\nendpoint: {path: metrics}", `line 6: endpoint: the path "metrics" must begin with /`},
		"an expression's end":    {"set: {status: success}", "where: {reason: {regex: 'a)|(b'}}", `the condition on "reason": error parsing regexp: unexpected )`},
		"a class's end":          {"labels:\n", "status: {label: code, classes: {2xx: 'a)|(b'}}\nlabels:\n", `line 10: status: class "2xx": error parsing regexp: unexpected )`},
		"a long expression":      {"set: {status: success}", "where: {reason: {regex: '" + strings.Repeat("a.{900}|", 1000) + "'}}", "the regular expression has 8000 characters, the maximum is 4096"},
		"an unknown alias":       {"  queue: {", "  queue: *nothing\n  q: {", `line 16: unknown anchor 'nothing' referenced`},
		"a merge of itself":      {"  queue: {", "  queue: &q {<<: *q}\n  q: {", `line 16: anchor 'q' value contains itself`},
		"a control character":    {"name: Small Server", "name: \x01", "line 2: control characters are not allowed"},
		"another encoding":       {"name: Small Server", "name: caf\xe9", "line 2: "},
		"a tab":                  {"  queue: {", "\tqueue: {", "line 16: found character that cannot start any token"},
		"a depth":                {"name: Small Server", "name: " + strings.Repeat("[", 20000), "line 2: exceeded max depth of 10000"},
		"too many keys":          {"metrics:\n", "metrics:\n" + strings.ReplaceAll(manyKeys(2000), "\n", "\n  ")[1:] + "\n", "line 14: the map has more than 2000 keys"},
		"very many mistakes":     {"identity_metric: hits", "identity_metric: hits" + manyKeys(500), "\nand 490 more"},
		"a label to count by":    {"by: [model]", "by: [gpu]", `metric "hits" has no label "gpu" to count by`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, 1, strings.Count(small, c.old), "the case changes one place")
			_, err := profile.Parse([]byte(strings.Replace(small, c.old, c.new, 1)))
			require.ErrorContains(t, err, c.message)
			require.NotContains(t, err.Error(), "profile.", "no name of a type")
			require.NotContains(t, err.Error(), "yaml: ")
		})
	}
	for _, empty := range []string{"", "\n", "# nothing\n"} {
		_, err := profile.Parse([]byte(empty))
		require.EqualError(t, err, `the file is empty. Enter a profile, or remove the file`)
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\nk%d: 1", i)
	}
	return b.String()
}

func FuzzParse(f *testing.F) {
	f.Add(small)
	f.Add("a: &a [*a]")
	f.Add("metrics: {x: &x {<<: *x}}")
	files, err := filepath.Glob("servers/*.y*ml")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := profile.Parse([]byte(text))
		if err != nil {
			require.Nil(t, p)
			require.NotEmpty(t, strings.TrimSpace(err.Error()))
			require.Less(t, len(err.Error()), 100*(len(text)+1000), "an error is no multiple of the profile")
			return
		}
		require.NotEmpty(t, p.ID)
		require.NotEmpty(t, p.Name)
		again, err := profile.Parse([]byte(text))
		require.NoError(t, err)
		require.Equal(t, p, again, "the same text is the same profile")
	})
}
