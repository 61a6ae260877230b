package analysis

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/distribution"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

func rounded(e distribution.Estimate) distribution.Estimate {
	round := func(x float64) float64 { return math.Round(x*1e9) / 1e9 }
	return distribution.Estimate{Value: round(e.Value), Lower: round(e.Lower), Upper: round(e.Upper)}
}

// nativeOf counts values into exponential buckets of a factor.
func nativeOf(values []float64, factor float64) []series.Bucket {
	counts := map[int]float64{}
	for _, v := range values {
		counts[int(math.Ceil(math.Log(v)/math.Log(factor)))]++
	}
	var out []series.Bucket
	for i, n := range counts {
		out = append(out, series.Bucket{Lower: math.Pow(factor, float64(i-1)), Upper: math.Pow(factor, float64(i)), Weight: n})
	}
	slices.SortFunc(out, func(a, b series.Bucket) int { return int(math.Copysign(1, a.Lower-b.Lower)) })
	return out
}

// Native and classic histograms of one group are merged without comparing their buckets, and the truth is within the bounds.
func TestNativeAndClassicHistogramsMerge(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		var native, classic []float64
		for range 200 {
			native, classic = append(native, math.Exp(r.NormFloat64())), append(classic, math.Exp(r.NormFloat64()+1))
		}
		b := NewDistributions()
		labels := map[string]string{"model": "a"}
		b.AddNative([]series.Histograms{{Labels: labels, Times: []int64{1}, Histograms: [][]series.Bucket{nativeOf(native, 1.2)}}},
			[]signal.Label{signal.Model}, 1, 1)
		for le, bound := range map[string]float64{"0.5": 0.5, "1": 1, "2": 2, "4": 4, "8": 8, "+Inf": math.Inf(1)} {
			upTo := 0.0
			for _, v := range classic {
				if v <= bound {
					upTo++
				}
			}
			b.Add([]series.Series{{Labels: map[string]string{"model": "a", "le": le}, Times: []int64{1}, Values: []float64{upTo}}},
				[]signal.Label{signal.Model}, nil, 1, 1)
		}
		all := slices.Sorted(slices.Values(append(native, classic...)))
		for _, q := range []float64{0.5, 0.9, 0.95} {
			truth := all[int(math.Ceil(q*float64(len(all))))-1]
			_, newest := b.Quantile(q)
			require.Len(t, newest, 1)
			require.LessOrEqual(t, newest[0].Lower, truth)
			require.GreaterOrEqual(t, newest[0].Upper, truth)
		}
	}
}

func TestTheBucketOfANativeQuantile(t *testing.T) {
	t.Parallel()
	h := []series.Histograms{{Labels: map[string]string{"model": "a"}, Times: []int64{5}, Histograms: [][]series.Bucket{{{Lower: 100, Upper: 120, Weight: 1}, {Lower: 120, Upper: 144, Weight: 1}}}}}
	of := series.Series{Labels: map[string]string{"model": "a"}, Times: []int64{5}, Values: []float64{0.13}}
	require.Equal(t, distribution.Estimate{Value: 0.13, Lower: 0.12, Upper: 0.144}, rounded(Within(h, []signal.Label{signal.Model}, of, 1e-3)))
	of.Times[0] = 6
	require.True(t, math.IsNaN(Within(h, []signal.Label{signal.Model}, of, 1e-3).Lower))
}
