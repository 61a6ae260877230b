package distribution

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLeastCold(t *testing.T) {
	for name, c := range map[string]struct {
		of    []KnownQuantile
		share float64
		found bool
	}{
		"p50 of 40 ms with p95 of 3 s":  {[]KnownQuantile{{.5, .04, 0}, {.95, 3, 0}}, .05, true},
		"in any order":                  {[]KnownQuantile{{.95, 3, 0}, {.5, .04, 0}}, .05, true},
		"the lowest jump":               {[]KnownQuantile{{.5, .04, 0}, {.9, 3, 0}, {.95, 3.1, 0}, {.99, 60, 0}}, .1, true},
		"only the last":                 {[]KnownQuantile{{.5, .04, 0}, {.9, .05, 0}, {.95, .06, 0}, {.99, 3, 0}}, .01, true},
		"a summary's rank error":        {[]KnownQuantile{{.5, .04, .05}, {.95, 3, .01}}, .04, true},
		"nothing left of the share":     {[]KnownQuantile{{.5, .04, 0}, {.99, 3, .01}}, 0, false},
		"a long tail":                   {[]KnownQuantile{{.5, .04, 0}, {.95, .3, 0}}, 0, false},
		"a rise over several quantiles": {[]KnownQuantile{{.5, .04, 0}, {.9, .3, 0}, {.95, 1, 0}, {.99, 3, 0}}, 0, false},
		"far apart in rank":             {[]KnownQuantile{{.01, .04, 0}, {.99, .5, 0}}, 0, false},
		"one quantile":                  {[]KnownQuantile{{.95, 3, 0}}, 0, false},
		"none":                          {nil, 0, false},
		"nothing measured":              {[]KnownQuantile{{.5, 0, 0}, {.95, 3, 0}}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			share, found, err := LeastCold(c.of)
			require.NoError(t, err)
			require.Equal(t, c.found, found)
			require.InDelta(t, c.share, share.Value, 1e-12)
			require.Equal(t, share.Value, share.Lower)
			require.GreaterOrEqual(t, share.Upper, share.Lower)
		})
	}
	for name, c := range map[string]struct {
		of   []KnownQuantile
		says string
	}{
		"falling":      {[]KnownQuantile{{.5, 3, 0}, {.95, 2, 0}}, "quantile 0.95 is 2, less than quantile 0.5, 3"},
		"NaN":          {[]KnownQuantile{{.5, math.NaN(), 0}}, "value NaN"},
		"out of range": {[]KnownQuantile{{95, 3, 0}}, "quantile 95"},
		"error":        {[]KnownQuantile{{.5, 3, -1}}, "rank error -1"},
	} {
		t.Run("error "+name, func(t *testing.T) {
			_, _, err := LeastCold(c.of)
			require.ErrorContains(t, err, c.says)
		})
	}
}

// Of many requests of which so many were cold, no more is said to be cold.
func TestLeastColdNeverSaysMore(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	answered := 0
	for range 2000 {
		hots, colds := mixture(r, 2000, lognormal(.04, .5), lognormal(.04*math.Exp(r.Float64()*5), .5), r.Float64()*.6)
		all := slices.Concat(hots, colds)
		var of []KnownQuantile
		for _, q := range [][]float64{{.5, .95}, {.5, .9, .99}, {.25, .5, .75, .9, .95, .99}}[r.IntN(3)] {
			of = append(of, KnownQuantile{Quantile: q, Value: quantileOf(all, q)})
		}
		share, found, err := LeastCold(of)
		require.NoError(t, err)
		if found {
			answered++
			require.LessOrEqual(t, share.Value, (float64(len(colds))+1)/2000, "%v", of)
			surelyHot := 0
			for _, k := range of {
				if 1-k.Quantile >= share.Upper-1e-12 {
					surelyHot++
				}
			}
			require.Positive(t, surelyHot, "the upper bound is one of the quantiles")
		}
	}
	require.Greater(t, answered, 200)
}

func TestLeastColdOfOneMode(t *testing.T) {
	for _, spread := range []float64{.3, 1, 1.3} {
		var of []KnownQuantile
		for _, q := range []float64{.1, .5, .9, .95, .99, .999} {
			of = append(of, KnownQuantile{Quantile: q, Value: math.Exp(spread * normalQuantile(q))})
		}
		_, found, err := LeastCold(of)
		require.NoError(t, err)
		require.False(t, found)
	}
}
