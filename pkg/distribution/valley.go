package distribution

import "math"

// falseAlarms is the greatest probability with which requests of one mode are seen as two, whatever its form.
const falseAlarms = 0.01

// valley is a run of cells, from first to last, that certainly is less dense than a run right before it and one right after.
type valley struct {
	first, last int
}

// findValley is the run of cells that is most certainly a valley.
//
// The test. If times have one mode on the logarithmic scale, then the density rises up to it and falls after it. For a run V
// of cells, a run L that ends where V begins and a run P that begins where V ends, at least one of two statements is then
// true: V is on average at least as dense as L, or V is at least as dense as P. A valley is where both are rejected (an
// intersection-union test, Berger 1982, Technometrics 24:295).
//
// One of them is rejected so: given that n requests are in V or P, those in P are binomial (Przyborowski and Wilenski 1940,
// Biometrika 31:313) with a probability of at most p = w_P ÷ (w_V + w_P), w being widths. That n_P of n are at least as many
// as were seen has at most the probability exp(−n·KL(n_P÷n ‖ p)) (Chernoff 1952; Hoeffding 1963, JASA 58:13), where
// KL(a ‖ p) = a·ln(a÷p) + (1−a)·ln((1−a)÷(1−p)).
//
// K cells have K(K²−1)÷6 pairs of such runs on either side, so each has to have at most the probability falseAlarms ÷ 2 ÷
// that number: then all tests together raise at most falseAlarms (Bonferroni), whichever run is chosen afterwards.
func findValley(cells []cell, evidenceNeeded float64) (best valley, found bool) {
	n := len(cells)
	strongest := evidenceNeeded
	for first := 1; first < n-1; first++ {
		var v cell
		for last := first; last < n-1; last++ {
			v = v.merge(cells[last])
			// Where a neighbour is less dense, the run with it is a better valley.
			if cells[first-1].density() <= v.density() || cells[last+1].density() <= v.density() {
				continue
			}
			if strength := min(denserBefore(cells[:first], v), denserAfter(cells[last+1:], v)); strength > strongest {
				best, found, strongest = valley{first, last}, true, strength
			}
		}
	}
	return best, found
}

// deepest is the part of a valley where hot and cold meet: its widest run of empty cells, or its least dense cell. The rest of
// it are the flanks of the two modes.
func (v valley) deepest(cells []cell) valley {
	best, bestWidth := valley{v.first, v.first}, 0.0
	for first := v.first; first <= v.last; first++ {
		if cells[first].density() < cells[best.first].density() {
			best, bestWidth = valley{first, first}, 0
		}
		width := 0.0
		for last := first; last <= v.last && cells[last].count == 0; last++ {
			if width += cells[last].width; width > bestWidth {
				best, bestWidth = valley{first, last}, width
			}
		}
	}
	return best
}

// merge is both cells' requests and widths as if they were one.
func (c cell) merge(other cell) cell {
	return cell{count: c.count + other.count, width: c.width + other.width}
}

// denserAfter is the strongest evidence that a run of cells from the first on is denser than v.
func denserAfter(cells []cell, v cell) float64 {
	var run cell
	strongest := 0.0
	for _, c := range cells {
		run = run.merge(c)
		strongest = max(strongest, denser(run, v))
	}
	return strongest
}

// denserBefore is the strongest evidence that a run of cells up to the last is denser than v.
func denserBefore(cells []cell, v cell) float64 {
	var run cell
	strongest := 0.0
	for i := len(cells) - 1; i >= 0; i-- {
		run = run.merge(cells[i])
		strongest = max(strongest, denser(run, v))
	}
	return strongest
}

// denser is the evidence that p is denser than v, in nats: the negative logarithm of the greatest probability that as many
// requests are in p, were it not denser.
func denser(p, v cell) float64 {
	if p.count <= 0 || p.density() <= v.density() {
		return 0
	}
	n := p.count + v.count
	evidence := p.count * math.Log(p.count/n*(p.width+v.width)/p.width)
	if v.count > 0 {
		evidence += v.count * math.Log(v.count/n*(p.width+v.width)/v.width)
	}
	return max(evidence, 0)
}

// evidenceNeeded is the evidence, in nats, that each test among this many cells needs; see findValley.
func evidenceNeeded(cells int) float64 {
	k := float64(cells)
	return math.Log(k * (k*k - 1) / 6 * 2 / falseAlarms)
}

// fewestRequests is how many each mode needs at least: with fewer, not even a mode beside an empty valley as wide as itself
// would be certain, for which every request is evidence of ln 2.
func fewestRequests(cells int) float64 {
	return math.Ceil(evidenceNeeded(cells) / math.Ln2)
}
