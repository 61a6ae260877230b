package distribution

import "math"

// A split looks at the density of requests on a logarithmic scale: requests ÷ ln(upper ÷ lower). Cells are what it looks at:
// buckets, of which neighbours are joined where they are narrower than leastCellWidth. Finer ones would only show noise.
const (
	leastCellWidth = 0.25
	// endWidth is for the first bucket, which begins at 0, and for the open one, which has no end: on a logarithmic scale
	// both are endless. Times in them are taken to stretch over two decades at most.
	endWidth = 2 * math.Ln10
	// widestRange is from the last bound down to the least value that has a place on the scale: of a service that takes
	// minutes, a ten-billionth is nanoseconds. What is below (native histograms have a bucket around 0) is in the first cell.
	widestRange = 1e10
)

// cell is a range of values, above lower and at most upper, with its requests and its width on the logarithmic scale. It
// reaches from one edge of the distribution, by index, to another.
type cell struct {
	lower, upper  float64
	count, width  float64
	first, last   int
	bucketsWithin int
}

func (c cell) density() float64 { return c.count / c.width }

// cells are those from the first that has requests to the last, and all beyond the last bound as one cell. If there are
// requests beyond, empty cells before the last bound are kept.
//
// In a sum of layouts, cells end only at edges at which the count is certain, so that no request is in the wrong one.
func (d Distribution) cells() (closed []cell, open cell) {
	n := len(d.edges)
	highest := n - 1
	for highest > 0 && (d.least[highest] != d.most[highest] || math.IsInf(d.edges[highest], 1)) {
		highest--
	}
	floor := d.edges[highest] / widestRange
	closed = make([]cell, 0, highest)
	// The cell that is being made reaches from edge begin to edge end, the last that is certain.
	begin, end, within := 0, 0, 0
	finish := func() {
		c := d.cell(begin, end, floor)
		c.bucketsWithin = within
		if len(closed) > 0 || c.count > 0 {
			closed = append(closed, c)
		}
		begin, within = end, 0
	}
	for i := 1; i <= highest; i++ {
		if d.least[i] != d.most[i] || d.edges[i] <= floor {
			continue
		}
		if end > begin && d.edges[end] > floor && math.Log(d.edges[i]/d.edges[end]) >= leastCellWidth {
			finish()
		}
		end = i
		within++
		if d.edges[begin] <= floor || math.Log(d.edges[end]/d.edges[begin]) >= leastCellWidth {
			finish()
		}
	}
	if end > begin {
		finish()
	}
	open = d.cell(highest, n-1, floor)
	open.width = endWidth
	for open.count == 0 && len(closed) > 0 && closed[len(closed)-1].count == 0 {
		closed = closed[:len(closed)-1]
	}
	return closed, open
}

func (d Distribution) cell(first, last int, floor float64) cell {
	width := endWidth
	if d.edges[first] > floor {
		width = math.Log(d.edges[last] / d.edges[first])
	}
	return cell{
		lower: d.edges[first], upper: d.edges[last],
		count: d.least[last] - d.least[first], width: width,
		first: first, last: last,
	}
}
