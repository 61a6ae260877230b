package profile_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// embedded is Triton's profile and the project's own, which these tests are about.
func embedded(t *testing.T) profile.Set {
	t.Helper()
	set, err := profile.Embedded()
	require.NoError(t, err)
	return slices.DeleteFunc(set, func(p *profile.Profile) bool { return p.ID != "triton" && p.ID != "modelserving" })
}

const firstResponse = "nv_inference_first_response_histogram_ms"

// everything is a store that has all of Triton's metrics, its histogram in classic buckets.
func everything(metric string) bool { return metric != firstResponse }

func nothing(string) bool { return false }

// text writes a plan and has Prometheus's parser read it.
func text(t *testing.T, n plan.Node) (string, parser.Expr) {
	t.Helper()
	out := promql.Text(n, time.Hour)
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(out)
	require.NoError(t, err, out)
	return out, expr
}

// groupings are none, each label alone, and all of a signal's.
func groupings(s signal.Signal) [][]string {
	out := [][]string{nil}
	var all []string
	for _, l := range s.GroupBy {
		out, all = append(out, []string{string(l)}), append(all, string(l))
	}
	return append(out, all)
}

// compiled writes every plan of a signal as PromQL, each after a comment that says what it answers.
func compiled(t *testing.T, set profile.Set, s signal.Signal) string {
	t.Helper()
	var b strings.Builder
	for _, st := range s.Statistics() {
		for _, by := range groupings(s) {
			for _, limited := range []bool{false, true} {
				if limited && !slices.Contains(by, string(signal.Model)) {
					continue
				}
				q, err := signal.Builtin().NewQuery(s.Name, []string{string(st)}, by, nil, 2, true, 0)
				require.NoError(t, err)
				for _, part := range set.Compile(q, profile.Environment{Window: time.Minute, Limited: limited, Exists: everything}) {
					title := strings.TrimSuffix(fmt.Sprintf("# %s by %s", st, strings.Join(by, ", ")), " by ")
					if limited {
						title += fmt.Sprintf(" (the busiest %d)", q.Limit)
					}
					if part.Others {
						title += " (others)"
					}
					out, _ := text(t, part.Plan)
					fmt.Fprintf(&b, "%s\n# %s\n%s\n\n", title, part.Describe(), out)
				}
			}
		}
	}
	return b.String()
}

func TestCompiledPlans(t *testing.T) {
	t.Parallel()
	set := embedded(t)
	for _, s := range signal.Builtin() {
		if !slices.ContainsFunc(set, func(p *profile.Profile) bool { return len(p.Signals[s.Name]) > 0 }) {
			continue // nothing to compile
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			got := compiled(t, set, s)
			file := filepath.Join("testdata", "compiled", s.Name+".promql")
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), got, "rewrite with -update if this is meant")
		})
	}
}

// Every statistic that a recipe answers has plans, for every grouping, and every other one has none.
func TestStatisticsThatRecipesAnswer(t *testing.T) {
	t.Parallel()
	set := embedded(t)
	answered := map[string][]signal.Statistic{
		"load_time": {signal.Last}, "age_at_eviction": {signal.Last}, "time_to_first_byte": {signal.P50, signal.P90, signal.P95, signal.P99, signal.Mean},
	}
	for _, s := range signal.Builtin() {
		want, special := answered[s.Name]
		filled := slices.ContainsFunc(set, func(p *profile.Profile) bool { return len(p.Signals[s.Name]) > 0 })
		if !special && filled {
			want = s.Statistics()
		}
		for _, st := range s.Statistics() {
			q, err := signal.Builtin().NewQuery(s.Name, []string{string(st)}, nil, nil, 0, true, time.Minute)
			require.NoError(t, err)
			parts := set.Compile(q, profile.Environment{Exists: everything})
			require.Equal(t, slices.Contains(want, st), len(parts) > 0, "%s of %s", st, s.Name)
			require.Empty(t, set.Compile(q, profile.Environment{Exists: nothing}), "nothing is there")
		}
	}
}

