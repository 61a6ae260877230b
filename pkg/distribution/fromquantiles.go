package distribution

import (
	"fmt"
	"math"
	"slices"
)

// KnownQuantile is one quantile of a summary: the share Quantile of the requests (above 0, below 1) took at most Value.
// RankError is by how much the share itself may be off, as the server's summary was set up: a p95 with a rank error of 0.01
// is one of p94 to p96. It is 0 for exact quantiles.
type KnownQuantile struct {
	Quantile, Value, RankError float64
}

const (
	// leastJump is how many times longer the one of two neighbouring quantiles is, at least, for it to be of the cold path.
	leastJump = 10
	// greatestSpread is the standard deviation of ln(latency) that a single mode is credited with: with it, p95 is ten
	// times the median.
	greatestSpread = 1.4
)

// LeastCold is the share of requests that certainly took the cold path, read from quantiles alone: a p50 of 40 ms with a p95
// of 3 s means that at least 5 % were cold, 1 − 0.95. It is a lower bound and never an estimate: of the 45 % between the two,
// none or all may have been cold. Value and Lower are that bound; Upper is 1 − 0.5, for those up to the p50 are hot.
//
// Quantiles q₁ < q₂ with the values v₁ and v₂ show a jump if v₂ ≥ 10·v₁ and v₂ ÷ v₁ ≥ exp(1.4·(z₂ − z₁)), z being the normal
// distribution's quantiles: more than even a wide lognormal distribution would rise between them. Only neighbouring
// quantiles count, for those in between show whether the rise is a jump or a tail. The lowest jump is taken, and from its
// share the rank error is subtracted. There is none where nothing jumps, and then nothing is known about cold requests.
//
// An error says which quantiles are not quantiles of one distribution.
func LeastCold(of []KnownQuantile) (share Estimate, found bool, err error) {
	ascending := slices.SortedFunc(slices.Values(of), func(a, b KnownQuantile) int {
		switch {
		case a.Quantile < b.Quantile:
			return -1
		case a.Quantile > b.Quantile:
			return 1
		}
		return 0
	})
	for i, k := range ascending {
		if !(k.Quantile > 0 && k.Quantile < 1) || !(k.Value >= 0) || math.IsInf(k.Value, 1) || !(k.RankError >= 0 && k.RankError < 1) {
			return Estimate{}, false, fmt.Errorf("quantile %g with the value %g and the rank error %g: a quantile is between 0 and 1, its value and error at least 0", k.Quantile, k.Value, k.RankError)
		}
		if i > 0 && k.Value < ascending[i-1].Value {
			return Estimate{}, false, fmt.Errorf("quantile %g is %g, less than quantile %g, %g: they are not of the same requests", k.Quantile, k.Value, ascending[i-1].Quantile, ascending[i-1].Value)
		}
	}
	for i := 1; i < len(ascending); i++ {
		before, after := ascending[i-1], ascending[i]
		if least := 1 - after.Quantile - after.RankError; least > 0 && jumps(before, after) {
			return Estimate{Value: least, Lower: least, Upper: min(1-before.Quantile+before.RankError, 1)}, true, nil
		}
	}
	return Estimate{}, false, nil
}

func jumps(before, after KnownQuantile) bool {
	if before.Value <= 0 {
		return false // a summary that nothing was measured with
	}
	ratio := after.Value / before.Value
	// Further apart by the rank errors, a wide mode rises more.
	z := normalQuantile(min(after.Quantile+after.RankError, math.Nextafter(1, 0))) - normalQuantile(max(before.Quantile-before.RankError, math.SmallestNonzeroFloat64))
	return ratio >= leastJump && math.Log(ratio) >= greatestSpread*z
}

func normalQuantile(q float64) float64 { return math.Sqrt2 * math.Erfinv(2*q-1) }
