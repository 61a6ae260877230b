package profile

import (
	"slices"
	"strconv"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// The labels that top groups are ranked by, and those that scraping adds to every series of a target.
var (
	rankLabels   = []signal.Label{signal.Environment, signal.Deployment, signal.Model, signal.Version, signal.Replica}
	targetLabels = []signal.Label{signal.Environment, signal.Deployment, signal.Replica}
	partMarker   = "part"
	// pageLabels distinguish metrics pages.
	pageLabels = []signal.Label{"job", "instance"}
)

// termOf is a term with its profile and the unit to convert it to.
type termOf struct {
	Term
	profile *Profile
	unit    signal.Unit
	suffix  string
	// present, where set, counts series instead of reading their values.
	present *CountSeries
	// overRange reads a counter's increase over the whole range instead of its rate.
	overRange bool
	// standing reads a counter as it stands.
	latest bool
	// before reads a gauge as it stood that long ago.
	offset time.Duration
	// newWithin, where set, reads a counter that has no sample from that long before.
	newWithin time.Duration
	// native reads a native histogram.
	native bool
	// aliased selects the series that have labels' second names.
	aliased    bool
	exclusions []Exclusion
}

// withSuffix is the term for the series withSuffix a histogram with a suffix: _bucket, _sum or _count.
func (t termOf) withSuffix(suffix string) termOf {
	t.suffix = suffix
	return t
}

// term is one of the source's terms, in a unit.
func (s Source) term(t Term, unit signal.Unit) termOf {
	return termOf{Term: t, profile: s.Profile, unit: unit, exclusions: s.Exclusions, native: s.Native}
}

// metric is the description of a metric without the labels that the term drops.
func (t termOf) metric(name string) Metric {
	m := t.profile.Metrics[name]
	if len(t.DropLabels) > 0 {
		m.Labels = difference(m.Labels, t.DropLabels)
	}
	return m
}

func (s Source) terms(of []Term, unit signal.Unit) []termOf {
	out := make([]termOf, len(of))
	for i, t := range of {
		out[i] = s.term(t, unit)
	}
	return out
}

// total is the sum or mean of terms by labels of the project; nil where the filters leave no term.
func (c compiler) total(op plan.Operation, terms []termOf, by []signal.Label, cut func(plan.Node) plan.Node) plan.Node {
	inner := by
	if cut != nil {
		inner = union(by, c.rankedBy())
	}
	var nodes []plan.Node
	renamed := false
	for _, t := range terms {
		if n, r := c.term(op, t, inner); n != nil {
			nodes, renamed = append(nodes, n), renamed || r
		}
	}
	if len(nodes) == 0 {
		return nil
	}
	if op == plan.Mean && (len(nodes) > 1 || cut != nil) {
		// Not the mean of means: every series weighs the same.
		return plan.Ratio{Of: c.total(plan.Sum, terms, by, cut), To: c.total(plan.Count, terms, by, cut)}
	}
	whole := nodes[0]
	if len(nodes) > 1 {
		for i := range nodes {
			if op != plan.Group { // of equal groups one is enough
				nodes[i] = plan.SetLabel{Of: nodes[i], Label: partMarker, Value: strconv.Itoa(i + 1)}
			}
		}
		whole = plan.Union{Of: nodes}
	}
	if cut != nil {
		whole = cut(whole)
	}
	if len(nodes) > 1 || renamed || cut != nil {
		together := op
		if op == plan.Count {
			together = plan.Sum // of counts
		}
		whole = plan.Aggregate{Op: together, By: words(by), Of: whole}
	}
	if op != plan.Group && op != plan.Count && slices.ContainsFunc(terms, func(t termOf) bool { return t.Subtract }) {
		// Counters that are not read at the same moment, or that count requests still under way, can differ by less than nothing.
		whole = plan.ClampMin{Of: whole}
	}
	return whole
}

// quantile merges the buckets of a group before the quantile is taken. Bucket bounds of different units are never mixed:
// the result is scaled, so all terms need one unit.
func (c compiler) quantile(q float64, terms []termOf, by []signal.Label, cut func(plan.Node) plan.Node) plan.Node {
	var nodes []plan.Node
	for _, t := range terms {
		buckets := c.total(plan.Sum, []termOf{t}, t.perBucket(by), cut)
		if buckets == nil {
			continue
		}
		nodes = append(nodes, scaled(plan.Quantile{Q: q, Of: buckets}, t.profile.factor(t.Metric[0], c.q.Signal.Unit)))
	}
	switch len(nodes) {
	case 0:
		return nil
	case 1:
		return nodes[0]
	}
	return plan.Union{Of: nodes}
}

// term is a term's contribution by labels of the project, and whether it still carries a label of the server's.
func (c compiler) term(op plan.Operation, t termOf, by []signal.Label) (plan.Node, bool) {
	values, factor := c.values(t)
	if values == nil {
		return nil, false
	}
	metric := t.metric(t.Metric[0])
	valued := op != plan.Group && op != plan.Count
	own := t.profile.labelNames(metric, t.Set, by)
	if t.present != nil {
		if op != plan.Group {
			op = plan.Count
		}
		once := namesOnServer(t.profile.labelNames(metric, t.Set, union(by, t.present.By)))
		values = plan.Aggregate{Op: plan.Group, By: union(once, t.profile.Replica), Of: values}
	}
	var n plan.Node = plan.Aggregate{Op: op, By: namesOnServer(own), Of: values}
	renamed := false
	for _, l := range own {
		switch {
		case l.project == string(signal.Status) && t.profile.Status != nil:
			n, renamed = t.profile.withStatus(n), true
		case l.project != l.server:
			n, renamed = plan.Rename{Of: n, From: l.server, To: l.project}, true
		}
	}
	for _, l := range by {
		if v, ok := t.Set[l]; ok {
			n = plan.SetLabel{Of: n, Label: string(l), Value: v}
		}
	}
	if !valued {
		return n, renamed
	}
	return scaled(n, factor), renamed
}

// values is what the series of a term say, one number for each series, and what they have to be multiplied with; nil where
// the filters leave nothing. A series that a server shows under several names counts once, under the newest.
func (c compiler) values(t termOf) (n plan.Node, factor float64) {
	var versions []plan.Node
	var factors []float64
	for _, name := range c.existing(t) {
		for _, also := range c.nameVariants(t, name) {
			t.aliased = also
			selected, served, ok := c.selectSeries(t, name)
			if !ok {
				continue
			}
			v := c.read(t, selected)
			if served != nil {
				v = plan.SemiJoin{Of: v, On: t.profile.Replica, Exists: *served}
			}
			if t.DropNonpositive {
				v = plan.GreaterThan{Of: v, Than: 0}
			}
			if len(t.DedupeBy) > 0 {
				v = plan.Aggregate{Op: plan.Max, By: t.dedupeLabels(name), Of: v}
			}
			versions, factors = append(versions, v), append(factors, t.factor(t.profile.Metrics[name]))
		}
	}
	if len(versions) == 0 {
		return nil, 1
	}
	factor = factors[0]
	if len(slices.Compact(slices.Clone(factors))) > 1 {
		for i := range versions {
			versions[i] = scaled(versions[i], factors[i])
		}
		factor = 1
	}
	n = versions[0]
	if len(versions) > 1 {
		n = plan.Union{Of: versions}
	}
	return c.excludeCovered(n, t), factor
}

// dedupeLabels lists the labels that distinguish the values of a term: those under dedupe_by, and all that can be grouped by.
func (t termOf) dedupeLabels(name string) []string {
	metric := t.metric(name)
	return union(union(namesOnServer(t.profile.labelNames(metric, t.Set, union(metric.Labels, targetLabels))), t.profile.Replica), t.DedupeBy)
}

// existing lists the names of a term's metric that the store has; the newest if it has none.
func (c compiler) existing(t termOf) []string {
	var out []string
	for _, name := range t.Metric {
		if c.env.Exists == nil || c.env.Exists(t.stored(name)) {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return t.Metric[:1]
	}
	return out
}

// read reads the selected samples by the metric's type, the statistic and the recipe.
func (c compiler) read(t termOf, selected plan.Select) plan.Node {
	gauge := t.profile.Metrics[t.Metric[0]].Type == Gauge
	switch {
	case t.present != nil || t.latest || (gauge && c.statistic == signal.Last):
		return plan.Last{Of: selected, Before: t.offset}
	case gauge && c.statistic == signal.Max:
		return plan.OverTime{Of: selected, Window: c.q.Window, Reduce: plan.MaxOver}
	case gauge:
		return plan.OverTime{Of: selected, Window: c.q.Window, Reduce: plan.MeanOver}
	case t.overRange:
		return plan.IncreaseOverRange{Of: selected}
	case t.newWithin > 0:
		return plan.Scale{Of: plan.NewCounter{Of: selected, Offset: t.newWithin, Lookback: counterLookback}, Factor: 1 / t.newWithin.Seconds()}
	}
	rate := plan.Rate{Of: selected, Window: c.q.Window}
	switch {
	case t.native && t.suffix == "_sum":
		return plan.HistogramSum{Of: rate}
	case t.native && t.suffix == "_count":
		return plan.HistogramCount{Of: rate}
	}
	return rate
}

// stored is the name under which the term's series of a metric are stored.
func (t termOf) stored(metric string) string {
	if t.native {
		return metric
	}
	return seriesName(t.profile, metric)
}

func (t termOf) factor(m Metric) float64 {
	factor := 1.0
	switch {
	case t.present != nil:
	case t.TreatMissingAsZero:
		return 0
	case t.As == asConcurrency:
		factor, _ = m.Unit.Factor(signal.Seconds) // checked when the profile was loaded
	case t.suffix != "_bucket" && t.suffix != "_count":
		factor, _ = m.Unit.Factor(t.unit)
	}
	if t.Subtract {
		return -factor
	}
	return factor
}

func scaled(n plan.Node, factor float64) plan.Node {
	if factor == 1 {
		return n
	}
	return plan.Scale{Of: n, Factor: factor}
}

type labelName struct{ project, server string }

// namesOnServer lists the server's names, each once.
func namesOnServer(of []labelName) []string {
	var out []string
	for _, l := range of {
		out = union(out, []string{l.server})
	}
	return out
}

func words(labels []signal.Label) []string {
	out := make([]string, len(labels))
	for i, l := range labels {
		out[i] = string(l)
	}
	return out
}

// union lists a's elements and those of b that a lacks.
func union[T comparable](a, b []T) []T {
	out := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// labelNames lists the labels that a term's series are grouped by, under both names.
func (p *Profile) labelNames(m Metric, set map[signal.Label]string, by []signal.Label) []labelName {
	var out []labelName
	for _, l := range by {
		if _, given := set[l]; given {
			continue
		}
		switch {
		case l == bucketBound || (slices.Contains(pageLabels, l) && p.carries(m, l)):
			out = append(out, labelName{string(l), string(l)})
		case l == signal.Status && p.Status != nil && p.carries(m, l):
			out = append(out, labelName{string(l), p.Status.Label})
		case p.carries(m, l):
			if second := p.LabelAliases[l]; second != "" {
				out = append(out, labelName{string(l), second}) // before the first name, which counts where both are there
			}
			out = append(out, labelName{string(l), p.Labels[l]})
		}
	}
	return out
}

// number writes a probability as servers write it in the label quantile.
func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
