package rules

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/template"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/rulefile"
)

func profiles(t *testing.T, ids ...string) profile.Set {
	t.Helper()
	all, err := profile.Embedded()
	require.NoError(t, err)
	if len(ids) == 0 {
		return all
	}
	var out profile.Set
	for _, id := range ids {
		found := all.Find(id)
		require.NotNil(t, found, id)
		out = append(out, found)
	}
	return out
}

func defaultObjectives(t *testing.T) objective.Set { return objectiveSet(t, objective.Default()) }

// objectiveSet has these ones for every model, with overrides.
func objectiveSet(t *testing.T, of objective.Objective, overrides ...objective.Override) objective.Set {
	t.Helper()
	set, err := objective.NewSet(of, overrides)
	require.NoError(t, err)
	return set
}

// parsed is a rule file as promtool checks it.
func parsed(t *testing.T, text []byte) *rulefmt.RuleGroups {
	t.Helper()
	groups, errs := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	require.Empty(t, errs, string(text))
	return groups
}

func TestPrometheusAcceptsTheRulesForEveryServer(t *testing.T) {
	t.Parallel()
	all := profiles(t)
	sets := []profile.Set{all}
	for _, p := range all.Targets() {
		sets = append(sets, profile.Set{p})
	}
	for _, set := range sets {
		text, err := Prometheus(defaults(), profile.EverythingOf(set), defaultObjectives(t))
		require.NoError(t, err)
		recorded := map[string]bool{}
		groups := parsed(t, text).Groups
		for _, g := range groups {
			require.LessOrEqual(t, len(g.Rules), rulefile.MaxRules, g.Name)
			for _, r := range g.Rules {
				recorded[r.Record] = true
			}
		}
		alerts := 0
		for _, g := range groups {
			for _, r := range g.Rules {
				if r.Alert != "" {
					alerts++
				}
				for _, name := range namesIn(t, r.Expr) {
					if strings.HasPrefix(name, "modelserving:") {
						require.True(t, recorded[name], "%s reads %s, which nothing records", r.Expr, name)
					}
				}
			}
		}
		require.Positive(t, alerts)
		left := 0
		if _, after, some := strings.Cut(string(text), "# Skipped:\n"); some {
			header, _, _ := strings.Cut(after, "groups:")
			left = strings.Count(header, "\n")
		}
		require.Equal(t, len(All(defaults())), alerts+left, "what is left out is named")
	}
}

// namesIn lists the metrics that an expression reads.
func namesIn(t *testing.T, expr string) []string {
	t.Helper()
	tree, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	require.NoError(t, err, expr)
	var out []string
	parser.Inspect(tree, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			out = append(out, s.Name)
		}
		return nil
	})
	return out
}

