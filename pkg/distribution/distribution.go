// Package distribution reckons with distributions that are known only by their bucket counts: quantiles and shares with
// bounds that are certain, sums of histograms of different layouts, and the split of a latency into hot and cold. It is
// arithmetic alone: it reads nothing, keeps nothing and knows no units. Values, bounds and quantiles of a distribution are
// all in the one unit that its bounds came in.
package distribution

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Bucket is the number of requests whose value is above Lower and at most Upper. An open bucket ends at +Inf. Count may be
// a fraction: Prometheus's increase extrapolates.
type Bucket struct {
	Lower, Upper, Count float64
}

// Distribution is what bucket counts tell of a cumulative distribution. At every edge it knows the least and the greatest
// number of requests that can be at most there. For one histogram both are the bucket count; for a sum of histograms of
// different layouts they differ where a histogram has no bound. The zero value is a distribution without requests.
type Distribution struct {
	// edges ascend. Before the first there is nothing; it is where the first bucket begins.
	edges []float64
	// least holds from its edge up to the next, most from the edge before up to its own.
	least, most []float64
	// expected takes requests to be spread evenly within each bucket, as Prometheus's histogram_quantile does.
	expected []float64
}

// FromCumulative takes the buckets of a classic histogram: cumulative[i] requests were at most bounds[i]. Bounds ascend and
// end with +Inf. The first bucket begins at 0. Counts that fall, as rounding
// and scrapes between two replicas' resets make them do, are held at the highest before.
func FromCumulative(bounds, cumulative []float64) (Distribution, error) {
	if len(bounds) != len(cumulative) {
		return Distribution{}, fmt.Errorf("a histogram has %d bounds and %d counts; each bound needs one count", len(bounds), len(cumulative))
	}
	if n := len(bounds); n == 0 || !math.IsInf(bounds[n-1], 1) {
		return Distribution{}, fmt.Errorf("a histogram of %d buckets has no bucket up to +Inf: some of its buckets are missing", n)
	}
	numbers := make([]float64, 2*(len(bounds)+1))
	edges, counts := numbers[:len(bounds)+1], numbers[len(bounds)+1:]
	edges[0] = startOfFirst(bounds[0])
	highest := 0.0
	for i, bound := range bounds {
		if !(bound > edges[i]) || math.IsInf(edges[i], -1) {
			return Distribution{}, fmt.Errorf("a histogram's bounds do not ascend: %g is number %d", bound, i+1)
		}
		if !isCount(cumulative[i]) {
			return Distribution{}, fmt.Errorf("the bucket up to %g has the count %g; a count is from 0 to %g", bound, cumulative[i], mostRequests)
		}
		highest = max(highest, cumulative[i])
		edges[i+1], counts[i+1] = bound, highest
	}
	return Distribution{edges: edges, least: counts, most: counts, expected: counts}, nil
}

// FromBuckets takes buckets with a count each, in any order: those of native histograms, of histograms with custom buckets,
// or increments. They must not overlap. Between two of them, and after the last, there is nothing. A lowest bucket from -Inf
// begins where FromCumulative has it begin.
func FromBuckets(buckets []Bucket) (Distribution, error) {
	if len(buckets) == 0 {
		return Distribution{}, nil
	}
	ascending := slices.SortedFunc(slices.Values(buckets), func(a, b Bucket) int { return cmp.Compare(a.Upper, b.Upper) })
	if math.IsInf(ascending[0].Lower, -1) {
		ascending[0].Lower = startOfFirst(ascending[0].Upper)
	}
	edges := make([]float64, 1, 2*len(ascending))
	counts := make([]float64, 1, 2*len(ascending))
	edges[0] = ascending[0].Lower
	total := 0.0
	for _, b := range ascending {
		if !(b.Lower < b.Upper) || math.IsInf(b.Lower, -1) {
			return Distribution{}, fmt.Errorf("a bucket goes from %g to %g; its end must be above its begin", b.Lower, b.Upper)
		}
		if !isCount(b.Count) {
			return Distribution{}, fmt.Errorf("the bucket from %g to %g has the count %g; a count is from 0 to %g", b.Lower, b.Upper, b.Count, mostRequests)
		}
		before := edges[len(edges)-1]
		if b.Lower < before {
			return Distribution{}, fmt.Errorf("the bucket from %g to %g overlaps with the one that ends at %g", b.Lower, b.Upper, before)
		}
		if b.Lower > before {
			edges, counts = append(edges, b.Lower), append(counts, total)
		}
		total += b.Count
		edges, counts = append(edges, b.Upper), append(counts, total)
	}
	return Distribution{edges: edges, least: counts, most: counts, expected: counts}, nil
}

// startOfFirst is where a first bucket without a lower bound begins. As in Prometheus that is 0, for what is measured is not
// negative, and just before its own bound where that is not above 0.
func startOfFirst(upper float64) float64 {
	if upper > 0 {
		return 0
	}
	return math.Nextafter(upper, math.Inf(-1))
}

// mostRequests in a bucket keeps sums of any number of histograms finite.
const mostRequests = 1e100

func isCount(x float64) bool { return x >= 0 && x <= mostRequests }

// Requests is how many requests there are.
func (d Distribution) Requests() float64 {
	if len(d.least) == 0 {
		return 0
	}
	return d.least[len(d.least)-1]
}

// AtMost is how many requests were at most x: what is expected, and what is certain.
func (d Distribution) AtMost(x float64) Estimate {
	i, exact := slices.BinarySearch(d.edges, x)
	switch {
	case math.IsNaN(x) || len(d.edges) == 0 || i == 0 && !exact:
		return Estimate{}
	case exact:
		return Estimate{Value: d.expected[i], Lower: d.least[i], Upper: d.most[i]}
	case i == len(d.edges):
		return Estimate{Value: d.Requests(), Lower: d.Requests(), Upper: d.Requests()}
	}
	value := d.expected[i-1]
	if !math.IsInf(d.edges[i], 1) {
		value = interpolate(x, d.edges[i-1], d.edges[i], d.expected[i-1], d.expected[i])
	}
	return Estimate{Value: value, Lower: d.least[i-1], Upper: d.most[i]}
}

// interpolate is the straight line through (x0, y0) and (x1, y1) at x, held within both. Terms are halved so that no range
// of finite numbers overflows.
func interpolate(x, x0, x1, y0, y1 float64) float64 {
	width := x1/2 - x0/2
	if !(width > 0) {
		return y1
	}
	part := min(max((x/2-x0/2)/width, 0), 1)
	return min(max(y0*(1-part)+y1*part, y0), y1)
}
