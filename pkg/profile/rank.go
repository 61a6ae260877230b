package profile

import (
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// rank is the traffic of each group over the whole range, and the labels that it has; nil where the query has no limit,
// does not tell models apart, or nothing there counts traffic.
func (c compiler) rank() (plan.Node, []string) {
	by := c.rankedBy()
	if !c.env.Limited || c.q.Limit == 0 || !slices.Contains(by, signal.Model) {
		return nil, nil
	}
	return c.traffic(by), words(by)
}

func (c compiler) rankedBy() []signal.Label {
	return slices.DeleteFunc(slices.Clone(c.q.GroupBy), func(l signal.Label) bool { return !slices.Contains(ranked, l) })
}

func (c compiler) traffic(by []signal.Label) plan.Node {
	var terms []termOf
	for _, p := range c.set {
		for _, t := range p.RankBy {
			if slices.ContainsFunc(t.Metric, c.env.Exists) {
				terms = append(terms, termOf{Term: t, profile: p, unit: signal.Requests, total: true})
			}
		}
	}
	return c.total(plan.Sum, terms, by, nil)
}

// Groups is a plan whose one value is how many groups a query has at a time, counted by the series that tell what is
// served; nil where the query's limit does not apply.
func (s Set) Groups(q signal.Query, env Environment) plan.Node {
	env.Limited = true
	c := compiler{set: s, q: q, env: env}
	rank, _ := c.rank()
	if rank == nil {
		return nil
	}
	return plan.Aggregate{Op: plan.Count, Of: rank}
}

// quantileLabel is the label that tells a summary's quantiles apart.
const quantileLabel = "quantile"

// summary reads a summary's own quantile. What it is told apart by stays, because summaries cannot be merged.
func (c compiler) summary(s Source) plan.Node {
	q, _ := c.statistic.Quantile()
	metric := s.Recipe.Summary
	selected, served, ok := c.selectSeries(termOf{profile: s.Profile}, metric)
	if !ok {
		return nil
	}
	selected.Matchers = append(selected.Matchers, plan.Matcher{Label: quantileLabel, Compare: plan.Equal, Value: number(q)})
	var n plan.Node = plan.Last{Of: selected}
	if served != nil {
		n = plan.SemiJoin{Of: n, On: s.Profile.Replica, Exists: *served}
	}
	n = c.yielding(n, s.term(Term{Metric: Names{metric}}, c.q.Signal.Unit))
	if rank, by := c.rank(); rank != nil {
		for _, l := range s.Profile.native(s.Profile.Metrics[metric], nil, c.rankedBy()) {
			if l.ours != l.theirs {
				n = plan.Rename{Of: n, From: l.theirs, To: l.ours}
			}
		}
		n = plan.TopK{Of: n, By: by, K: c.q.Limit, Rank: rank}
	}
	return scaled(n, s.Profile.factor(metric, c.q.Signal.Unit))
}

// identity lists the labels of the store that tell a metric's series apart, with the project's names for them.
func (p *Profile) identity(metric string) map[string]signal.Label {
	out := map[string]signal.Label{}
	for _, l := range signal.Labels {
		if p.carries(p.Metrics[metric], l) {
			out[p.Labels[l]] = l
		}
	}
	return out
}

// Counter is the plan of a counted signal's counters as they stand, told apart by everything that they can be; nil where
// nothing there counts it.
func (s Set) Counter(sig signal.Signal, filters map[signal.Label][]string) plan.Node {
	q := signal.Query{Signal: sig, GroupBy: sig.GroupBy, Filters: filters}
	c := compiler{set: s, q: q, statistic: signal.Last}
	var terms []termOf
	for _, p := range s {
		for _, r := range p.Signals[sig.Name] {
			terms = append(terms, Source{Profile: p}.terms(r.Sum, sig.Unit)...)
		}
	}
	for i := range terms {
		terms[i].standing = true
	}
	return c.total(plan.Sum, terms, q.GroupBy, nil)
}
