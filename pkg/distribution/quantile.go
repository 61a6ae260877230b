package distribution

import (
	"math"
	"sort"
)

// Estimate is a number with what is certain about it: it is at least Lower and at most Upper.
type Estimate struct {
	Value, Lower, Upper float64
}

// Saturated says that a quantile lies in the last, open bucket, so that the value is the least that it can be.
func (e Estimate) Saturated() bool { return math.IsInf(e.Upper, 1) }

// Quantile is the value that the share q of the requests does not exceed, 0 ≤ q ≤ 1: interpolated within its bucket as
// Prometheus's histogram_quantile does, with the bounds between which it certainly lies. In the open bucket it is the
// last bound before. There is none without requests.
//
// The bounds are about the requests that were counted. They say nothing about requests to come.
func (d Distribution) Quantile(q float64) (Estimate, bool) {
	total := d.Requests()
	if !(total > 0) || !(q >= 0 && q <= 1) {
		return Estimate{}, false
	}
	rank := q * total
	// No count is taken to reach rank 0: the least of all values lies in the first bucket that has requests.
	reach := func(counts []float64) int {
		return sort.Search(len(counts)-1, func(i int) bool { return counts[i] > 0 && counts[i] >= rank })
	}
	expected := reach(d.expected)
	estimate := Estimate{Lower: d.edges[max(reach(d.most)-1, 0)], Upper: d.edges[reach(d.least)]}
	switch {
	case expected == 0:
		estimate.Value = d.edges[0]
	case math.IsInf(d.edges[expected], 1):
		estimate.Value = d.edges[expected-1]
	default:
		estimate.Value = interpolate(rank, d.expected[expected-1], d.expected[expected], d.edges[expected-1], d.edges[expected])
	}
	estimate.Value = min(max(estimate.Value, estimate.Lower), estimate.Upper)
	return estimate, true
}

// ShareAtMost is the share of the requests that were at most x, between 0 and 1, as an objective counts its good requests:
// expected, and its certain bounds, which meet where x is a bucket's bound. Of the open bucket nothing is expected to be
// at most x. There is none without requests.
func (d Distribution) ShareAtMost(x float64) (Estimate, bool) {
	total := d.Requests()
	if !(total > 0) || math.IsNaN(x) {
		return Estimate{}, false
	}
	count := d.AtMost(x)
	return Estimate{Value: count.Value / total, Lower: count.Lower / total, Upper: count.Upper / total}, true
}

// ShareAbove is the share of the requests that were above x, as an objective counts its bad requests. See ShareAtMost.
func (d Distribution) ShareAbove(x float64) (Estimate, bool) {
	s, ok := d.ShareAtMost(x)
	if !ok {
		return Estimate{}, false
	}
	return Estimate{Value: 1 - s.Value, Lower: 1 - s.Upper, Upper: 1 - s.Lower}, true
}
