package analysis

import (
	"math"
	"slices"
	"strconv"

	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// BoundLabel is the label that tells a histogram's buckets apart.
const BoundLabel = "le"

// Layouts are the bucket bounds of each group, by Key, in the signal's unit. Mixed says that the histograms of a group have
// different bounds, at one time or one after the other, so that their buckets cannot be summed.
type Layouts struct {
	Bounds map[string][]float64
	Mixed  bool
}

// NewLayouts reads how many histograms have each bucket bound, from series by the grouping labels and BoundLabel. A factor
// turns bounds into the signal's unit.
func NewLayouts(counts []series.Series, by []signal.Label, factor float64) Layouts {
	out := Layouts{Bounds: map[string][]float64{}}
	// How many histograms have a bound, by group and time.
	seen := map[string]map[int64][]float64{}
	for _, s := range counts {
		bound, ok := boundOf(s, factor)
		if !ok {
			continue
		}
		key := Key(s.Labels, by)
		out.Bounds[key] = append(out.Bounds[key], bound)
		if seen[key] == nil {
			seen[key] = map[int64][]float64{}
		}
		for i, t := range s.Times {
			seen[key][t] = append(seen[key][t], s.Values[i])
		}
	}
	for key, bounds := range out.Bounds {
		slices.Sort(bounds)
		for _, counted := range seen[key] {
			// With one layout, every bound is there at every time, and equally often.
			if len(counted) != len(bounds) || slices.Min(counted) != slices.Max(counted) {
				out.Mixed = true
			}
		}
	}
	return out
}

// Estimate says what is certain about a quantile that was taken of summed buckets of a group.
func (l Layouts) Estimate(group string, value float64) Estimate {
	bounds := l.Bounds[group]
	i, _ := slices.BinarySearch(bounds, value)
	// Prometheus answers the last finite bound where the quantile lies beyond it.
	if i >= len(bounds)-2 && len(bounds) > 1 && value >= bounds[len(bounds)-2] {
		return Estimate{Value: value, Lower: bounds[len(bounds)-2], Upper: math.Inf(1)}
	}
	if i >= len(bounds) {
		return Estimate{Value: value, Lower: math.NaN(), Upper: math.NaN()}
	}
	return Estimate{Value: value, Lower: start(bounds, i), Upper: bounds[i]}
}

func boundOf(s series.Series, factor float64) (float64, bool) {
	bound, err := strconv.ParseFloat(s.Labels[BoundLabel], 64)
	return bound * factor, err == nil && !math.IsNaN(bound)
}

// NewBuckets collects nothing yet.
func NewBuckets() *Buckets {
	return &Buckets{groups: map[string]*bucketGroup{}}
}

// Buckets collects the buckets of histograms, of one server or of several, by group. Buckets of different layouts are not
// compared.
type Buckets struct {
	groups map[string]*bucketGroup
	order  []string
}

type bucketGroup struct {
	labels map[string]string
	// histograms holds the buckets of each histogram at each time: bound and cumulative weight.
	histograms map[int64]map[string][][2]float64
}

// Add takes in series of buckets. They need the grouping labels, those that tell histograms apart, and BoundLabel.
func (b *Buckets) Add(buckets []series.Series, by, apart []signal.Label, factor float64) {
	for _, s := range buckets {
		bound, ok := boundOf(s, factor)
		if !ok {
			continue
		}
		g := b.group(s.Labels, by)
		which := Key(s.Labels, apart)
		for i, t := range s.Times {
			if g.histograms[t] == nil {
				g.histograms[t] = map[string][][2]float64{}
			}
			g.histograms[t][which] = append(g.histograms[t][which], [2]float64{bound, s.Values[i]})
		}
	}
}

func (b *Buckets) group(labels map[string]string, by []signal.Label) *bucketGroup {
	key := Key(labels, by)
	g := b.groups[key]
	if g == nil {
		g = &bucketGroup{labels: withLabels(series.Series{Labels: labels}, by).Labels, histograms: map[int64]map[string][][2]float64{}}
		b.groups[key], b.order = g, append(b.order, key)
	}
	return g
}

// Quantile is the q-quantile of each group over time, and what is certain about the newest value.
func (b *Buckets) Quantile(q float64) (out []series.Series, newest []Estimate) {
	return b.estimated(func(map[string]string) func([]Histogram) Estimate {
		return func(of []Histogram) Estimate { return Quantile(q, of) }
	})
}

// Above is the share of each group's weight that is greater than a bound, which may depend on the group's labels.
func (b *Buckets) Above(bound func(labels map[string]string) float64) (out []series.Series, newest []Estimate) {
	return b.estimated(func(labels map[string]string) func([]Histogram) Estimate {
		x := bound(labels)
		return func(of []Histogram) Estimate { return Above(x, of) }
	})
}

func (b *Buckets) estimated(of func(labels map[string]string) func([]Histogram) Estimate) (out []series.Series, newest []Estimate) {
	for _, key := range b.order {
		g := b.groups[key]
		s := series.Series{Labels: g.labels}
		estimate := of(g.labels)
		var last Estimate
		times := make([]int64, 0, len(g.histograms))
		for t := range g.histograms {
			times = append(times, t)
		}
		slices.Sort(times)
		for _, t := range times {
			e := estimate(histogramsOf(g.histograms[t]))
			if math.IsNaN(e.Value) {
				continue
			}
			s.Times, s.Values = append(s.Times, t), append(s.Values, e.Value)
			last = e
		}
		if len(s.Times) > 0 {
			out, newest = append(out, s), append(newest, last)
		}
	}
	return out, newest
}

// histogramsOf orders the buckets of each histogram. One without an open bucket is incomplete and left out.
func histogramsOf(at map[string][][2]float64) []Histogram {
	var out []Histogram
	for _, buckets := range at {
		slices.SortFunc(buckets, func(a, b [2]float64) int {
			if a[0] < b[0] {
				return -1
			}
			return 1
		})
		h := Histogram{}
		highest := 0.0
		for _, b := range buckets {
			if !math.IsNaN(b[1]) {
				highest = max(highest, b[1]) // rates of buckets can be off by rounding; weights never fall
			}
			h.Bounds, h.Cumulative = append(h.Bounds, b[0]), append(h.Cumulative, highest)
		}
		if n := len(h.Bounds); n > 0 && math.IsInf(h.Bounds[n-1], 1) {
			out = append(out, h)
		}
	}
	return out
}
