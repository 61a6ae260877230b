package distribution

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

const models, steps = 500, 60

// BenchmarkFleet makes, splits and asks for the p95 of the distributions of 500 models at 60 steps.
func BenchmarkFleet(b *testing.B) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, l := range []layout{layouts[0], layouts[4]} {
		var fleet [][]Bucket
		for range models {
			hots, colds := mixture(r, 2000, lognormal(.02, .4), lognormal(2, .4), .05)
			fleet = append(fleet, buckets(l.distribution(b, slices.Concat(hots, colds))))
		}
		b.Run(l.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for range steps {
					for _, model := range fleet {
						d, err := FromBuckets(model)
						require.NoError(b, err)
						if s, err := d.Split(); err == nil {
							s.HotPath.Quantile(.95)
							s.ColdPath.Quantile(.95)
						}
						d.Quantile(.95)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*models*steps), "µs/split")
		})
	}
}

func buckets(d Distribution) []Bucket {
	var out []Bucket
	for i := 1; i < len(d.edges); i++ {
		out = append(out, Bucket{d.edges[i-1], d.edges[i], d.least[i] - d.least[i-1]})
	}
	return out
}

func TestAllocationsAreFew(t *testing.T) {
	d := increments(t, append(slices.Clone(layouts[0].bounds), infinity), []float64{0, 0, 300, 500, 100, 0, 0, 0, 20, 60, 20, 0})
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		if _, err := d.Split(); err != nil {
			t.Error(err)
		}
	}), 10.)
	require.Zero(t, testing.AllocsPerRun(100, func() { d.Quantile(.95); d.ShareAbove(.3) }))
}
