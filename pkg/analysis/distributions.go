package analysis

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/distribution"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Distributions collects the buckets of histograms, classic or native, of one server or of several, by group and time.
// Buckets of different layouts are not compared: each histogram is a distribution of its own, and distributions are summed.
type Distributions struct {
	groups map[string]*distributionGroup
	order  []string
}

type distributionGroup struct {
	labels map[string]string
	at     map[int64]*pieces
}

// pieces are the histograms of a group at one time.
type pieces struct {
	// classic has the buckets of each classic histogram: bound and cumulative weight.
	classic map[string][][2]float64
	whole   []distribution.Distribution
}

// NewDistributions collects nothing yet.
func NewDistributions() *Distributions {
	return &Distributions{groups: map[string]*distributionGroup{}}
}

// Add takes in series of classic buckets. They need the grouping labels, those that tell histograms apart, and BoundLabel. A
// factor turns bounds into the signal's unit, and weight what the buckets count into what is to be counted.
func (d *Distributions) Add(buckets []series.Series, by, apart []signal.Label, factor, weight float64) {
	for _, s := range buckets {
		bound, ok := boundOf(s, factor)
		if !ok {
			continue
		}
		g := d.group(s.Labels, by)
		which := Key(s.Labels, apart)
		for i, t := range s.Times {
			p := g.pieces(t)
			p.classic[which] = append(p.classic[which], [2]float64{bound, s.Values[i] * weight})
		}
	}
}

// AddNative takes in native histograms. They need the grouping labels.
func (d *Distributions) AddNative(histograms []series.Histograms, by []signal.Label, factor, weight float64) {
	for _, h := range histograms {
		g := d.group(h.Labels, by)
		for i, t := range h.Times {
			buckets := make([]distribution.Bucket, len(h.Histograms[i]))
			for j, b := range h.Histograms[i] {
				buckets[j] = distribution.Bucket{Lower: b.Lower * factor, Upper: b.Upper * factor, Count: b.Weight * weight}
			}
			if one, err := distribution.FromBuckets(buckets); err == nil {
				p := g.pieces(t)
				p.whole = append(p.whole, one)
			}
		}
	}
}

func (d *Distributions) group(labels map[string]string, by []signal.Label) *distributionGroup {
	key := Key(labels, by)
	g := d.groups[key]
	if g == nil {
		g = &distributionGroup{labels: withLabels(series.Series{Labels: labels}, by).Labels, at: map[int64]*pieces{}}
		d.groups[key], d.order = g, append(d.order, key)
	}
	return g
}

func (g *distributionGroup) pieces(t int64) *pieces {
	p := g.at[t]
	if p == nil {
		p = &pieces{classic: map[string][][2]float64{}}
		g.at[t] = p
	}
	return p
}

// sum is all histograms together. One whose buckets do not make a histogram, such as one without an open bucket, is left out.
func (p *pieces) sum() distribution.Distribution {
	all := slices.Clone(p.whole)
	for _, which := range slices.Sorted(maps.Keys(p.classic)) {
		buckets := p.classic[which]
		slices.SortFunc(buckets, func(a, b [2]float64) int { return cmp.Compare(a[0], b[0]) })
		bounds, cumulative := make([]float64, len(buckets)), make([]float64, len(buckets))
		for i, b := range buckets {
			bounds[i], cumulative[i] = b[0], b[1]
			if math.IsNaN(b[1]) {
				cumulative[i] = 0 // held at the highest before
			}
		}
		if one, err := distribution.FromCumulative(bounds, cumulative); err == nil {
			all = append(all, one)
		}
	}
	return distribution.Sum(all...)
}

// Quantile is the q-quantile of each group over time, and what is certain about the newest value.
func (d *Distributions) Quantile(q float64) (out []series.Series, newest []distribution.Estimate) {
	return d.Estimated(func(map[string]string) func(distribution.Distribution) (distribution.Estimate, bool) {
		return func(of distribution.Distribution) (distribution.Estimate, bool) { return of.Quantile(q) }
	})
}

// Above is the share of each group's weight that is greater than a bound, which may depend on the group's labels.
func (d *Distributions) Above(bound func(labels map[string]string) float64) (out []series.Series, newest []distribution.Estimate) {
	return d.Estimated(func(labels map[string]string) func(distribution.Distribution) (distribution.Estimate, bool) {
		x := bound(labels)
		return func(of distribution.Distribution) (distribution.Estimate, bool) { return of.ShareAbove(x) }
	})
}

// Estimated is what a function makes of each group's distribution at each time, where it makes something of it, and the
// newest of its estimates.
func (d *Distributions) Estimated(of func(labels map[string]string) func(distribution.Distribution) (distribution.Estimate, bool)) (out []series.Series, newest []distribution.Estimate) {
	for _, key := range d.order {
		g := d.groups[key]
		s := series.Series{Labels: g.labels}
		var last distribution.Estimate
		estimate := of(g.labels)
		for _, t := range slices.Sorted(maps.Keys(g.at)) {
			e, ok := estimate(g.at[t].sum())
			if !ok {
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