// The expressions give every model the objective that the plugin gives it.
func TestOverridesAreThoseOfTheObjectives(t *testing.T) {
	t.Parallel()
	share := func(v float64) *float64 { return &v }
	long := func(d time.Duration) *time.Duration { return &d }
	overrides := []objective.Override{
		{Model: "llama-*", ErrorRate: share(0.05)},
		{Environment: "staging", Model: "?raud", ErrorRate: share(0)},
		{Deployment: "a.b", P95: long(2 * time.Second)},
		{Environment: "staging", ErrorRate: share(0.2), P95: long(time.Second)},
	}
	set := objectiveSet(t, objective.Default(), overrides...)
	db := newStore(t)
	type identity struct{ environment, deployment, model string }
	var all []identity
	for _, e := range []string{"production", "staging"} {
		for _, d := range []string{"a.b", "axb"} {
			for _, m := range []string{"llama-8b", "my-llama-8b", "fraud", "Fraud"} {
				all = append(all, identity{e, d, m})
			}
		}
	}
	now := time.UnixMilli(1_700_000_000_000)
	w := &ruleExpressions{options: defaults(), servers: profile.EverythingOf(profiles(t, "vllm")), objectives: set, windows: map[time.Duration][]rulefile.Rule{}, known: map[string]bool{}}
	for _, r := range objectives(defaults()) {
		if r.Name == "error-rate-over-objective" || r.Name == "response-time-over-objective" {
			_, _, missing := w.condition(r)
			require.Empty(t, missing)
		}
	}
	for _, i := range all {
		ls := []string{"environment", i.environment, "deployment", i.deployment, "model", i.model}
		db.append(labels.FromStrings(append(ls, "__name__", "modelserving:model:error_rate:mean_5m")...), now, 0.1)
		db.append(labels.FromStrings(append(ls, "__name__", "modelserving:model:response_time:p95_5m")...), now, 3)
	}
	db.commit()
	for _, r := range w.windows[5*time.Minute] {
		if !strings.HasSuffix(r.Record, "slo_violation:5m") {
			continue
		}
		answer := db.ask(r.Expr, now)
		require.Len(t, answer, len(all))
		for _, sample := range answer {
			o := set.For(sample.Metric.Get("environment"), sample.Metric.Get("deployment"), sample.Metric.Get("model"))
			want := 0.0
			switch {
			case r.Labels["objective"] == objective.ErrorRate && o.ErrorRate > 0:
				want = 0.1 / o.ErrorRate
			case r.Labels["objective"] == objective.ResponseTime:
				want = 3 / o.P95.Seconds()
			}
			require.InDelta(t, want, sample.F, 1e-9, "%s %s", r.Labels["objective"], sample.Metric)
		}
	}
}

func TestObjectivesThatAreSwitchedOffHaveNoRule(t *testing.T) {
	t.Parallel()
	text, err := Prometheus(defaults(), profile.EverythingOf(profiles(t, "vllm")), objectiveSet(t, objective.Objective{}))
	require.NoError(t, err)
	parsed(t, text)
	require.Contains(t, string(text), "# Error rate over objective: no model has this objective.")
	require.NotContains(t, string(text), "alert: ModelServingErrorRateOverObjective")
	require.Contains(t, string(text), "alert: ModelServingResponseTimeTooLong")
}

// traffic is what one vLLM does for one model between two scrapes: requests by how long they took, and failures.
type traffic struct{ fast, slow, failed float64 }

// fleet scrapes two vLLM servers, one a model, for an hour, and evaluates a rule file as Prometheus does.
type fleet struct {
	*store
	groups *rulefmt.RuleGroups
	now    time.Time
	counts map[string]*traffic
}

const scrapeEvery = 15 * time.Second

func newFleet(t *testing.T, o Options) *fleet {
	t.Helper()
	text, err := Prometheus(o, profile.EverythingOf(profiles(t, "vllm")), defaultObjectives(t))
	require.NoError(t, err)
	return &fleet{store: newStore(t), groups: parsed(t, text), now: time.UnixMilli(1_700_000_000_000), counts: map[string]*traffic{}}
}

// run lets the models do this in every scrape interval for a while. A model that is not named is not served.
func (f *fleet) run(d time.Duration, doing map[string]traffic) {
	for end := f.now.Add(d); f.now.Before(end); f.now = f.now.Add(scrapeEvery) {
		for name, t := range doing {
			if f.counts[name] == nil {
				f.counts[name] = &traffic{}
			}
			c := f.counts[name]
			c.fast, c.slow, c.failed = c.fast+t.fast, c.slow+t.slow, c.failed+t.failed
			f.scrape(name, *c)
		}
		f.commit()
		if f.now.Sub(time.UnixMilli(1_700_000_000_000))%time.Minute == 0 {
			f.record()
		}
	}
}

