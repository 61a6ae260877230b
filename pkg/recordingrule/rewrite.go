package recordingrule

import (
	"slices"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
)

// Rewrite is the pass that reads recorded series in place of metrics, for the times of one query.
type Rewrite struct {
	Known Known
	// Windows are those of the recorded rates, the longest first.
	Windows []time.Duration
	// Covers reports whether recorded series are written without a gap for as long as rates over a window need them.
	Covers func(name string, window time.Duration) bool
	// Exists reports whether a series has samples in the range.
	Exists func(name string) bool
	// Phase is how far all times of the query lie behind a multiple of a window, so that longer windows can be added up of such
	// windows; false if that differs from time to time, or if too many would be added up.
	Phase func(window, whole time.Duration) (time.Duration, bool)
}

// Parts has the parts of a query read recorded series in place of the series that they are made of. A part does so for all of its rates or for
// none: a ratio's two sides have to be of the same moment.
func (r *Rewrite) Parts(parts []profile.Part) []profile.Part {
	if r == nil || len(r.Windows) == 0 {
		return parts
	}
	for i := range parts {
		p := &parts[i]
		reading := rewriter{Rewrite: r}
		whole := reading.node(p.Plan)
		if reading.missing || len(reading.read) == 0 {
			continue
		}
		p.Plan, p.Recorded = whole, reading.read
		p.Buckets = slices.Clone(p.Buckets)
		for j, b := range p.Buckets {
			p.Buckets[j].Quantile = r.plan(b.Quantile)
			p.Buckets[j].Layout = r.plan(b.Layout)
		}
		p.Sources = slices.Clone(p.Sources)
		for j, s := range p.Sources {
			if s.Evidence != nil {
				p.Sources[j].Evidence = r.plan(s.Evidence)
			}
		}
	}
	return parts
}

// plan is a plan that reads recorded series; the plan itself if they are missing.
func (r *Rewrite) plan(n plan.Node) plan.Node {
	reading := rewriter{Rewrite: r}
	if out := reading.node(n); !reading.missing {
		return out
	}
	return n
}

// rewriter rewrites one plan.
type rewriter struct {
	*Rewrite
	read    []profile.RecordedRate
	missing bool
}

// node is the plan with recorded series in it. Missing is set if rates are read that are not recorded.
func (r *rewriter) node(n plan.Node) plan.Node {
	switch n := n.(type) {
	case plan.Rate, plan.NewCounter, plan.SumOverTime:
		r.missing = true // outside of a sum, each series counts by itself
		return n
	case plan.Aggregate:
		return r.aggregate(n)
	case plan.TopK:
		n.Of = r.node(n.Of) // the ranking stays on the counters: it has to be the same for every panel
		return n
	}
	return plan.Map(n, r.node)
}

// aggregate reads recorded series where sums of sums are the same as sums.
func (r *rewriter) aggregate(n plan.Aggregate) plan.Node {
	kept := seriesKept{labels: n.By}
	switch {
	case (n.Op == plan.Sum || n.Op == plan.Group) && kept.rates(n.Of):
		rates, used, ok := r.rates(kept)
		if !ok {
			r.missing = true
			return n
		}
		r.read = appendNew(r.read, used)
		n.Of = r.replaceSelections(n.Of, rates)
		return n
	case n.Op == plan.Count && kept.newestSamples(n.Of):
		if name, ok := r.bucketCount(kept); ok {
			n.Op = plan.Sum
			n.Of = r.replaceSelections(n.Of, func(s plan.Select, _ time.Duration) plan.Node {
				s.Metric = name
				return plan.Last{Of: s}
			})
		}
		return n
	}
	n.Of = r.node(n.Of)
	return n
}

// replaceSelections puts recorded series in the places of what an aggregation is over.
func (r *rewriter) replaceSelections(n plan.Node, recorded func(plan.Select, time.Duration) plan.Node) plan.Node {
	switch n := n.(type) {
	case plan.Rate:
		return recorded(n.Of, n.Window)
	case plan.Last:
		return recorded(n.Of, 0)
	case plan.SemiJoin:
		n.Of, n.Exists = r.replaceSelections(n.Of, recorded), r.node(n.Exists)
		return n
	case plan.AntiJoin:
		n.Of, n.Exists = r.replaceSelections(n.Of, recorded), r.node(n.Exists)
		return n
	}
	return plan.Map(n, func(of plan.Node) plan.Node { return r.replaceSelections(of, recorded) })
}

// seriesKept is what an aggregation is over: one metric's series, by which labels they have to be known.
type seriesKept struct {
	metric string
	window time.Duration
	labels []string
}

