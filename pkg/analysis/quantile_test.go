package analysis

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	engineql "github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var inf = math.Inf(1)

func TestQuantile(t *testing.T) {
	t.Parallel()
	coarse := Histogram{Bounds: []float64{1, 10, inf}, Cumulative: []float64{50, 100, 100}}
	fine := Histogram{Bounds: []float64{0.5, 1, 2, 5, inf}, Cumulative: []float64{0, 0, 100, 100, 100}}
	for name, c := range map[string]struct {
		q    float64
		of   []Histogram
		want Estimate
	}{
		"within a bucket":                      {0.25, []Histogram{coarse}, Estimate{0.5, 0, 1}},
		"at a bound":                           {0.5, []Histogram{coarse}, Estimate{1, 0, 1}},
		"two of one layout":                    {0.75, []Histogram{coarse, coarse}, Estimate{5.5, 1, 10}},
		"two layouts":                          {0.25, []Histogram{coarse, fine}, Estimate{1, 0, 1}},
		"what a layout cannot tell":            {0.5, []Histogram{coarse, fine}, Estimate{1.4736842105263157, 1, 2}},
		"in the open bucket":                   {0.9, []Histogram{{Bounds: []float64{1, inf}, Cumulative: []float64{5, 10}}}, Estimate{1, 1, inf}},
		"in one of two open buckets":           {0.9, []Histogram{{Bounds: []float64{1, inf}, Cumulative: []float64{5, 10}}, {Bounds: []float64{4, inf}, Cumulative: []float64{10, 10}}}, Estimate{4, 1, inf}},
		"a first bound below zero":             {0.1, []Histogram{{Bounds: []float64{-1, 1, inf}, Cumulative: []float64{10, 10, 10}}}, Estimate{-1, -1, -1}},
		"only an open bucket":                  {0.5, []Histogram{{Bounds: []float64{inf}, Cumulative: []float64{10}}}, Estimate{0, 0, inf}},
		"one that is empty beside one that is": {0.25, []Histogram{coarse, {Bounds: []float64{7, inf}, Cumulative: []float64{0, 0}}}, Estimate{0.5, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Quantile(c.q, c.of)
			require.InDelta(t, c.want.Value, got.Value, 1e-9)
			require.InDelta(t, c.want.Lower, got.Lower, 1e-9)
			require.True(t, c.want.Upper == got.Upper || math.Abs(c.want.Upper-got.Upper) < 1e-9, "upper %v, not %v", got.Upper, c.want.Upper)
			require.Equal(t, math.IsInf(c.want.Upper, 1), got.Saturated())
		})
	}
	require.True(t, math.IsNaN(Quantile(0.5, nil).Value))
	require.True(t, math.IsNaN(Quantile(0.5, []Histogram{{Bounds: []float64{1, inf}, Cumulative: []float64{0, 0}}}).Value))
}

// sampled is values in a histogram of bounds drawn at random.
func sampled(r *rand.Rand, values []float64) Histogram {
	var bounds []float64
	for range 1 + r.IntN(12) {
		bounds = append(bounds, math.Exp(r.Float64()*8-4))
	}
	slices.Sort(bounds)
	h := Histogram{Bounds: append(bounds, inf)}
	for _, b := range h.Bounds {
		n := 0.0
		for _, v := range values {
			if v <= b {
				n++
			}
		}
		h.Cumulative = append(h.Cumulative, n)
	}
	return h
}

// Whatever the layouts, the true quantile lies between the bounds, and so does the estimate.
func TestTrueQuantilesLieBetweenTheBounds(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	for range 3000 {
		var all []float64
		var of []Histogram
		for range 1 + r.IntN(4) {
			values := make([]float64, 1+r.IntN(60))
			for i := range values {
				values[i] = math.Exp(r.NormFloat64() * 2)
			}
			all = append(all, values...)
			of = append(of, sampled(r, values))
		}
		slices.Sort(all)
		q := 0.01 + 0.98*r.Float64()
		truth := all[int(math.Ceil(q*float64(len(all))))-1]
		got := Quantile(q, of)
		require.Less(t, got.Lower, truth+1e-12)
		require.LessOrEqual(t, truth, got.Upper)
		require.LessOrEqual(t, got.Value, got.Upper)
		if !got.Saturated() {
			require.GreaterOrEqual(t, got.Value, got.Lower)
		}
	}
}

