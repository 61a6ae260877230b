package distribution

// mixedCell is a cell with how many of its requests may be hot, how many cold, and how many are expected to be cold.
type mixedCell struct {
	cell
	mostHot, mostCold, expectedCold float64
}

// paths are the distributions of the hot and of the cold requests. Which of the uncertain requests are of a path changes
// its total, so their counts are reckoned as shares of the path that are certain, and then scaled to its expected total:
// with a at most x and b above, the share at most x is a ÷ (a + b), least for the least a and the greatest b.
func (d Distribution) paths(cells []mixedCell) (hot, cold Distribution) {
	hot = d.path(cells, func(c mixedCell) (least, most, expected float64) {
		return c.count - c.mostCold, c.mostHot, c.count - c.expectedCold
	})
	cold = d.path(cells, func(c mixedCell) (least, most, expected float64) {
		return c.count - c.mostHot, c.mostCold, c.expectedCold
	})
	return hot, cold
}

func (d Distribution) path(cells []mixedCell, of func(mixedCell) (least, most, expected float64)) Distribution {
	var leastTotal, mostTotal, expectedTotal float64
	for _, c := range cells {
		least, most, expected := of(c)
		leastTotal, mostTotal, expectedTotal = leastTotal+least, mostTotal+most, expectedTotal+expected
	}
	n := cells[len(cells)-1].last - cells[0].first + 1
	numbers := make([]float64, 3*n)
	out := Distribution{edges: d.edges[cells[0].first : cells[len(cells)-1].last+1], least: numbers[:n], most: numbers[n : 2*n], expected: numbers[2*n:]}
	var leastBefore, mostBefore, expectedBefore float64 // in the cells before
	at := 1
	for _, c := range cells {
		least, most, expected := of(c)
		for edge := c.first + 1; edge <= c.last; edge++ {
			// Of the cell's requests, this many are at most at the edge, and that many above it. In a sum of layouts, an edge
			// within a cell may have an uncertain count.
			leastBelow, mostBelow := d.least[edge]-d.least[c.first], d.most[edge]-d.least[c.first]
			lowest := leastBefore + max(0, leastBelow-(c.count-least))
			highest := mostBefore + min(mostBelow, most)
			highestAbove := mostTotal - mostBefore - most + min(c.count-leastBelow, most)
			lowestAbove := leastTotal - leastBefore - least + max(0, c.count-mostBelow-(c.count-least))
			out.least[at] = expectedTotal * share(lowest, highestAbove)
			out.most[at] = expectedTotal * share(highest, lowestAbove)
			out.expected[at] = expectedBefore
			if c.count > 0 {
				out.expected[at] += expected * (d.expected[edge] - d.expected[c.first]) / c.count
			}
			at++
		}
		leastBefore, mostBefore, expectedBefore = leastBefore+least, mostBefore+most, expectedBefore+expected
	}
	out.settle(expectedTotal)
	return out
}

// share is a ÷ (a + b), and 0 if neither has any requests.
func share(a, b float64) float64 {
	if a <= 0 {
		return 0
	}
	return a / (a + max(b, 0))
}

// settle takes out what rounding did: counts never fall, the expected one is between the bounds, and all end at the total.
func (d Distribution) settle(total float64) {
	last := len(d.edges) - 1
	d.least[last], d.most[last], d.expected[last] = total, total, total
	for i := 1; i <= last; i++ {
		d.most[i] = min(max(d.most[i], d.most[i-1]), total)
	}
	for i := last - 1; i >= 1; i-- {
		d.least[i] = max(min(d.least[i], d.least[i+1], d.most[i]), 0)
	}
	for i := 1; i < last; i++ {
		d.expected[i] = min(max(d.expected[i], d.expected[i-1], d.least[i]), d.most[i])
	}
}
