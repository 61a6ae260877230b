package profile

import (
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// rank is the traffic of each group over the whole range, and the labels that it has; nil where the query has no limit,
// does not group by model, or no metric counts traffic.
func (c compiler) rank() (plan.Node, []string) {
	by := c.rankedBy()
	if !c.env.Limited || c.q.Limit == 0 || !slices.Contains(by, signal.Model) {
		return nil, nil
	}
	return c.traffic(by), words(by)
}

func (c compiler) rankedBy() []signal.Label {
	return slices.DeleteFunc(slices.Clone(c.q.GroupBy), func(l signal.Label) bool { return !slices.Contains(rankLabels, l) })
}

func (c compiler) traffic(by []signal.Label) plan.Node {
	var terms []termOf
	for _, p := range c.set {
		for _, t := range p.RankBy {
			if slices.ContainsFunc(t.Metric, c.env.Exists) {
				terms = append(terms, termOf{Term: t, profile: p, unit: signal.Requests, overRange: true})
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

// quantileLabel is the label of a summary's quantiles.
const quantileLabel = "quantile"

// summary reads a summary's own quantile. Its labels stay, because summaries cannot be merged.
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
	n = c.excludeCovered(n, s.term(Term{Metric: Names{metric}}, c.q.Signal.Unit))
	if rank, by := c.rank(); rank != nil {
		for _, l := range s.Profile.labelNames(s.Profile.Metrics[metric], nil, c.rankedBy()) {
			if l.project != l.server {
				n = plan.Rename{Of: n, From: l.server, To: l.project}
			}
		}
		n = plan.TopK{Of: n, By: by, K: c.q.Limit, Rank: rank}
	}
	return scaled(n, s.Profile.factor(metric, c.q.Signal.Unit))
}

// identity lists the labels that distinguish the series of a metric, with the project's names for them.
func (p *Profile) identity(metric string) map[string]signal.Label {
	out := map[string]signal.Label{}
	for _, l := range signal.Labels {
		if p.carries(p.Metrics[metric], l) {
			out[p.Labels[l]] = l
		}
	}
	return out
}

// Counter is the plan of the current values of a counted signal's counters, by all labels that they have; nil if there are none.
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
		terms[i].latest = true
	}
	return c.total(plan.Sum, terms, q.GroupBy, nil)
}
