package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/rulefile"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// identityLookback is how long a server is remembered that does not answer.
const identityLookback = time.Hour

// ruleExpressions are those of alerts, with the series that they record for one another.
type ruleExpressions struct {
	options    Options
	servers    profile.Servers
	objectives objective.Set

	windows map[time.Duration][]rulefile.Rule
	known   map[string]bool
	// What the file's header has to warn of.
	fractions, merged, summaries bool
}

// record adds a recording rule unless it is there, and is its name.
func (w *ruleExpressions) record(name string, window time.Duration, expr string, labels map[string]string) string {
	key := fmt.Sprint(name, labels)
	if !w.known[key] {
		w.known[key] = true
		w.windows[window] = append(w.windows[window], rulefile.Rule{Record: name, Expr: expr, Labels: labels})
	}
	return name
}

// groups are the recordings, those of shorter windows first.
func (w *ruleExpressions) groups() []rulefile.Group {
	var lengths []time.Duration
	for window := range w.windows {
		lengths = append(lengths, window)
	}
	slices.Sort(lengths)
	var out []rulefile.Group
	for _, window := range lengths {
		n := 0
		for some := range slices.Chunk(w.windows[window], rulefile.MaxRules) {
			n++
			name := fmt.Sprintf("modelserving-recordings-%s-%d", durationText(window), n)
			out = append(out, rulefile.Group{Name: name, Interval: durationText(w.options.Interval), Rules: some})
		}
	}
	return out
}

// query is the expression whose value a rule's query has; missing says why there is none.
func (w *ruleExpressions) query(r Rule, q Query) (expr, missing string) {
	switch {
	case q.Unanswered:
		return w.downShare(r.By, q.Window)
	case q.NotStored:
		return notStored(r.By, q.Window), ""
	case q.Signal == signal.SLOViolation:
		return w.violation(r, q)
	case q.Signal == signal.SLOObjective:
		return w.allowed(q)
	case q.Signal == signal.SLOBurnRate:
		expr, missing = w.burnRate(q.Window)
	default:
		expr, missing = w.measured(q.Signal, q.Statistic, r.By, q.Filters, q.Window)
	}
	if missing != "" {
		return "", missing
	}
	return w.withMinimumRequests(expr, q), ""
}

// withMinimumRequests leaves out the models of which it is known that they had fewer requests in the window than the query wants.
func (w *ruleExpressions) withMinimumRequests(expr string, q Query) string {
	if q.MinimumRequests == 0 {
		return expr
	}
	requests, missing := w.measured("requests", signal.Rate, byModel, nil, q.Window)
	if missing != "" {
		return expr
	}
	return fmt.Sprintf("(%s unless on (%s) %s * %s < %s)", expr, strings.Join(words(byModel), ", "), requests, precise(q.Window.Seconds()), numberText(q.MinimumRequests))
}

// measured records a statistic of a signal.
func (w *ruleExpressions) measured(name string, st signal.Statistic, by []signal.Label, filters map[signal.Label][]string, window time.Duration) (expr, missing string) {
	text, missing := w.compiled(name, st, by, filters, window)
	if missing != "" {
		return "", missing
	}
	return w.record(fmt.Sprintf("modelserving:%s:%s:%s_%s", level(by), called(name, filters), st, durationText(window)), window, text, nil), ""
}

// called names a signal under filters.
func called(name string, filters map[signal.Label][]string) string {
	for _, values := range filters {
		name += "_" + strings.Join(values, "_")
	}
	return name
}

// compiled is a statistic of a signal as PromQL.
func (w *ruleExpressions) compiled(name string, st signal.Statistic, by []signal.Label, filters map[signal.Label][]string, window time.Duration) (expr, missing string) {
	if name == signal.CacheHitRatio {
		cold, missing := w.compiled(signal.ColdHitRate, st, by, filters, window)
		return "1 - (" + cold + ")", missing
	}
	var nodes []plan.Node
	for _, p := range w.parts(name, st, by, filters, window) {
		n := p.Plan
		if p.Separate != nil {
			w.summaries = true
			n = highest(n, p.Separate, by)
		}
		w.merged = w.merged || len(p.Buckets) > 0
		nodes = append(nodes, n)
	}
	switch len(nodes) {
	case 0:
	case 1:
		expr = promql.Text(nodes[0], 0)
	default:
		expr = promql.Text(plan.Union{Of: nodes}, 0)
	}
	if name == signal.ColdHitRate {
		expr = either(expr, w.withoutReplica(by, filters, window))
	}
	if expr == "" {
		return "", fmt.Sprintf("nothing here reports %s (%s)", called(name, filters), st)
	}
	return expr, ""
}

