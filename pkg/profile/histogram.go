package profile

import (
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Buckets is what a quantile over one server's histograms is made of. Its plans have the bucket bound as the label le, in
// the server's unit.
type Buckets struct {
	// Layout counts, by the part's labels, the histograms that have each bound; of native histograms, which need no such
	// count, it is their sum.
	Layout plan.Node
	// Quantile is right where all histograms of a group have the same bounds, or are native.
	Quantile plan.Node
	// Rates are the buckets' rates by the part's labels and by those that distinguish histograms.
	Rates plan.Node
	// Native says that the plans answer native histograms.
	Native bool
	// Factor turns bounds into the signal's unit.
	Factor float64
}

// Merged are the histograms of each group, put together: what Quantile is taken of. It is right where that is.
func (b Buckets) Merged() plan.Node {
	n := b.Quantile
	if s, scaled := n.(plan.Scale); scaled {
		n = s.Of
	}
	return n.(plan.Quantile).Of
}

// bucketBound is the label of a histogram's buckets.
const bucketBound = "le"

// buckets lists what quantiles over histograms are made of, for each source; nothing for other parts.
func (c compiler) buckets(sources []Source, by []signal.Label, cut func(plan.Node) plan.Node) []Buckets {
	q, quantile := c.statistic.Quantile()
	if !quantile || sources[0].Recipe.kind() != kindHistogram {
		return nil
	}
	var out []Buckets
	for _, s := range sources {
		t := s.term(Term{Metric: s.Recipe.Histogram, Where: s.Recipe.Where}, c.q.Signal.Unit).withSuffix("_bucket")
		b := Buckets{
			Layout:   c.layout(t, by, cut),
			Quantile: c.quantile(q, []termOf{t}, by, cut),
			Rates:    c.total(plan.Sum, []termOf{t}, t.perBucket(union(by, rankLabels)), cut),
			Factor:   s.Profile.factor(t.Metric[0], c.q.Signal.Unit),
			Native:   s.Native,
		}
		if b.Layout != nil && b.Rates != nil {
			out = append(out, b)
		}
	}
	return out
}

// perBucket is labels and, for classic histograms, that of the buckets.
func (t termOf) perBucket(by []signal.Label) []signal.Label {
	if t.native {
		return by
	}
	return append(slices.Clone(by), bucketBound)
}

func (c compiler) layout(t termOf, by []signal.Label, cut func(plan.Node) plan.Node) plan.Node {
	if t.native {
		return c.total(plan.Sum, []termOf{t}, by, cut)
	}
	t.latest = true
	inner := append(slices.Clone(by), bucketBound)
	if cut != nil {
		inner = union(inner, c.rankedBy())
	}
	n, _ := c.term(plan.Count, t, inner)
	if n == nil {
		return nil
	}
	if cut != nil {
		n = cut(n)
	}
	return plan.Aggregate{Op: plan.Sum, By: words(append(slices.Clone(by), bucketBound)), Of: n}
}
