package distribution

import "math"

// confidence99 is the two-sided 99 % point of the normal distribution. It is 99 % and not 95 % because a split is only
// answered when a second mode is certain, and so rather when chance made it large: among answers that come in at least a
// fifth of the cases, at most 1 % ÷ (1/5) = 5 % can then miss the truth.
const confidence99 = 2.5758293035489004

// wilson is the interval of an unknown probability of which k in n were seen, 0 ≤ k ≤ n (Wilson 1927, JASA 22:209; why it
// and not the textbook's: Brown, Cai and DasGupta 2001, Statistical Science 16:101):
//
//	(k + z²/2 ± z·√(k(n−k)/n + z²/4)) ÷ (n + z²)
func wilson(k, n, z float64) (lower, upper float64) {
	half := z * math.Sqrt(k*((n-k)/n)+z*z/4)
	middle := k + z*z/2
	return max((middle-half)/(n+z*z), 0), min((middle+half)/(n+z*z), 1)
}

// greatestDensity is the density of a cell at the upper end of the 95 % one-sided score interval of its count, which is
// Wilson's for a small part of many: n + z²/2 + z·√(n + z²/4), for an empty cell 2.7 requests.
func (c cell) greatestDensity() float64 {
	const z = 1.6448536269514722
	return (c.count + z*z/2 + z*math.Sqrt(c.count+z*z/4)) / c.width
}