func (w *ruleExpressions) parts(name string, st signal.Statistic, by []signal.Label, filters map[signal.Label][]string, window time.Duration) []profile.Part {
	sig, _ := signal.Find(name)
	groupBy := slices.DeleteFunc(slices.Clone(by), func(l signal.Label) bool { return !slices.Contains(sig.GroupBy, l) })
	q := signal.Query{Signal: sig, Statistics: []signal.Statistic{st}, GroupBy: groupBy, Filters: filters, Window: window}
	return w.servers.Profiles.Compile(q, w.servers.Environment(window))
}

// highest makes one series a group of those that cannot be merged, under the project's labels.
func highest(n plan.Node, identity map[string]signal.Label, by []signal.Label) plan.Node {
	for _, l := range by {
		for theirs, ours := range identity {
			if ours == l && theirs != string(l) {
				n = plan.Rename{Of: n, From: theirs, To: string(l)}
			}
		}
	}
	return plan.Aggregate{Op: plan.Max, By: words(by), Of: n}
}

// downShare is like the query of a Grafana rule, for the targets that are known to be model servers alone.
func (w *ruleExpressions) downShare(by []signal.Label, window time.Duration) (expr, missing string) {
	var servers []string
	for _, p := range w.servers.Profiles {
		metric := p.IdentityMetric
		if p.Metrics[metric].Type == profile.Histogram {
			metric += "_count"
		}
		servers = append(servers, fmt.Sprintf("(max_over_time(up[%s]) and on (%s) last_over_time(%s[%s]))",
			durationText(window), strings.Join(p.Replica, ", "), metric, durationText(identityLookback)))
	}
	if len(servers) == 0 {
		return "", "no server is known"
	}
	return fmt.Sprintf("(1 - max by (%s) (%s))", strings.Join(words(by), ", "), strings.Join(servers, " or ")), ""
}

// violation records what models do as a multiple of what they may do.
func (w *ruleExpressions) violation(r Rule, q Query) (expr, missing string) {
	name := q.Filters[signal.Objective][0]
	d := objective.Find(name)
	value, missing := w.measured(d.Measured, d.Statistic, byModel, nil, q.Window)
	if missing != "" {
		return "", missing
	}
	text := w.relative(d, value)
	if text == "" {
		return "", "no model has this objective"
	}
	name = w.record("modelserving:model:slo_violation:"+durationText(q.Window), q.Window, text, map[string]string{"objective": d.Name})
	violation := selected(name, `objective="`+d.Name+`"`)
	if d.OverRequests {
		violation = w.withMinimumRequests(violation, q)
	}
	if !slices.Contains(r.By, signal.Model) {
		return fmt.Sprintf("max by (%s) (%s)", strings.Join(words(r.By), ", "), violation), ""
	}
	return violation, ""
}

// allowed records what the objective allows each model that is measured, 0 for those without the objective.
func (w *ruleExpressions) allowed(q Query) (expr, missing string) {
	name := q.Filters[signal.Objective][0]
	d := objective.Find(name)
	value, missing := w.measured(d.Measured, d.Statistic, byModel, nil, q.Window)
	if missing != "" {
		return "", missing
	}
	text := w.tiers(d, func(matchers string, allowed float64) string {
		return selected(value, matchers) + " * 0 + " + precise(allowed)
	})
	if text == "" {
		return "", "no model has this objective"
	}
	name = w.record("modelserving:model:slo_objective:"+durationText(q.Window), q.Window, text, map[string]string{"objective": d.Name})
	return selected(name, `objective="`+d.Name+`"`), ""
}

// relative is a recorded value divided by what each model's objective allows, 0 for those without the objective.
func (w *ruleExpressions) relative(d objective.Definition, value string) string {
	return w.tiers(d, func(matchers string, allowed float64) string {
		if allowed == 0 {
			return selected(value, matchers) + " * 0"
		}
		return selected(value, matchers) + " / " + precise(allowed)
	})
}