func (f *fleet) scrape(name string, c traffic) {
	add := func(metric string, v float64, more ...string) {
		ls := append([]string{"__name__", metric, "job", "vllm", "instance", name + ":8000", "environment", "production", "deployment", "chat"}, more...)
		f.append(labels.FromStrings(ls...), f.now, v)
	}
	add("up", 1)
	add("vllm:num_requests_running", 1, "model_name", name)
	add("vllm:request_success_total", c.fast+c.slow, "model_name", name, "finished_reason", "stop")
	add("vllm:request_success_total", c.failed, "model_name", name, "finished_reason", "error")
	for bound, v := range map[string]float64{"0.1": c.fast, "5": c.fast + c.slow, "+Inf": c.fast + c.slow} {
		add("vllm:e2e_request_latency_seconds_bucket", v, "model_name", name, "le", bound)
	}
	add("vllm:e2e_request_latency_seconds_count", c.fast+c.slow, "model_name", name)
}

// record evaluates the recording rules, the groups one after the other.
func (f *fleet) record() {
	for _, g := range f.groups.Groups {
		for _, r := range g.Rules {
			if r.Record == "" {
				continue
			}
			for _, s := range f.ask(r.Expr, f.now) {
				b := labels.NewBuilder(s.Metric).Set("__name__", r.Record)
				for k, v := range r.Labels {
					b.Set(k, v)
				}
				f.append(b.Labels(), f.now, s.F)
			}
			f.commit()
		}
	}
}

// active lists the alerts whose condition holds now, with the model.
func (f *fleet) active() []string {
	out := []string{}
	for _, g := range f.groups.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			for _, s := range f.ask(r.Expr, f.now) {
				out = append(out, strings.TrimPrefix(r.Alert, "ModelServing")+strings.TrimRight(" "+s.Metric.Get("model"), " "))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var (
	healthy = traffic{fast: 20}
	slowly  = traffic{fast: 2, slow: 18}
	failing = traffic{fast: 10, failed: 10}
	idle    = traffic{}
)

func TestPrometheusRulesFireForTheModelThatIsAtFault(t *testing.T) {
	t.Parallel()
	f := newFleet(t, defaults())
	f.run(20*time.Minute, map[string]traffic{"llama": healthy, "qwen": healthy})
	require.Empty(t, f.active())
	f.run(10*time.Minute, map[string]traffic{"llama": healthy, "qwen": failing})
	require.Equal(t, []string{"ErrorBudgetBurnFast14x qwen", "ErrorBudgetBurnFast6x qwen", "ErrorBudgetBurnSlow1x qwen", "ErrorBudgetBurnSlow3x qwen", "ErrorRateOverObjective qwen"}, f.active())
	f.run(10*time.Minute, map[string]traffic{"llama": slowly, "qwen": healthy})
	got := f.active()
	require.Contains(t, got, "ResponseTimeOverObjective llama")
	require.Contains(t, got, "ResponseTimeTooLong llama")
	require.NotContains(t, got, "ErrorRateOverObjective qwen", "it is well again")
	require.NotContains(t, got, "ErrorBudgetBurnFast14x qwen", "the short window ends the alert")
}

// summaries are those of the alerts that fire now, by the alert's name and what it is about, as Prometheus writes them.
func (f *fleet) summaries() map[string]string {
	out := map[string]string{}
	for _, g := range f.groups.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			for _, s := range f.ask(r.Expr, f.now) {
				data := template.AlertTemplateData(s.Metric.Map(), nil, "", promql.Sample{F: s.F})
				expander := template.NewTemplateExpander(f.t.Context(), r.Annotations["summary"], "summary", data, 0,
					func(_ context.Context, expr string, _ time.Time) (promql.Vector, error) {
						return f.ask(expr, f.now), nil
					}, nil, nil)
				text, err := expander.Expand()
				require.NoError(f.t, err)
				out[strings.TrimPrefix(r.Alert, "ModelServing")+" "+s.Metric.Get("model")+" "+s.Metric.Get("objective")] = text
			}
		}
	}
	return out
}

