package attribution

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPartsAddUp divides at random: the parts are exactly the whole in any order, none is below zero, and each is its weight's.
func TestPartsAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		weights := make([]float64, 1+random.IntN(40))
		sum := 0.0
		for i := range weights {
			if random.IntN(3) > 0 {
				weights[i] = math.Exp(20*random.Float64() - 10)
			}
			sum += weights[i]
		}
		if sum == 0 {
			continue
		}
		total, unit := random.Float64(), 0.0
		if unit = precision(total); random.IntN(2) == 0 {
			total, unit = float64(random.Uint64N(1<<48)), 1
		}
		if total == 0 {
			continue
		}
		divided := parts(total, unit, weights)
		for i, part := range divided {
			require.GreaterOrEqual(t, part, 0.0)
			require.InDelta(t, total*weights[i]/sum, part, 2*unit+total*1e-12)
			if weights[i] == 0 {
				require.Zero(t, part)
			}
			if unit == 1 {
				require.Equal(t, math.Trunc(part), part, "memory is in whole bytes")
			}
		}
		random.Shuffle(len(divided), func(i, j int) { divided[i], divided[j] = divided[j], divided[i] })
		added := 0.0
		for _, part := range divided {
			added += part
		}
		require.Equal(t, total, added)
	}
}

func FuzzParts(f *testing.F) {
	f.Add(0.37, 1.0, 2.0, 3.0)
	f.Add(1.0, math.MaxFloat64, math.MaxFloat64, 0.0)
	f.Fuzz(func(t *testing.T, total, a, b, c float64) {
		if !(total > 1e-290 && total <= 1) || !(a >= 0 && b >= 0 && c >= 0) || max(a, b, c) == 0 || math.IsInf(a+b+c, 0) && math.IsInf(max(a, b, c), 0) {
			return // no shares to make
		}
		divided := parts(total, precision(total), []float64{a, b, c})
		require.Equal(t, total, divided[0]+divided[1]+divided[2])
		require.GreaterOrEqual(t, min(divided[0], divided[1], divided[2]), 0.0)
	})
}
