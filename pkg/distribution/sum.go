package distribution

import (
	"slices"
)

// Sum is the distribution of the requests of all together, whatever buckets each has. Every histogram is a function of the
// value, and functions are added: the least counts, the greatest and the expected each for themselves. No request is moved
// to another bucket, so the bounds are the tightest that the counts allow. (Recording the buckets into an HdrHistogram
// instead puts every request at one place of its bucket, and has to be done twice, at both ends, to keep bounds at all; they
// are then wider by the HdrHistogram's own buckets. The tests measure it.)
func Sum(of ...Distribution) Distribution {
	of = slices.DeleteFunc(slices.Clone(of), func(d Distribution) bool { return len(d.edges) == 0 })
	switch {
	case len(of) == 0:
		return Distribution{}
	case len(of) == 1:
		return of[0]
	}
	edges := slices.Clone(of[0].edges)
	for _, d := range of[1:] {
		if !slices.Equal(edges, d.edges) {
			edges = append(edges, d.edges...)
		}
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	counts := make([]float64, 3*len(edges))
	sum := Distribution{edges: edges, least: counts[:len(edges)], most: counts[len(edges) : 2*len(edges)], expected: counts[2*len(edges):]}
	for _, d := range of {
		sum.add(d)
	}
	return sum
}

// add adds a distribution all of whose edges are edges of the sum.
func (d Distribution) add(other Distribution) {
	if slices.Equal(d.edges, other.edges) {
		for i := range d.edges {
			d.least[i] += other.least[i]
			d.most[i] += other.most[i]
			d.expected[i] += other.expected[i]
		}
		return
	}
	for i, edge := range d.edges {
		count := other.AtMost(edge)
		d.least[i] += count.Lower
		d.most[i] += count.Upper
		d.expected[i] += count.Value
	}
}