// tiers is an expression in which the first override that matches a model and sets the objective counts, and else what holds
// for all. Term writes it for the models that matchers select. It is empty if no model has the objective.
func (w *ruleExpressions) tiers(d objective.Definition, term func(matchers string, allowed float64) string) string {
	var terms []string
	demanded := false
	for _, o := range w.objectives.Overrides() {
		if d.Set(o) {
			allowed := d.Limit(o.Over(objective.Objective{}))
			demanded = demanded || allowed > 0
			terms = append(terms, term(matching(o), allowed))
		}
	}
	if allowed := d.Limit(w.objectives.Unmatched()); allowed > 0 {
		demanded = true
		terms = append(terms, term("", allowed))
	}
	if !demanded {
		return ""
	}
	return strings.Join(terms, " or ")
}

// burnRate records how fast models use up their budgets, over all objectives that have one.
func (w *ruleExpressions) burnRate(window time.Duration) (expr, missing string) {
	name := "modelserving:model:slo_burn_rate:" + durationText(window)
	found := false
	for _, d := range objective.Definitions {
		text := ""
		switch d.Budget {
		case objective.ShareBudget:
			value, missing := w.measured(d.Measured, d.Statistic, byModel, nil, window)
			if missing != "" {
				continue
			}
			text = w.relative(d, value)
		case objective.QuantileBudget:
			text = w.slowShare(d, window)
		}
		if text != "" {
			found = true
			w.record(name, window, text, map[string]string{"objective": d.Name})
		}
	}
	if !found {
		return "", "nothing here reports a share of bad requests"
	}
	return name, ""
}

// slowShare is the share of requests that take longer than the objective, divided by the share that may: 5 % for the p95.
func (w *ruleExpressions) slowShare(d objective.Definition, window time.Duration) string {
	q, _ := d.Statistic.Quantile()
	var terms []string
	for _, p := range w.parts(d.Measured, d.Statistic, byModel, nil, window) {
		for _, b := range p.Buckets {
			// Buckets of different servers are told apart, because their bounds are.
			layout := strconv.Itoa(len(terms) + 1)
			buckets := w.record("modelserving:model:"+d.Measured+"_buckets:rate_"+durationText(window), window, promql.Text(b.Merged(), 0), map[string]string{"layout": layout})
			tiers := w.tiers(d, func(matchers string, allowed float64) string {
				these := selected(buckets, strings.Trim(`layout="`+layout+`", `+matchers, ", "))
				if allowed == 0 {
					return "0 * histogram_fraction(-Inf, 0, " + these + ")"
				}
				return fmt.Sprintf("(1 - histogram_fraction(-Inf, %s, %s)) / (1 - %s)", precise(allowed/b.Factor), these, precise(q))
			})
			if tiers == "" {
				return ""
			}
			terms = append(terms, tiers)
		}
	}
	if len(terms) == 0 {
		return ""
	}
	w.fractions = true
	return fmt.Sprintf("max by (%s) (%s)", strings.Join(words(byModel), ", "), strings.Join(terms, " or "))
}

var globs = strings.NewReplacer(`\*`, `.*`, `\?`, `.`)

// matching selects the models of an override by the project's labels.
func matching(o objective.Override) string {
	var out []string
	for _, p := range []struct {
		label   signal.Label
		pattern string
	}{{signal.Environment, o.Environment}, {signal.Deployment, o.Deployment}, {signal.Model, o.Model}} {
		switch {
		case p.pattern == "":
		case strings.ContainsAny(p.pattern, "*?"):
			out = append(out, string(p.label)+"=~"+strconv.Quote(globs.Replace(regexp.QuoteMeta(p.pattern))))
		default:
			out = append(out, string(p.label)+"="+strconv.Quote(p.pattern))
		}
	}
	return strings.Join(out, ", ")
}

func selected(name, matchers string) string {
	if matchers == "" {
		return name
	}
	return name + "{" + matchers + "}"
}

// precise writes a number without the noise of binary fractions, such as that of 1 − 0.8.
func precise(v float64) string { return strconv.FormatFloat(v, 'g', 12, 64) }
