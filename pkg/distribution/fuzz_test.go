package distribution

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// numbers are the floats that bytes hold: anything, with infinities and NaN.
func numbers(data []byte) []float64 {
	var out []float64
	for len(data) >= 8 {
		out = append(out, math.Float64frombits(binary.LittleEndian.Uint64(data)))
		data = data[8:]
	}
	return out
}

func bytesOf(numbers ...float64) []byte {
	var out []byte
	for _, x := range numbers {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(x))
	}
	return out
}

func requireInOrder(t *testing.T, e Estimate) {
	t.Helper()
	require.True(t, e.Lower <= e.Value && e.Value <= e.Upper, "%+v", e) // false for NaN too
}

func requireWhole(t *testing.T, d Distribution) {
	t.Helper()
	require.False(t, math.IsNaN(d.Requests()) || math.IsInf(d.Requests(), 0))
	for i := range d.edges {
		require.True(t, d.least[i] <= d.expected[i] && d.expected[i] <= d.most[i], "at %g: %g %g %g", d.edges[i], d.least[i], d.expected[i], d.most[i])
		if i > 0 {
			require.Less(t, d.edges[i-1], d.edges[i])
			require.True(t, d.least[i-1] <= d.least[i] && d.expected[i-1] <= d.expected[i] && d.most[i-1] <= d.most[i], "counts fall at %g", d.edges[i])
		}
	}
	for _, q := range []float64{0, 1e-9, .5, .95, .999, 1} {
		if e, ok := d.Quantile(q); ok {
			requireInOrder(t, e)
		} else {
			require.Zero(t, d.Requests())
		}
	}
	for _, x := range append([]float64{math.Inf(-1), -1, 0, 1e-300, .3, 1e300, math.Inf(1)}, d.edges...) {
		if e, ok := d.ShareAbove(x); ok {
			requireInOrder(t, e)
			require.True(t, 0 <= e.Lower && e.Upper <= 1, "%+v", e)
		}
	}
}

// Of any numbers at all, nothing panics, nothing is NaN, and every answer is within its bounds.
func FuzzDistribution(f *testing.F) {
	f.Add(bytesOf(.1, .2, .4, 1, 10), bytesOf(500, 900, 0, 0, 80, 3))
	f.Add(bytesOf(.1, .12, .3, 2, 3), bytesOf(900, 1e5, 30, 1e-9, 1e99, 0))
	f.Add(bytesOf(-1, 0, 5e-324, 1e-300, 1e308), bytesOf(60, 60, 1e100, 60, 60, 60))
	f.Add(bytesOf(-math.MaxFloat64, math.MaxFloat64), bytesOf(1, 1, 1))
	f.Fuzz(func(t *testing.T, boundBytes, countBytes []byte) {
		bounds, counts := numbers(boundBytes), numbers(countBytes)
		n := min(len(bounds)+1, len(counts), 64)
		if n == 0 {
			return
		}
		bounds, counts = append(append([]float64{}, bounds[:n-1]...), math.Inf(1)), counts[:n]
		var all []Distribution
		cumulative := make([]float64, n)
		total := 0.0
		for i := range counts {
			if counts[i] > 0 {
				total += counts[i]
			}
			cumulative[i] = total
		}
		if d, err := FromCumulative(bounds, cumulative); err == nil {
			all = append(all, d)
		}
		buckets := make([]Bucket, n-1)
		for i := range buckets {
			buckets[i] = Bucket{bounds[i], bounds[i+1], counts[i]}
		}
		if d, err := FromBuckets(buckets); err == nil {
			all = append(all, d)
		}
		all = append(all, increments(t, []float64{.1, .5, 2, math.Inf(1)}, []float64{500, 20, 0, 1}))
		all = append(all, Sum(all...))
		for _, d := range all {
			requireSplitWhole(t, d)
		}
	})
}

func requireSplitWhole(t *testing.T, d Distribution) {
	t.Helper()
	requireWhole(t, d)
	s, err := d.Split()
	if err != nil {
		require.NotEmpty(t, reasonOf(err))
		require.NotContains(t, err.Error(), "NaN")
		return
	}
	requireInOrder(t, s.Cold)
	requireInOrder(t, s.ColdCounted)
	require.True(t, 0 <= s.Cold.Lower && s.Cold.Upper <= 1, "%+v", s.Cold)
	require.Less(t, s.Valley.Lower, s.Valley.Upper)
	requireWhole(t, s.HotPath)
	requireWhole(t, s.ColdPath)
	require.InEpsilon(t, d.Requests(), s.HotPath.Requests()+s.ColdPath.Requests(), 1e-9)
}

// FuzzSplit has well-formed buckets of any width and count, of two layouts, so that most inputs come to a split.
func FuzzSplit(f *testing.F) {
	f.Add([]byte{40, 40, 60, 40, 40, 60}, []byte{90, 120, 0, 0, 60, 90}, []byte{50, 50, 50}, []byte{100, 0, 80})
	f.Add([]byte{9, 9, 9, 9, 9, 9, 9}, []byte{80, 100, 70, 40, 0, 90, 20}, []byte{}, []byte{3})
	f.Fuzz(func(t *testing.T, steps, sizes, otherSteps, otherSizes []byte) {
		a, b := wellFormed(t, steps, sizes), wellFormed(t, otherSteps, otherSizes)
		for _, d := range []Distribution{a, b, Sum(a, b)} {
			requireSplitWhole(t, d)
		}
	})
}

// wellFormed makes each step a bucket that is up to 250 times as wide as its begin, and each size up to a million requests.
func wellFormed(t *testing.T, steps, sizes []byte) Distribution {
	t.Helper()
	var bounds, counts []float64
	bound := 1e-3
	for i, step := range steps[:min(len(steps), 40)] {
		if bound *= 1.01 + float64(step)*float64(step)/256; i < len(sizes) {
			bounds, counts = append(bounds, bound), append(counts, math.Floor(math.Pow(1.056, float64(sizes[i]))-1))
		}
	}
	beyond := 0.0
	if len(sizes) > len(bounds) {
		beyond = float64(sizes[len(bounds)])
	}
	return increments(t, append(bounds, math.Inf(1)), append(counts, beyond))
}
