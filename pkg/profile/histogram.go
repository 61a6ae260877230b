package profile

import (
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Buckets is what a quantile over one server's histograms is made of. Its plans have the bucket bound as the label le, in
// the server's unit.
type Buckets struct {
	// Layout counts, by the part's labels, the histograms that have each bound.
	Layout plan.Node
	// Rates are the buckets' rates by the part's labels and by those that tell histograms apart.
	Rates plan.Node
	// Factor turns bounds into the signal's unit.
	Factor float64
}

// bucketBound is the label of a histogram's buckets.
const bucketBound = "le"

// buckets lists what quantiles over histograms are made of, for each source; nothing for other parts.
func (c compiler) buckets(sources []Source, by []signal.Label, cut func(plan.Node) plan.Node) []Buckets {
	if _, quantile := c.statistic.Quantile(); !quantile || sources[0].Recipe.kind() != kindHistogram {
		return nil
	}
	var out []Buckets
	for _, s := range sources {
		t := s.term(Term{Metric: s.Recipe.Histogram, Where: s.Recipe.Where}, c.q.Signal.Unit).of("_bucket")
		b := Buckets{
			Layout: c.layout(t, by, cut),
			Rates:  c.total(plan.Sum, []termOf{t}, union(union(by, ranked), []signal.Label{bucketBound}), cut),
			Factor: s.Profile.factor(t.Metric[0], c.q.Signal.Unit),
		}
		if b.Layout != nil && b.Rates != nil {
			out = append(out, b)
		}
	}
	return out
}

func (c compiler) layout(t termOf, by []signal.Label, cut func(plan.Node) plan.Node) plan.Node {
	t.standing = true
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
