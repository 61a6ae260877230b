package profile

import (
	"slices"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// RecordedSeries are the recordings that profiles could have, by the series that they are made of.
type RecordedSeries map[string][]Recording

// Recorded lists every recording that the profiles could have.
func (s Set) Recorded() RecordedSeries {
	out := RecordedSeries{}
	for _, families := range s.Recordings(s.Catalogue(), always) {
		for _, family := range families {
			for _, r := range family {
				if !slices.ContainsFunc(out[r.Series], r.same) {
					out[r.Series] = append(out[r.Series], r)
				}
			}
		}
	}
	return out
}

// Recorded is what recording rules have written of the times that a query is about.
type Recorded struct {
	Series RecordedSeries
	// Windows are those of the recorded rates, the longest first.
	Windows []time.Duration
	// Reaches says whether a recording is written without a gap for as long as rates over a window need it.
	Reaches func(name string, window time.Duration) bool
	// Exists says whether a series has samples in the range.
	Exists func(name string) bool
	// Phase is how far all times of the query lie behind a multiple of a window, so that wholes can be put together of such windows;
	// false where that differs from time to time, or where too many would be put together.
	Phase func(window, whole time.Duration) (time.Duration, bool)
}

// RecordedRate is a recording that a plan reads, the series that it stands for, and the window of its rates.
type RecordedRate struct {
	Name, Series string
	Window       time.Duration
}

// read has parts read recordings in place of the series that they are made of. A part does so for all of its rates or for
// none: a ratio's two sides have to be of the same moment.
func (r *Recorded) read(parts []Part) []Part {
	if r == nil || len(r.Windows) == 0 {
		return parts
	}
	for i := range parts {
		p := &parts[i]
		reading := reader{Recorded: r}
		whole := reading.node(p.Plan)
		if reading.missing || len(reading.read) == 0 {
			continue
		}
		p.Plan, p.Recorded = whole, reading.read
		p.Buckets = slices.Clone(p.Buckets)
		for j, b := range p.Buckets {
			p.Buckets[j].Quantile = r.instead(b.Quantile)
			p.Buckets[j].Layout = r.instead(b.Layout)
		}
		p.Sources = slices.Clone(p.Sources)
		for j, s := range p.Sources {
			if s.Evidence != nil {
				p.Sources[j].Evidence = r.instead(s.Evidence)
			}
		}
	}
	return parts
}

// instead is a plan that reads recordings; the plan itself where one is missing.
func (r *Recorded) instead(n plan.Node) plan.Node {
	reading := reader{Recorded: r}
	if out := reading.node(n); !reading.missing {
		return out
	}
	return n
}

// reader rewrites one plan.
type reader struct {
	*Recorded
	read    []RecordedRate
	missing bool
}

// node is the plan with recordings in it. Missing is set where rates are read of which there is none.
func (r *reader) node(n plan.Node) plan.Node {
	switch n := n.(type) {
	case plan.Rate, plan.NewCounter, plan.SumOverTime:
		r.missing = true // outside of a sum, each series counts by itself
		return n
	case plan.Aggregate:
		return r.aggregate(n)
	case plan.TopK:
		n.Of = r.node(n.Of) // who is busiest is asked of the counters themselves: it has to be the same for every panel
		return n
	}
	return plan.Map(n, r.node)
}

// aggregate reads recordings where sums of sums are the same as sums.
func (r *reader) aggregate(n plan.Aggregate) plan.Node {
	kept := seriesKept{labels: n.By}
	switch {
	case (n.Op == plan.Sum || n.Op == plan.Group) && kept.rates(n.Of):
		rates, used, ok := r.rates(kept)
		if !ok {
			r.missing = true
			return n
		}
		r.read = union(r.read, used)
		n.Of = r.within(n.Of, rates)
		return n
	case n.Op == plan.Count && kept.standing(n.Of):
		if name, ok := r.buckets(kept); ok {
			n.Op = plan.Sum
			n.Of = r.within(n.Of, func(s plan.Select, _ time.Duration) plan.Node {
				s.Metric = name
				return plan.Last{Of: s}
			})
		}
		return n
	}
	n.Of = r.node(n.Of)
	return n
}

// within puts recordings in the places of what an aggregation is over.
func (r *reader) within(n plan.Node, recorded func(plan.Select, time.Duration) plan.Node) plan.Node {
	switch n := n.(type) {
	case plan.Rate:
		return recorded(n.Of, n.Window)
	case plan.Last:
		return recorded(n.Of, 0)
	case plan.SemiJoin:
		n.Of, n.Exists = r.within(n.Of, recorded), r.node(n.Exists)
		return n
	case plan.AntiJoin:
		n.Of, n.Exists = r.within(n.Of, recorded), r.node(n.Exists)
		return n
	}
	return plan.Map(n, func(of plan.Node) plan.Node { return r.within(of, recorded) })
}

// seriesKept is what an aggregation is over: one metric's series, by which labels they have to be known.
type seriesKept struct {
	metric string
	window time.Duration
	labels []string
}

// rates says whether an aggregation is over the rates of one metric.
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
		k.labels = union(k.labels, n.On)
		return k.rates(n.Of)
	case plan.AntiJoin:
		k.labels = union(k.labels, n.On)
		return k.rates(n.Of)
	}
	return false
}

