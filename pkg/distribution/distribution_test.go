package distribution

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"
)

var infinity = math.Inf(1)

func TestMalformedBucketsAreErrors(t *testing.T) {
	for name, c := range map[string]struct {
		bounds, cumulative []float64
		says               string
	}{
		"none":           {nil, nil, "no bucket up to +Inf"},
		"lengths":        {[]float64{1, infinity}, []float64{1}, "2 bounds and 1 counts"},
		"no open bucket": {[]float64{1, 2}, []float64{1, 1}, "no bucket up to +Inf"},
		"descending":     {[]float64{2, 1, infinity}, []float64{1, 1, 1}, "do not ascend: 1 is number 2"},
		"twice":          {[]float64{1, 1, infinity}, []float64{1, 1, 1}, "do not ascend"},
		"bound NaN":      {[]float64{math.NaN(), infinity}, []float64{1, 1}, "do not ascend: NaN"},
		"bound -Inf":     {[]float64{math.Inf(-1), infinity}, []float64{1, 1}, "do not ascend: -Inf"},
		"count NaN":      {[]float64{1, infinity}, []float64{math.NaN(), 1}, "has the count NaN"},
		"count negative": {[]float64{1, infinity}, []float64{-1, 1}, "has the count -1"},
		"count +Inf":     {[]float64{1, infinity}, []float64{1, infinity}, "has the count +Inf"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := FromCumulative(c.bounds, c.cumulative)
			require.ErrorContains(t, err, c.says)
		})
	}
	for name, c := range map[string]struct {
		buckets []Bucket
		says    string
	}{
		"overlap":        {[]Bucket{{2, 4, 1}, {1, 3, 1}}, "from 2 to 4 overlaps with the one that ends at 3"},
		"empty range":    {[]Bucket{{1, 1, 1}}, "end must be above its begin"},
		"backwards":      {[]Bucket{{2, 1, 1}}, "end must be above its begin"},
		"NaN":            {[]Bucket{{math.NaN(), 1, 1}}, "end must be above its begin"},
		"count negative": {[]Bucket{{0, 1, -1}}, "has the count -1"},
	} {
		t.Run("buckets "+name, func(t *testing.T) {
			_, err := FromBuckets(c.buckets)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestNothingCountedIsNoAnswer(t *testing.T) {
	empty, err := FromCumulative([]float64{1, infinity}, []float64{0, 0})
	require.NoError(t, err)
	for _, d := range []Distribution{{}, empty, Sum(), Sum(Distribution{}, empty)} {
		require.Zero(t, d.Requests())
		_, ok := d.Quantile(.5)
		require.False(t, ok)
		_, ok = d.ShareAbove(1)
		require.False(t, ok)
		_, err := d.Split()
		require.Equal(t, TooFewRequests, reasonOf(err))
	}
}

func TestQuantile(t *testing.T) {
	classic := increments(t, []float64{.1, .2, .4, infinity}, []float64{10, 60, 20, 10})
	gaps, err := FromBuckets([]Bucket{{4, 8, 1}, {1, 2, 1}})
	require.NoError(t, err)
	negative, err := FromBuckets([]Bucket{{math.Inf(-1), -1, 1}, {-1, infinity, 1}})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		of        Distribution
		q         float64
		want      Estimate
		saturated bool
	}{
		"within a bucket": {classic, .4, Estimate{.15, .1, .2}, false},
		"at a bound":      {classic, .7, Estimate{.2, .1, .2}, false},
		"lowest":          {classic, 0, Estimate{0, 0, .1}, false},
		"open bucket":     {classic, .99, Estimate{.4, .4, infinity}, true},
		"highest":         {classic, 1, Estimate{.4, .4, infinity}, true},
		"before a gap":    {gaps, .5, Estimate{2, 1, 2}, false},
		"after a gap":     {gaps, .75, Estimate{6, 4, 8}, false},
		"negative":        {negative, .5, Estimate{-1, math.Nextafter(-1, -2), -1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := c.of.Quantile(c.q)
			require.True(t, ok)
			require.InDelta(t, c.want.Value, got.Value, 1e-9)
			require.Equal(t, []float64{c.want.Lower, c.want.Upper}, []float64{got.Lower, got.Upper})
			require.Equal(t, c.saturated, got.Saturated())
		})
	}
	for _, q := range []float64{-.1, 1.1, math.NaN()} {
		_, ok := classic.Quantile(q)
		require.False(t, ok)
	}
}

func TestShares(t *testing.T) {
	d := increments(t, []float64{.1, .2, .4, infinity}, []float64{10, 60, 20, 10})
	for _, c := range []struct {
		x             float64
		atMost, above Estimate
	}{
		{-1, Estimate{}, Estimate{1, 1, 1}},
		{0, Estimate{}, Estimate{1, 1, 1}},
		{.2, Estimate{.7, .7, .7}, Estimate{.3, .3, .3}},
		{.3, Estimate{.8, .7, .9}, Estimate{.2, .1, .3}},
		{5, Estimate{.9, .9, 1}, Estimate{.1, 0, .1}},
		{infinity, Estimate{1, 1, 1}, Estimate{}},
	} {
		atMost, ok := d.ShareAtMost(c.x)
		require.True(t, ok)
		above, ok := d.ShareAbove(c.x)
		require.True(t, ok)
		for _, pair := range [][2]Estimate{{c.atMost, atMost}, {c.above, above}} {
			want, got := pair[0], pair[1]
			require.InDeltaSlice(t, []float64{want.Value, want.Lower, want.Upper}, []float64{got.Value, got.Lower, got.Upper}, 1e-12, "at %g", c.x)
		}
	}
}

func randomClassic(t testing.TB, r *rand.Rand) (bounds, counts []float64, d Distribution) {
	t.Helper()
	bound := 0.0
	for range r.IntN(12) + 1 {
		bound += float64(r.IntN(20)+1) / 64
		bounds = append(bounds, bound)
		counts = append(counts, float64(max(0, r.IntN(100)-30)))
	}
	bounds, counts = append(bounds, infinity), append(counts, float64(r.IntN(5)))
	return bounds, counts, increments(t, bounds, counts)
}

func TestQuantileAgreesWithPrometheus(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	compared := 0
	for range 2000 {
		bounds, counts, d := randomClassic(t, r)
		if d.Requests() == 0 {
			continue
		}
		q := r.Float64()
		var buckets promql.Buckets
		total := 0.0
		for i, bound := range bounds {
			total += counts[i]
			buckets = append(buckets, promql.Bucket{UpperBound: bound, Count: total})
		}
		want, _, _, _, _, _ := promql.BucketQuantile(q, buckets)
		got, ok := d.Quantile(q)
		require.True(t, ok)
		require.InDelta(t, want, got.Value, 1e-9, "q %g of %v %v", q, bounds, counts)
		compared++
	}
	require.Greater(t, compared, 1500)
}

// Whatever values the requests had within their buckets, the bounds hold them.
func TestBoundsHoldForSumsOfLayouts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	for range 500 {
		var parts []Distribution
		var all []float64
		for range r.IntN(4) + 1 {
			l := layout{}
			bound := 0.0
			for range r.IntN(8) + 1 {
				bound += r.Float64() / 4
				l.bounds = append(l.bounds, bound)
			}
			values := draw(r, r.IntN(200)+1, lognormal(r.Float64(), .7))
			all = append(all, values...)
			parts = append(parts, l.distribution(t, values))
		}
		d := Sum(parts...)
		require.InDelta(t, float64(len(all)), d.Requests(), 1e-9)
		for range 10 {
			q, x := r.Float64(), r.Float64()*2
			e, ok := d.Quantile(q)
			require.True(t, ok)
			truth := quantileOf(all, q)
			require.True(t, e.Lower <= truth && truth <= e.Upper, "quantile %g is %g, not in %v", q, truth, e)
			atMost := 0.0
			for _, value := range all {
				if value <= x {
					atMost++
				}
			}
			share, ok := d.ShareAtMost(x)
			require.True(t, ok)
			truth = atMost / float64(len(all))
			require.True(t, share.Lower-1e-12 <= truth && truth <= share.Upper+1e-12, "the share at most %g is %g, not in %v", x, truth, share)
		}
	}
}

func TestSumDoesNotDependOnOrderOrGrouping(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 4))
	for range 200 {
		_, _, a := randomClassic(t, r)
		_, _, b := randomClassic(t, r)
		_, _, c := randomClassic(t, r)
		want := Sum(a, b, c)
		for _, other := range []Distribution{Sum(c, b, a), Sum(Sum(a, b), c), Sum(a, Distribution{}, Sum(b, c))} {
			require.Equal(t, want.edges, other.edges)
			require.InDeltaSlice(t, want.least, other.least, 1e-9)
			require.InDeltaSlice(t, want.most, other.most, 1e-9)
			require.InDeltaSlice(t, want.expected, other.expected, 1e-9)
		}
		before := slices.Clone(a.least)
		Sum(a, a)
		require.Equal(t, before, a.least)
	}
}