// Of one histogram, or of several with the same bounds, the quantile is Prometheus's.
func TestQuantileIsPrometheuss(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 8))
	for range 2000 {
		values := make([]float64, 1+r.IntN(200))
		for i := range values {
			values[i] = math.Exp(r.NormFloat64() * 2)
		}
		h := sampled(r, values)
		var buckets engineql.Buckets
		for i, b := range h.Bounds {
			buckets = append(buckets, engineql.Bucket{UpperBound: b, Count: h.Cumulative[i]})
		}
		q := r.Float64()
		want, _, _, _, _, _ := engineql.BucketQuantile(q, buckets)
		got := Quantile(q, []Histogram{h})
		if math.Abs(want-got.Value) > 1e-9*math.Abs(want) {
			// A rank exactly on a bucket's edge that empty buckets follow: both evaluators are right.
			require.Equal(t, math.Trunc(q*float64(len(values))), q*float64(len(values)), "%v of %v", q, h)
		}
	}
}

func bucket(model, replica, le string, values ...float64) series.Series {
	s := series.Series{Labels: map[string]string{"model": model, "replica": replica, BoundLabel: le}, Values: values}
	for i := range values {
		s.Times = append(s.Times, int64(i+1)*1000)
	}
	return s
}

func TestBucketQuantileMergesLayouts(t *testing.T) {
	t.Parallel()
	by, apart := []signal.Label{signal.Model}, []signal.Label{signal.Replica}
	b := NewBuckets()
	b.Add([]series.Series{
		bucket("a", "one", "1000", 50, 50), bucket("a", "one", "10000", 100, 100), bucket("a", "one", "+Inf", 100, 100),
		bucket("a", "two", "500", 0), bucket("a", "two", "2000", 100), bucket("a", "two", "+Inf", 100),
		bucket("idle", "one", "1000", 0), bucket("idle", "one", "+Inf", 0), bucket("torn", "one", "1000", 5), bucket("odd", "one", "much", 5),
	}, by, apart, 1e-3)
	got, newest := b.Quantile(0.5)
	require.Len(t, got, 1, "without weight or an open bucket there is no quantile")
	require.Equal(t, map[string]string{"model": "a"}, got[0].Labels)
	require.Equal(t, []int64{1000, 2000}, got[0].Times)
	require.Greater(t, got[0].Values[0], 1.0)
	require.InDelta(t, 1, got[0].Values[1], 1e-9, "the second replica is gone")
	require.Equal(t, []Estimate{{1, 0, 1}}, newest)
}

func TestLayouts(t *testing.T) {
	t.Parallel()
	by := []signal.Label{signal.Model}
	same := NewLayouts([]series.Series{bucket("a", "", "1000", 2, 2), bucket("a", "", "5000", 2, 2), bucket("a", "", "+Inf", 2, 2)}, by, 1e-3)
	require.False(t, same.Mixed)
	require.Equal(t, Estimate{3, 1, 5}, same.Estimate("a", 3))
	require.Equal(t, Estimate{0.5, 0, 1}, same.Estimate("a", 0.5))
	require.True(t, same.Estimate("a", 5).Saturated())
	require.True(t, math.IsNaN(same.Estimate("unknown", 5).Upper))
	require.True(t, NewLayouts([]series.Series{bucket("a", "", "1", 2), bucket("a", "", "3", 1), bucket("a", "", "+Inf", 2)}, by, 1).Mixed, "two at a time")
	changed := []series.Series{bucket("a", "", "1", 1, 1), bucket("a", "", "3", 1), bucket("a", "", "+Inf", 1, 1)}
	require.True(t, NewLayouts(changed, by, 1).Mixed, "one after the other")
}
