package analysis

import (
	"math"
	"slices"
)

// Histogram is a distribution in buckets: Cumulative[i] is the weight of all that is at most Bounds[i]. Bounds ascend and
// end with +Inf.
type Histogram struct {
	Bounds, Cumulative []float64
}

// Estimate is a quantile with what is certain about it: the value is above Lower and at most Upper, which is +Inf where it
// lies in the last, open bucket (saturated).
type Estimate struct {
	Value, Lower, Upper float64
}

// Saturated says that the quantile lies beyond the last bound, so that the value is the least that it can be.
func (e Estimate) Saturated() bool { return math.IsInf(e.Upper, 1) }

// Quantile is the q-quantile (0 < q < 1) of several histograms together, whatever bounds each has. Within a bucket weight is
// taken to be spread evenly, as in Prometheus's histogram_quantile, with which it agrees for one histogram. No bucket is
// compared with one of another layout: each histogram is its own function of the value, and the functions are summed.
// Without weight the value is NaN.
func Quantile(q float64, of []Histogram) Estimate {
	total := sum(of, func(h Histogram) float64 { return h.Cumulative[len(h.Cumulative)-1] })
	nan := math.NaN()
	if !(total > 0) {
		return Estimate{nan, nan, nan}
	}
	rank := q * total
	bounds := allBounds(of)
	estimate := Estimate{Value: bounds[len(bounds)-1], Lower: bounds[len(bounds)-1], Upper: math.Inf(1)}
	reach := func(at func(h Histogram, x float64) float64) (index int, found bool) {
		index = slices.IndexFunc(bounds, func(x float64) bool {
			return sum(of, func(h Histogram) float64 { return at(h, x) }) >= rank
		})
		return index, index >= 0
	}
	if i, found := reach(Histogram.atMost); found {
		estimate.Upper = bounds[i]
	}
	if i, found := reach(Histogram.below); found {
		estimate.Lower = start(bounds, i)
	}
	if i, found := reach(Histogram.interpolated); found {
		estimate.Value = between(of, rank, start(bounds, i), bounds[i])
	}
	return estimate
}

// Above is the share of the weight of several histograms together that is greater than x, whatever bounds each has. Lower and
// Upper are the least and the greatest that it can be. Without weight it is NaN.
func Above(x float64, of []Histogram) Estimate {
	total := sum(of, func(h Histogram) float64 { return h.Cumulative[len(h.Cumulative)-1] })
	if !(total > 0) {
		return Estimate{math.NaN(), math.NaN(), math.NaN()}
	}
	above := func(at func(h Histogram, x float64) float64) float64 {
		return max(0, 1-sum(of, func(h Histogram) float64 { return at(h, x) })/total)
	}
	return Estimate{Value: above(Histogram.interpolated), Lower: above(Histogram.below), Upper: above(Histogram.atMost)}
}

func sum(of []Histogram, f func(Histogram) float64) float64 {
	s := 0.0
	for _, h := range of {
		s += f(h)
	}
	return s
}

// allBounds is every finite bound, ascending, each once.
func allBounds(of []Histogram) []float64 {
	var out []float64
	for _, h := range of {
		for _, b := range h.Bounds {
			if !math.IsInf(b, 1) {
				out = append(out, b)
			}
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) == 0 {
		return []float64{0}
	}
	return out
}

// start is where the range that ends at a bound begins. As in Prometheus, the first one begins at 0, or at its own end
// where that is not above 0.
func start(bounds []float64, i int) float64 {
	if i == 0 {
		return min(0, bounds[0])
	}
	return bounds[i-1]
}

// between finds where the summed functions, which are linear between neighbouring bounds, reach the rank.
func between(of []Histogram, rank, from, to float64) float64 {
	a := sum(of, func(h Histogram) float64 { return h.interpolated(from) })
	b := sum(of, func(h Histogram) float64 { return h.interpolated(to) })
	if b <= a {
		return to
	}
	return from + (to-from)*max(rank-a, 0)/(b-a)
}

// atMost is the least weight that is certainly at most x.
func (h Histogram) atMost(x float64) float64 {
	i, exact := slices.BinarySearch(h.Bounds, x)
	if exact {
		return h.Cumulative[i]
	}
	if i == 0 {
		return 0
	}
	return h.Cumulative[i-1]
}

// below is the greatest weight that can be at most x.
func (h Histogram) below(x float64) float64 {
	i, _ := slices.BinarySearch(h.Bounds, x)
	return h.Cumulative[min(i, len(h.Cumulative)-1)]
}

// interpolated is the weight at most x, spread evenly within each bucket; that of the open bucket is beyond every x.
func (h Histogram) interpolated(x float64) float64 {
	i, exact := slices.BinarySearch(h.Bounds, x)
	if exact {
		return h.Cumulative[i]
	}
	if i >= len(h.Bounds)-1 {
		return h.atMost(x)
	}
	from, weight := start(h.Bounds, i), 0.0
	if i > 0 {
		weight = h.Cumulative[i-1]
	}
	if x <= from {
		return weight
	}
	return weight + (h.Cumulative[i]-weight)*(x-from)/(h.Bounds[i]-from)
}
