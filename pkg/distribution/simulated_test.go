package distribution

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
)

// layout is how a simulated server puts latencies, in seconds, into buckets.
type layout struct {
	name   string
	bounds []float64 // classic: finite upper bounds
	factor float64   // native: each bound is so many times the one before
}

// Bounds of real servers, in seconds.
var layouts = []layout{
	{name: "Prometheus defaults", bounds: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}},
	{name: "Triton", bounds: []float64{.1, .5, 2, 5}},
	{name: "KServe", bounds: []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}},
	{name: "vLLM", bounds: []float64{.3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680}},
	{name: "native 1.1", factor: math.Exp2(1. / 8)},
}

func (l layout) distribution(t testing.TB, latencies []float64) Distribution {
	t.Helper()
	if l.factor > 0 {
		counts := map[int]float64{}
		for _, x := range latencies {
			counts[int(math.Ceil(math.Log(x)/math.Log(l.factor)))]++
		}
		var buckets []Bucket
		for i, n := range counts {
			buckets = append(buckets, Bucket{math.Pow(l.factor, float64(i-1)), math.Pow(l.factor, float64(i)), n})
		}
		slices.SortFunc(buckets, func(a, b Bucket) int { return int(math.Copysign(1, a.Upper-b.Upper)) })
		// Neighbours share their bound exactly, as a histogram's own formula makes it.
		for i := 1; i < len(buckets); i++ {
			if math.Abs(buckets[i].Lower/buckets[i-1].Upper-1) < 1e-9 {
				buckets[i].Lower = buckets[i-1].Upper
			}
		}
		d, err := FromBuckets(buckets)
		require.NoError(t, err)
		return d
	}
	bounds := append(slices.Clone(l.bounds), math.Inf(1))
	cumulative := make([]float64, len(bounds))
	for _, x := range latencies {
		cumulative[sort.SearchFloat64s(bounds, x)]++
	}
	for i := 1; i < len(cumulative); i++ {
		cumulative[i] += cumulative[i-1]
	}
	d, err := FromCumulative(bounds, cumulative)
	require.NoError(t, err)
	return d
}

type sampler func(r *rand.Rand) float64

func lognormal(median, spread float64) sampler {
	return func(r *rand.Rand) float64 { return median * math.Exp(spread*r.NormFloat64()) }
}

// waiting is the cold path of requests that come at any time of a load and wait for its rest.
func waiting(load float64, hot sampler) sampler {
	return func(r *rand.Rand) float64 { return hot(r) + load*r.Float64() }
}

func draw(r *rand.Rand, n int, of sampler) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = of(r)
	}
	return out
}

// mixture draws latencies of which each is cold with the probability share.
func mixture(r *rand.Rand, n int, hot, cold sampler, share float64) (hots, colds []float64) {
	for range n {
		if r.Float64() < share {
			colds = append(colds, cold(r))
		} else {
			hots = append(hots, hot(r))
		}
	}
	return hots, colds
}

// quantileOf is the value at most which at least the share q of the values is.
func quantileOf(values []float64, q float64) float64 {
	ascending := slices.Sorted(slices.Values(values))
	return ascending[max(int(math.Ceil(q*float64(len(ascending))))-1, 0)]
}