// readsOnlyGauges says whether an aggregation is over the newest samples of one metric.
func (k *seriesKept) standing(n plan.Node) bool {
	switch n := n.(type) {
	case plan.Last:
		return n.Before == 0 && k.selects(n.Of, 0)
	case plan.SemiJoin:
		k.labels = union(k.labels, n.On)
		return k.standing(n.Of)
	case plan.AntiJoin:
		k.labels = union(k.labels, n.On)
		return k.standing(n.Of)
	}
	return false
}

// selects notes by which labels series are selected; all have to be of one metric.
func (k *seriesKept) selects(s plan.Select, window time.Duration) bool {
	for _, m := range s.Matchers {
		k.labels = union(k.labels, []string{m.Label})
	}
	if k.metric == "" {
		k.metric, k.window = s.Metric, window
	}
	return k.metric == s.Metric && k.window == window
}

// in says whether a recording tells all that has to be known.
func (k *seriesKept) in(r Recording) bool {
	return !slices.ContainsFunc(k.labels, func(l string) bool { return !slices.Contains(r.Labels, l) })
}

// rates finds recorded rates over the window, or over one of which it is a multiple.
func (r *reader) rates(k seriesKept) (rates func(plan.Select, time.Duration) plan.Node, used []RecordedRate, ok bool) {
	for _, window := range r.Windows {
		for _, recording := range r.Series[k.metric] {
			name := recording.Rate(window)
			if k.window%window != 0 || !k.in(recording) || !r.Exists(name) || !r.Reaches(name, k.window) {
				continue
			}
			if k.window > window {
				joint := recording.Joint(window)
				if phase, ok := r.Phase(window, k.window); ok && r.Exists(joint) {
					return joined(joint, k.window, window, phase), []RecordedRate{{Name: joint, Series: k.metric, Window: window}}, true
				}
				continue
			}
			used = []RecordedRate{{Name: name, Series: k.metric, Window: window}}
			names := []string{name}
			if busiest := recording.Busiest(window); r.Exists(busiest) {
				names = []string{busiest, name}
				used = append([]RecordedRate{{Name: busiest, Series: k.metric, Window: window}}, used...)
			}
			return asRecorded(names), used, true
		}
	}
	return nil, nil, false
}

// asRecorded reads rates as they were recorded last, where there are several recordings from the first that has them.
func asRecorded(names []string) func(plan.Select, time.Duration) plan.Node {
	return func(s plan.Select, _ time.Duration) plan.Node {
		var all []plan.Node
		for _, name := range names {
			s.Metric = name
			all = append(all, plan.Last{Of: s})
		}
		return oneOrUnion(all)
	}
}

// joined is the mean of the rates over the windows of which a longer one is made, the last of which ends at the time of the evaluation:
// by the phase behind a multiple of the window. A series that began or ended in one of them had no rate before or after, which
// counts as 0.
func joined(name string, whole, window, phase time.Duration) func(plan.Select, time.Duration) plan.Node {
	return func(s plan.Select, _ time.Duration) plan.Node {
		s.Metric = name
		// Values are added up at multiples of the window, so each is that of the phase later.
		each := plan.Last{Of: s, Before: -phase}
		// Half a window less, because servers differ in whether the first moment of a range belongs to it.
		within := whole - window/2 + phase
		return plan.Scale{Of: plan.SumOverTime{Of: each, Window: within, Every: window}, Factor: float64(window) / float64(whole)}
	}
}

// buckets finds a recorded count of buckets.
func (r *reader) buckets(k seriesKept) (string, bool) {
	for _, recording := range r.Series[k.metric] {
		if name := recording.Buckets(); recording.Bucketed && k.in(recording) && r.Exists(name) && r.countReaches(recording) {
			return name, true
		}
	}
	return "", false
}

// countReaches says whether the rates that are recorded beside a count reach far enough for both.
func (r *reader) countReaches(recording Recording) bool {
	return slices.ContainsFunc(r.Windows, func(window time.Duration) bool { return r.Reaches(recording.Rate(window), window) })
}

// recordedOf lists the recordings that the part reads in place of a source's metrics.
func (p Part) recordedOf(s Source) []series.Recorded {
	var out []series.Recorded
	metrics := s.Recipe.Reads()
	for _, r := range p.Recorded {
		if slices.ContainsFunc(metrics, func(m string) bool { return slices.Contains(storedFamilies(m), r.Series) }) {
			out = append(out, series.Recorded{Rule: r.Name, Window: durationWord(r.Window)})
		}
	}
	return out
}

// storedFamilies are the names under which a metric's series may be stored.
func storedFamilies(metric string) []string {
	return []string{metric, metric + "_bucket", metric + "_sum", metric + "_count"}
}

// joinWindows lists the windows of recordings, each once.
func joinWindows(recorded []RecordedRate) string {
	var out []string
	for _, r := range recorded {
		out = union(out, []string{durationWord(r.Window)})
	}
	return strings.Join(out, ", ")
}
