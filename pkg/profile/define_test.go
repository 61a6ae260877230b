package profile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// features is a team's own profile: a signal of the catalogue that no server reports, and two of its own.
const features = `id: features
name: Feature service
layer: server
detect: [feature_requests_total]
identity_metric: feature_requests_total
replica: [job, instance]
labels: {model: model_name, replica: instance, environment: environment, deployment: deployment}
metrics:
  feature_requests_total: {type: counter, unit: requests, labels: [model]}
  feature_misses_total: {type: counter, unit: requests, labels: [model]}
  feature_seconds: {type: histogram, unit: seconds, labels: [model]}
  model_trained_timestamp_seconds: {type: gauge, unit: seconds, labels: [model]}
custom_signals:
  feature_miss_rate: {title: Feature miss rate, unit: ratio, shape: share, description: Share of requests for which a feature was missing.}
signals:
  feature_extraction_time:
    - histogram: feature_seconds
  prediction_staleness:
    - age: model_trained_timestamp_seconds
  feature_miss_rate:
    - ratio: {of: [{metric: feature_misses_total}], to: [{metric: feature_requests_total}]}
`

func TestOwnProfileTakesPartInEverything(t *testing.T) {
	t.Parallel()
	set, problems := embedded(t).With([]profile.File{{Name: "features.yaml", Text: features}})
	require.Empty(t, problems)
	catalogue := set.Catalogue()
	own, ok := catalogue.Find("feature_miss_rate")
	require.True(t, ok)
	require.Equal(t, signal.Own, own.Group)
	require.Equal(t, []signal.Label{signal.Environment, signal.Deployment, signal.Model, signal.Replica}, own.GroupBy)
	_, ok = embedded(t).Catalogue().Find("feature_miss_rate")
	require.False(t, ok, "other data sources do not have it")
	for name, want := range map[string]string{
		"feature_miss_rate":       `sum by (model) (label_replace(sum by (model_name) (rate(feature_misses_total[1m])), "model", "$1", "model_name", "(.+)")) / sum by (model) (label_replace(sum by (model_name) (rate(feature_requests_total[1m])), "model", "$1", "model_name", "(.+)"))`,
		"prediction_staleness":    `time() - max by (model) (label_replace(max by (model_name) (model_trained_timestamp_seconds), "model", "$1", "model_name", "(.+)"))`,
		"feature_extraction_time": `histogram_quantile(0.95, sum by (model, le) (label_replace(sum by (model_name, le) (rate(feature_seconds_bucket[1m])), "model", "$1", "model_name", "(.+)")))`,
	} {
		q, err := catalogue.NewQuery(name, nil, []string{"model"}, nil, 0, true, 60e9)
		require.NoError(t, err)
		parts := set.Compile(q, profile.Environment{Exists: func(m string) bool {
			return (strings.HasPrefix(m, "feature") && m != "feature_seconds") || strings.HasPrefix(m, "model_t")
		}})
		require.Len(t, parts, 1, name)
		require.Equal(t, want, promql.Text(parts[0].Plan, 0))
	}
}

// Both parts of a ratio are brought to one unit, whatever the server reports them in.
func TestOwnRatioOfDifferentUnits(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer(
		"custom_signals:\n", "  used_mib: {type: gauge, unit: mebibytes, labels: [model]}\n  all_bytes: {type: gauge, unit: bytes, labels: [model]}\ncustom_signals:\n",
		"{of: [{metric: feature_misses_total}], to: [{metric: feature_requests_total}]}", "{of: [{metric: used_mib}], to: [{metric: all_bytes}]}",
	).Replace(features)
	set, problems := profile.Set{}.With([]profile.File{{Name: "features.yaml", Text: text}})
	require.Empty(t, problems)
	q, err := set.Catalogue().NewQuery("feature_miss_rate", nil, nil, nil, 0, true, 60e9)
	require.NoError(t, err)
	parts := set.Compile(q, profile.Environment{Exists: func(string) bool { return true }})
	require.Len(t, parts, 1)
	require.Equal(t, "(1.048576e+06 * sum by () (avg_over_time(used_mib[1m]))) / sum by () (avg_over_time(all_bytes[1m]))", promql.Text(parts[0].Plan, 0))
}

