package distribution

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/require"
)

// hdrBounds is the other way to add layouts: each bucket recorded at its lower end into one HdrHistogram and at its upper end
// into another, in microseconds, with three digits.
func hdrBounds(t *testing.T, parts []Distribution, q float64) (lower, upper float64) {
	t.Helper()
	const longest = 3_600_000_000
	low, high := hdrhistogram.New(1, longest, 3), hdrhistogram.New(1, longest, 3)
	for _, d := range parts {
		for i := 1; i < len(d.edges); i++ {
			count := int64(d.least[i] - d.least[i-1])
			require.NoError(t, low.RecordValues(int64(d.edges[i-1]*1e6), count))
			require.NoError(t, high.RecordValues(int64(math.Ceil(min(d.edges[i]*1e6, longest))), count))
		}
	}
	rank := q * float64(low.TotalCount())
	for _, bar := range low.Distribution() {
		if rank -= float64(bar.Count); rank <= 0 && bar.Count > 0 {
			lower = float64(bar.From) / 1e6
			break
		}
	}
	return lower, float64(high.ValueAtQuantile(q*100)) / 1e6
}

// Why layouts are added as functions: the bounds are never wider than those by HdrHistogram.
func TestSumIsTighterThanHdrHistogram(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 5))
	wider, compared, total := 0, 0, 0.0
	for range 300 {
		var parts []Distribution
		for _, l := range []layout{layouts[0], layouts[2], layouts[4]} {
			parts = append(parts, l.distribution(t, draw(r, 1000, lognormal(.05, 1))))
		}
		sum := Sum(parts...)
		for _, q := range []float64{.5, .9, .95, .99} {
			e, ok := sum.Quantile(q)
			require.True(t, ok)
			lower, upper := hdrBounds(t, parts, q)
			const microsecond = 1.0001e-6 // an HdrHistogram counts whole ones
			require.LessOrEqual(t, e.Upper, upper+microsecond)
			require.GreaterOrEqual(t, e.Lower, lower-microsecond)
			compared++
			if upper-lower > e.Upper-e.Lower+microsecond {
				wider++
			}
			total += (upper - lower) / (e.Upper - e.Lower)
		}
	}
	t.Logf("bounds by HdrHistogram are wider in %d of %d cases, %.2f %% on average", wider, compared, 100*(total/float64(compared)-1))
	require.Greater(t, wider, compared/2)
}