// rates reports whether an aggregation is over the rates of one metric.
func (k *seriesKept) rates(n plan.Node) bool {
	switch n := n.(type) {
	case plan.Rate:
		return n.Window > 0 && k.selects(n.Of, n.Window)
	case plan.HistogramSum:
		return k.rates(n.Of)
	case plan.HistogramCount:
		return k.rates(n.Of)
	case plan.Union:
		// Selections of one metric by labels that are kept: a recorded series is in as many of them as what it is made of.
		for _, of := range n.Of {
			if rate, ok := of.(plan.Rate); !ok || !k.rates(rate) {
				return false
			}
		}
		return len(n.Of) > 0
	case plan.SemiJoin:
		k.labels = appendNew(k.labels, n.On)
		return k.rates(n.Of)
	case plan.AntiJoin:
		k.labels = appendNew(k.labels, n.On)
		return k.rates(n.Of)
	}
	return false
}

// newestSamples reports whether an aggregation is over the newest samples of one metric.
func (k *seriesKept) newestSamples(n plan.Node) bool {
	switch n := n.(type) {
	case plan.Last:
		return n.Before == 0 && k.selects(n.Of, 0)
	case plan.SemiJoin:
		k.labels = appendNew(k.labels, n.On)
		return k.newestSamples(n.Of)
	case plan.AntiJoin:
		k.labels = appendNew(k.labels, n.On)
		return k.newestSamples(n.Of)
	}
	return false
}

// selects notes by which labels series are selected; all have to be of one metric.
func (k *seriesKept) selects(s plan.Select, window time.Duration) bool {
	for _, m := range s.Matchers {
		k.labels = appendNew(k.labels, []string{m.Label})
	}
	if k.metric == "" {
		k.metric, k.window = s.Metric, window
	}
	return k.metric == s.Metric && k.window == window
}

// keptBy reports whether a rule keeps all labels that are needed.
func (k *seriesKept) keptBy(r Rule) bool {
	return !slices.ContainsFunc(k.labels, func(l string) bool { return !slices.Contains(r.Labels, l) })
}

// rates finds recorded rates over the window, or over one of which it is a multiple.
func (r *rewriter) rates(k seriesKept) (rates func(plan.Select, time.Duration) plan.Node, used []profile.RecordedRate, ok bool) {
	for _, window := range r.Windows {
		for _, rule := range r.Known[k.metric] {
			name := rule.Rate(window)
			if k.window%window != 0 || !k.keptBy(rule) || !r.Exists(name) || !r.Covers(name, k.window) {
				continue
			}
			if k.window > window {
				anchored := rule.AnchoredRate(window)
				if phase, ok := r.Phase(window, k.window); ok && r.Exists(anchored) {
					return meanOfWindows(anchored, k.window, window, phase), []profile.RecordedRate{{Name: anchored, Series: k.metric, Window: window}}, true
				}
				continue
			}
			used = []profile.RecordedRate{{Name: name, Series: k.metric, Window: window}}
			names := []string{name}
			if top := rule.TopRate(window); r.Exists(top) {
				names = []string{top, name}
				used = append([]profile.RecordedRate{{Name: top, Series: k.metric, Window: window}}, used...)
			}
			return latestRates(names), used, true
		}
	}
	return nil, nil, false
}

// latestRates reads the latest recorded rates. Of several names, the first that has a series is read.
func latestRates(names []string) func(plan.Select, time.Duration) plan.Node {
	return func(s plan.Select, _ time.Duration) plan.Node {
		var all []plan.Node
		for _, name := range names {
			s.Metric = name
			all = append(all, plan.Last{Of: s})
		}
		return plan.UnionOf(all)
	}
}

// meanOfWindows is the mean of the rates over the windows of which a longer one is made, the last of which ends at the time of the evaluation:
// by the phase behind a multiple of the window. A series that began or ended in one of them had no rate before or after, which
// counts as 0.
func meanOfWindows(name string, whole, window, phase time.Duration) func(plan.Select, time.Duration) plan.Node {
	return func(s plan.Select, _ time.Duration) plan.Node {
		s.Metric = name
		// Values are added up at multiples of the window, so each is that of the phase later.
		each := plan.Last{Of: s, Before: -phase}
		// Half a window less, because servers differ in whether the first moment of a range belongs to it.
		within := whole - window/2 + phase
		return plan.Scale{Of: plan.SumOverTime{Of: each, Window: within, Every: window}, Factor: float64(window) / float64(whole)}
	}
}

// bucketCount finds a recorded count of buckets.
func (r *rewriter) bucketCount(k seriesKept) (string, bool) {
	for _, rule := range r.Known[k.metric] {
		if name := rule.BucketCount(); rule.Buckets && k.keptBy(rule) && r.Exists(name) && r.countCovered(rule) {
			return name, true
		}
	}
	return "", false
}

// countCovered reports whether the rates that are recorded beside a count cover the query.
func (r *rewriter) countCovered(rule Rule) bool {
	return slices.ContainsFunc(r.Windows, func(window time.Duration) bool { return r.Covers(rule.Rate(window), window) })
}

// appendNew appends what is not there yet.
func appendNew[T comparable](to, more []T) []T {
	for _, m := range more {
		if !slices.Contains(to, m) {
			to = append(to, m)
		}
	}
	return to
}