// matchersOf lists the matchers of every selector on a metric.
func matchersOf(e parser.Expr, metric string) [][]string {
	var out [][]string
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok && v.Name == metric {
			var one []string
			for _, m := range v.LabelMatchers {
				if m.Name != "__name__" {
					one = append(one, m.String())
				}
			}
			out = append(out, one)
		}
		return nil
	})
	return out
}

func TestFilters(t *testing.T) {
	t.Parallel()
	const success, failure, cpu = "nv_inference_request_success", "nv_inference_request_failure", "nv_cpu_utilization"
	for name, c := range map[string]struct {
		signal  string
		filters map[string][]string
		metric  string
		want    [][]string
	}{
		"a value":                         {"requests", map[string][]string{"model": {"a.b"}}, success, [][]string{{`model="a.b"`}}},
		"several values":                  {"requests", map[string][]string{"model": {"a.b", "c|d"}}, success, [][]string{{`model=~"a\\.b|c\\|d"`}}},
		"no value filters nothing":        {"requests", map[string][]string{"model": {}}, success, [][]string{nil}},
		"the server's name of a label":    {"requests", map[string][]string{"replica": {"h:1"}, "code": {"OTHER"}}, failure, [][]string{{`instance="h:1"`, `reason="OTHER"`}}},
		"a given label":                   {"requests", map[string][]string{"status": {"failure"}}, success, nil},
		"a given label that is kept":      {"requests", map[string][]string{"status": {"success", "2xx"}}, success, [][]string{nil}},
		"a label that a metric lacks":     {"requests", map[string][]string{"code": {"OTHER"}}, success, nil},
		"the absence of a label":          {"requests", map[string][]string{"code": {""}}, success, [][]string{nil}},
		"a share is never of a part":      {"error_rate", map[string][]string{"code": {"OTHER"}}, failure, nil},
		"of host metrics, by the server":  {"cpu_usage", map[string][]string{"deployment": {"d"}}, cpu, [][]string{{`deployment="d"`}}},
		"of host metrics, by who serves":  {"cpu_usage", map[string][]string{"model": {"a"}, "deployment": {"d"}}, success, [][]string{{`model="a"`, `deployment="d"`}}},
		"a label of no series of a model": {"cpu_usage", map[string][]string{"code": {"OTHER"}}, cpu, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, err := signal.Builtin().NewQuery(c.signal, nil, nil, c.filters, 0, true, time.Minute)
			require.NoError(t, err)
			var got [][]string
			for _, part := range embedded(t).Compile(q, profile.Environment{Exists: everything}) {
				_, expr := text(t, part.Plan)
				got = append(got, matchersOf(expr, c.metric)...)
			}
			require.Equal(t, c.want, got)
		})
	}
}

// A filter's values are taken literally, one or several of them, whatever they are made of.
func TestAwkwardFilterValues(t *testing.T) {
	t.Parallel()
	awkward := []string{`"`, "\n", `\`, `\d+`, "a|b", ".*", "(", "[", "$1", "模型", "🦙", "`", "{}", "a\x00b", "%s"}
	for _, value := range awkward {
		for _, values := range [][]string{{value}, {value, "plain"}} {
			q, err := signal.Builtin().NewQuery("requests", nil, nil, map[string][]string{"model": values, "status": {"success"}}, 0, true, time.Minute)
			require.NoError(t, err)
			parts := embedded(t).Compile(q, profile.Environment{Exists: everything})
			require.Len(t, parts, 1)
			_, expr := text(t, parts[0].Plan)
			parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
				if v, ok := n.(*parser.VectorSelector); ok {
					for _, other := range append(awkward, "plain", "", "x") {
						require.Equal(t, slices.Contains(values, other), v.LabelMatchers[0].Matches(other), "%q by %q", other, values)
					}
				}
				return nil
			})
		}
	}
}