// A level that is a ratio of gauges is read as it stands, as levels are; one of counters has only a mean over the window.
func TestOwnLevelThatIsARatio(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer(
		"custom_signals:\n", "  used: {type: gauge, unit: tokens, labels: [model]}\n  slots: {type: gauge, unit: tokens, labels: [model]}\ncustom_signals:\n",
		"signals:\n", "signals:\n  kv_cache_usage:\n    - ratio: {of: [{metric: used}], to: [{metric: slots}]}\n  cpu_usage:\n    - ratio: {of: [{metric: feature_misses_total}], to: [{metric: feature_requests_total}]}\n",
	).Replace(features)
	set, problems := profile.Set{}.With([]profile.File{{Name: "features.yaml", Text: text}})
	require.Empty(t, problems)
	for name, want := range map[string][]string{"kv_cache_usage": {"sum by () (used) / sum by () (slots)"}, "cpu_usage": nil} {
		q, err := set.Catalogue().NewQuery(name, []string{"last"}, nil, nil, 0, true, 60e9)
		require.NoError(t, err)
		var got []string
		for _, p := range set.Compile(q, profile.Environment{Exists: func(string) bool { return true }}) {
			got = append(got, promql.Text(p.Plan, 0))
		}
		require.Equal(t, want, got, name)
	}
}

// What is wrong with one profile is said by file, line and reason; the others keep working.
func TestMistakesOfOwnProfiles(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n" +
		"e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nid: *g\n"
	// It has the form of a profile, and its aliases stand for ten million conditions.
	fitting := features + "  requests:\n    - &r {sum: [" + "&t {metric: feature_requests_total, where: {shard: {in: [" + strings.Repeat("x, ", 1000) + "]}}}, " +
		strings.Repeat("*t, ", 100) + "]}\n" + strings.Repeat("    - *r\n", 100)
	for name, c := range map[string]struct{ from, to, want string }{
		"an unknown signal":    {"  prediction_staleness:", "  predicted_staleness:", `line 18: there is no signal "predicted_staleness". Did you mean prediction_staleness?`},
		"a bad unit":           {"feature_seconds: {type: histogram, unit: seconds", "feature_seconds: {type: histogram, unit: fortnights", `line 11: metric "feature_seconds": unit "fortnights" does not exist`},
		"a label":              {"feature_misses_total: {type: counter, unit: requests, labels: [model]", "feature_misses_total: {type: counter, unit: requests, labels: [shard]", `line 10: metric "feature_misses_total": label "shard" is not under labels`},
		"a duplicate key":      {"name: Feature service", "id: again", `line 2: the key id is already in line 1`},
		"a duplicate id":       {"id: features", "id: triton", `line 1: id "triton" is already that of triton`},
		"a name that is taken": {"  feature_miss_rate: {title", "  error_rate: {title", `line 14: custom_signals: signal "error_rate": a built-in signal has this name`},
		"a shape":              {"shape: share", "shape: round", `line 14: custom_signals: signal "feature_miss_rate": shape "round" is not one of count, distribution`},
		"a share's unit":       {"unit: ratio, shape: share", "unit: seconds, shape: share", `line 14: custom_signals: signal "feature_miss_rate": a share needs the unit ratio`},
		"no title":             {"title: Feature miss rate, ", "", `line 14: custom_signals: signal "feature_miss_rate": a title is required`},
		"a bomb":               {features, bomb, "line 1: unknown key a"},
		"a bomb that fits":     {features, fitting, "line 23: the aliases expand to too much"},
		"nothing":              {features, "", "the file is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, features, c.from)
			wrong := strings.Replace(features, c.from, c.to, 1)
			good := strings.NewReplacer("id: features", "id: other", "feature_miss_rate", "miss_rate").Replace(features)
			set, problems := embedded(t).With([]profile.File{{Name: "wrong.yaml", Text: wrong}, {Name: "good.yaml", Text: good}})
			require.Len(t, problems, 1)
			require.ErrorContains(t, problems[0], "wrong.yaml: ")
			require.ErrorContains(t, problems[0], c.want)
			require.NotNil(t, set.Find("other"))
			require.NotNil(t, set.Find("triton"))
		})
	}
	_, problems := embedded(t).With([]profile.File{{Name: "a.yaml", Text: features}, {Name: "b.yaml", Text: strings.Replace(features, "id: features", "id: second", 1)}})
	require.Len(t, problems, 1)
	require.ErrorContains(t, problems[0], `b.yaml: line 14: signal "feature_miss_rate" is already defined by features`)
}
