package attribution

import (
	"math"
	"slices"
)

// divide splits total in proportion to the weights, of which at least one is above zero and all are finite, so that the
// parts, added in any order, are exactly total. Each part is a multiple of unit, and so must total be.
func divide(total, unit float64, weights []float64) []float64 {
	// Relative to the greatest, no sum of weights overflows.
	greatest, sum := slices.Max(weights), 0.0
	for _, w := range weights {
		sum += w / greatest
	}
	units := total / unit
	parts := make([]float64, len(weights))
	// Rounding the running total, not each part, leaves nothing over. It ends at sum, as it is added up in the same order.
	until, before := 0.0, 0.0
	for i, w := range weights {
		until += w / greatest
		upTo := math.Round(units * (until / sum))
		parts[i] = (upTo - before) * unit
		before = upTo
	}
	return parts
}

// precision is the smallest step by which total, which is above zero, can differ: sums of its multiples up to total are exact.
func precision(total float64) float64 {
	_, exponent := math.Frexp(total)
	return math.Ldexp(1, exponent-53)
}
