package profile

import (
	"slices"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Part is a plan that answers one statistic of a query, and where its numbers come from.
type Part struct {
	Statistic signal.Statistic
	Plan      plan.Node
	// Others is set on the plan for what the limit leaves out, as one series.
	Others bool
	// Separate is set where series of a group cannot be merged: they keep their identity (each label of signal.Labels
	// that they have, under the profile's name for it).
	Separate map[string]signal.Label
	// Buckets are set where the plan takes a quantile over histograms: what it is made of, for each source.
	Buckets []Buckets
	// By lists the labels that the part's series have.
	By      []signal.Label
	Sources []Source
	// Recorded are the recorded series that the plan reads in place of the series that its sources name.
	Recorded []RecordedRate
}

// Environment is what a compilation depends on beside the query.
type Environment struct {
	// Window is what rates are taken over where the query does not say.
	Window time.Duration
	// Limited says that there are more groups than the query's limit.
	Limited bool
	// Exists says whether the store has a metric at all.
	Exists func(metric string) bool
	// Together says whether one metrics page shows the metrics of both profiles: a platform and the engine that it runs.
	// Without it no page does.
	Together func(a, b *Profile) bool
}

// Compile makes the plans that answer a query from the profiles whose servers are there. A statistic that nothing there
// answers has no part; Explain says why.
func (s Set) Compile(q signal.Query, env Environment) []Part {
	if q.Window == 0 {
		q.Window = env.Window
	}
	var parts []Part
	for _, st := range q.Statistics {
		for _, sources := range groupedByKind(s.sourcesOf(q.Signal, st, env), st) {
			c := compiler{set: s, q: q, statistic: st, env: env}
			parts = append(parts, c.parts(sources)...)
		}
	}
	return parts
}

// groupedByKind puts sources together whose terms can be summed before anything else is done with them.
func groupedByKind(sources []Source, st signal.Statistic) [][]Source {
	var groups [][]Source
next:
	for _, s := range sources {
		for i, g := range groups {
			if combinedKind(g[0].Recipe, st) == combinedKind(s.Recipe, st) {
				groups[i] = append(g, s)
				continue next
			}
		}
		groups = append(groups, []Source{s})
	}
	return groups
}

// combinedKind is the kind that a recipe is combined with others as: the mean of a histogram is a quotient too, and replicas
// that are counted add to those that somebody else has counted.
func combinedKind(r Recipe, st signal.Statistic) kind {
	switch k := r.kind(); {
	case k == kindHistogram && st == signal.Mean:
		return kindQuotient
	case k == kindPresent:
		return kindSum
	default:
		return k
	}
}

type kind int

const (
	kindSum kind = iota
	kindAverage
	kindQuotient
	kindSummary
	kindHistogram
	kindPresent
	kindAge
)

func (r Recipe) kind() kind {
	switch {
	case len(r.Average) > 0:
		return kindAverage
	case r.Ratio != nil || r.Mean != nil:
		return kindQuotient
	case r.Summary != "":
		return kindSummary
	case len(r.Histogram) > 0:
		return kindHistogram
	case r.Age != "":
		return kindAge
	case r.CountSeries != nil:
		return kindPresent
	}
	return kindSum
}

// answers says whether a recipe can give a statistic of the signal.
func (p *Profile) answers(r Recipe, sig signal.Signal, st signal.Statistic) bool {
	_, quantile := st.Quantile()
	switch r.kind() {
	case kindSummary:
		return quantile
	case kindHistogram:
		return quantile || (st == signal.Mean && !p.Metrics[r.Histogram[0]].FabricatedSum)
	case kindQuotient:
		return st == signal.Mean || (st == signal.Last && sig.Shape == signal.Level && p.readsOnlyGauges(r))
	}
	return !quantile && (sig.Shape != signal.Distribution || st == signal.Last)
}

// readsOnlyGauges says whether all that a recipe reads are gauges, which can be read as they stand.
func (p *Profile) readsOnlyGauges(r Recipe) bool {
	return !slices.ContainsFunc(r.terms(), func(t Term) bool { return p.Metrics[t.Metric[0]].Type != Gauge })
}

// seriesName is the name under which a metric's series are stored.
func seriesName(p *Profile, metric string) string {
	if p.Metrics[metric].Type == Histogram {
		return metric + "_bucket"
	}
	return metric
}

type compiler struct {
	set       Set
	q         signal.Query
	statistic signal.Statistic
	env       Environment
}

func (c compiler) parts(sources []Source) []Part {
	part := Part{Statistic: c.statistic, By: c.q.GroupBy, Sources: sources}
	if sources[0].Recipe.kind() == kindSummary {
		// A profile a part: what series are told apart by has the profile's names.
		parts := make([]Part, 0, len(sources))
		for _, s := range sources {
			part := part
			part.Sources = []Source{s}
			part.Separate = s.Profile.identity(s.Recipe.Summary)
			part.Plan = c.summary(s)
			if part.Plan != nil {
				parts = append(parts, part)
			}
		}
		return parts
	}
	if len(sources) > 1 {
		part.Sources = c.withEvidence(sources, part.By)
	}
	rank, by := c.rank()
	if rank == nil {
		part.Plan = c.node(sources, part.By, nil)
		part.Buckets = c.buckets(sources, part.By, nil)
		return keepAnswered(part)
	}
	kept := part
	top := func(n plan.Node) plan.Node { return plan.TopK{Of: n, By: by, K: c.q.Limit, Rank: rank} }
	if n := c.node(sources, part.By, nil); n != nil {
		kept.Plan = top(n)
		kept.Buckets = c.buckets(sources, part.By, nil)
		for i, b := range kept.Buckets {
			kept.Buckets[i].Layout, kept.Buckets[i].Quantile, kept.Buckets[i].Rates = top(b.Layout), top(b.Quantile), top(b.Rates)
		}
	}
	rest := part
	rest.Others = true
	rest.By = difference(part.By, rankLabels)
	if c.q.Others {
		beyond := func(n plan.Node) plan.Node {
			return plan.TopK{Of: n, By: by, K: c.q.Limit, Rank: rank, Rest: true}
		}
		rest.Plan = c.node(sources, rest.By, beyond)
		rest.Buckets = c.buckets(sources, rest.By, beyond)
	}
	return keepAnswered(kept, rest)
}

func keepAnswered(parts ...Part) []Part {
	return slices.DeleteFunc(parts, func(p Part) bool { return p.Plan == nil })
}

// node is the plan over several sources of one kind; nil where the filters leave nothing. The cut is applied to every term
// while it still has the labels that ranks go by.
func (c compiler) node(sources []Source, by []signal.Label, cut func(plan.Node) plan.Node) plan.Node {
	var of, to []termOf
	operation := plan.Sum
	for _, s := range sources {
		r := s.Recipe
		switch r.kind() {
		case kindQuotient:
			above, below := c.quotient(s)
			of, to = append(of, above...), append(to, below...)
		case kindHistogram:
			t := s.term(Term{Metric: r.Histogram, Where: r.Where}, c.q.Signal.Unit)
			if c.statistic == signal.Mean {
				of, to = append(of, t.withSuffix("_sum")), append(to, t.withSuffix("_count"))
			} else {
				of = append(of, t.withSuffix("_bucket"))
			}
		case kindAge:
			operation = plan.Max
			of = append(of, s.term(Term{Metric: Names{r.Age}}, signal.Seconds))
		case kindPresent:
			t := s.term(r.CountSeries.Term, c.q.Signal.Unit)
			t.present = r.CountSeries
			of = append(of, t)
		case kindAverage:
			operation = plan.Mean
			of = append(of, s.terms(r.Average, c.q.Signal.Unit)...)
		default:
			of = append(of, s.terms(r.Sum, c.q.Signal.Unit)...)
		}
	}
	if q, ok := c.statistic.Quantile(); ok {
		return c.quantile(q, of, by, cut)
	}
	value := c.total(operation, of, by, cut)
	if operation == plan.Max && value != nil {
		return plan.Age{Of: value}
	}
	if len(to) == 0 || value == nil {
		return value
	}
	count := c.total(operation, to, by, cut)
	if count == nil {
		return nil
	}
	return plan.Ratio{Of: value, To: count}
}

// quotient lists the terms of a source's quotient: none where the filters would leave only some of them, such as failures
// of one code without the successes that have no code.
func (c compiler) quotient(s Source) (of, to []termOf) {
	p := s.Profile
	if r := s.Recipe.Ratio; r != nil {
		// In base units, whatever each server reports: both parts have to agree, and several servers' are added up.
		of, to = s.terms(r.Of, p.unitOf(r.Of).Base()), s.terms(r.To, p.unitOf(r.To).Base())
	} else {
		m := s.Recipe.Mean
		of, to = s.terms(m.Sum, c.q.Signal.Unit), s.terms(m.Count, p.unitOf(m.Count))
	}
	for _, t := range slices.Concat(of, to) {
		if _, _, ok := c.selectSeries(t, t.Metric[0]); !ok {
			return nil, nil
		}
	}
	return of, to
}

func difference(labels, drop []signal.Label) []signal.Label {
	return slices.DeleteFunc(slices.Clone(labels), func(l signal.Label) bool { return slices.Contains(drop, l) })
}