func TestPrometheusSummariesHaveTheNumbers(t *testing.T) {
	t.Parallel()
	f := newFleet(t, defaults())
	f.run(20*time.Minute, map[string]traffic{"llama": slowly, "qwen": failing})
	got := f.summaries()
	for name, want := range map[string]string{
		"ResponseTimeOverObjective llama response_time": "llama: p95 4.728s, 2264% over its 200ms objective (production/chat).",
		"ErrorRateOverObjective qwen error_rate":        "qwen: 50% of requests fail, objective 1% (production/chat).",
		"ErrorBudgetBurnFast14x qwen error_rate":        "qwen: the 30d error budget for error_rate burns 50.0x too fast (up to 1h: 50.0x, 5m: 50.0x) (production/chat).",
		"ErrorBudgetBurnFast14x llama response_time":    "llama: the 30d error budget for response_time burns 17.6x too fast (up to 1h: 17.6x, 5m: 17.6x) (production/chat).",
	} {
		require.Contains(t, got, name)
		require.Equal(t, want, got[name])
	}
}

// Of a request a minute, one that fails is a fifth of a window's, and says nothing yet; over hours it does.
func TestPrometheusRulesWantAFewRequests(t *testing.T) {
	t.Parallel()
	f := newFleet(t, defaults())
	busy := map[string]traffic{"llama": healthy}
	minute := func(rare traffic) {
		f.run(scrapeEvery, map[string]traffic{"llama": healthy, "qwen": rare})
		f.run(time.Minute-scrapeEvery, map[string]traffic{"llama": healthy, "qwen": idle})
	}
	for range 20 {
		minute(traffic{fast: 1})
	}
	require.Empty(t, f.active())
	for range 3 {
		minute(traffic{failed: 1})
	}
	require.NotContains(t, f.active(), "ErrorRateOverObjective qwen", "of five requests")
	f.run(10*time.Minute, busy)
	for range 10 {
		minute(traffic{failed: 10})
	}
	require.Contains(t, f.active(), "ErrorRateOverObjective qwen")
}

func TestPrometheusRulesStayQuiet(t *testing.T) {
	t.Parallel()
	both := map[string]traffic{"llama": healthy, "qwen": healthy}
	for name, play := range map[string]func(*fleet){
		"no traffic":        func(f *fleet) { f.run(10*time.Minute, map[string]traffic{"llama": idle, "qwen": healthy}) },
		"just unloaded":     func(f *fleet) { f.run(10*time.Minute, map[string]traffic{"qwen": healthy}) },
		"restarted server":  func(f *fleet) { f.counts["llama"] = nil; f.run(5*time.Minute, both) },
		"a gap in scraping": func(f *fleet) { f.now = f.now.Add(4 * time.Minute); f.run(2*time.Minute, both) },
		"a long gap":        func(f *fleet) { f.now = f.now.Add(40 * time.Minute); f.run(2*time.Minute, both) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, defaults())
			f.run(15*time.Minute, both)
			play(f)
			require.Empty(t, f.active())
		})
	}
}

func TestPrometheusDetectsDeploymentsThatAreDown(t *testing.T) {
	t.Parallel()
	f := newFleet(t, defaults())
	f.run(15*time.Minute, map[string]traffic{"llama": healthy})
	for range 6 * 4 {
		f.append(labels.FromStrings("__name__", "up", "job", "vllm", "instance", "llama:8000", "environment", "production", "deployment", "chat"), f.now, 0)
		f.now = f.now.Add(scrapeEvery)
	}
	f.commit()
	require.Equal(t, []string{"DeploymentDown"}, f.active())
}

// Names of models, and the patterns of overrides, may be anything.
func TestAwkwardPatternsMakeRules(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	alphabet := []string{`"`, `\`, "{", "}", "$", "*", "?", "ü", " ", "a", ".", "|", "\n"}
	for range 200 {
		var pattern strings.Builder
		for range r.IntN(6) {
			pattern.WriteString(alphabet[r.IntN(len(alphabet))])
		}
		share := 0.5
		set := objectiveSet(t, objective.Default(), objective.Override{Model: pattern.String(), ErrorRate: &share})
		text, err := Prometheus(defaults(), profile.EverythingOf(profiles(t, "vllm")), set)
		require.NoError(t, err)
		parsed(t, text)
	}
}
