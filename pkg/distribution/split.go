package distribution

// Bound is what a split's share of cold requests is.
type Bound string

const (
	// Estimated is a share that could not be much else: next to nothing lies where hot and cold could be mistaken.
	Estimated Bound = "estimated"
	// AtLeast is a lower bound: the modes overlap, and the share may be anything in the interval.
	AtLeast Bound = "at least"
	// AtMost is what AtLeast becomes in what is left of the whole: where at least 5 % are cold, at most 95 % are hot.
	AtMost Bound = "at most"
)

// Complement is the bound of what is left of the whole.
func (k Bound) Complement() Bound {
	switch k {
	case AtLeast:
		return AtMost
	case AtMost:
		return AtLeast
	}
	return k
}

const (
	// An estimate is off by at most this share of all requests, and its bounds differ by at most this part of it.
	mostUncertainShare, mostUncertainPart = 0.02, 0.5
	// leastSeparation is how many times longer the median of the cold path takes than that of the hot one, at least.
	leastSeparation = 2
)

// Split is a distribution of latencies taken apart into requests of the hot and of the cold path.
type Split struct {
	Bound Bound
	// Cold is the share of cold requests, from 0 to 1. Lower and Upper are its 99 % interval, both for what the buckets
	// leave open and for what chance does; see Distribution.Split.
	Cold Estimate
	// ColdCounted is the cold share among the requests that were counted, with what the buckets leave open, but without the
	// chance of which requests came.
	ColdCounted Estimate
	// Valley is where hot and cold meet, with the requests in it, which may be either.
	Valley Bucket
	// The requests of each path. Their quantiles' bounds take into account which requests may be of either.
	HotPath, ColdPath Distribution
}

// Split takes a distribution of latencies apart at the valley between its two modes, on a logarithmic scale. It assumes that
// the times of hot requests have one mode there, as lognormal, exponential, gamma, Weibull and Pareto distributions do, and
// those of cold requests another one above it; findValley says how certain it is that there are two.
//
// Which is hot and which cold? After its mode, the density of hot requests only falls. So of the n requests in a cell above
// the valley, w wide on the logarithmic scale, at most
//
//	hot = min(n, w · min(d⁺ of the valley, d⁺ of every cell from there to this one))
//
// are hot, d⁺ being the greatest density that a count allows (greatestDensity). Mirrored, a cell below the valley has at
// most so many cold ones. The valley's own requests may be either. With the sums over all cells, the cold requests are then
//
//	low = Σ (n − hot)  ≤  cold  ≤  Σ cold = high
//
// low needs only that the hot path has one mode, high also that the cold path has. The interval goes from the lower end of
// the Wilson interval of low in N to the upper end of that of high in N, N being all requests.
//
// The share is Estimated, and is the mass above the valley with half of the valley's own, if low and high are within
// 2 % of N from it and differ by at most half of it. Otherwise it is AtLeast, and is low ÷ N.
//
// The error is a *Refusal with its reason. Counts have to be numbers of requests and not rates: how many there are decides
// what is chance.
func (d Distribution) Split() (Split, error) {
	if !(d.Requests() > 0) {
		return Split{}, refuse(TooFewRequests, "there are none")
	}
	cells, open := d.cells()
	v, err := d.certainValley(cells, open)
	if err != nil {
		return Split{}, err
	}
	all := cells
	if open.count > 0 {
		all = append(all, open)
	}
	s := d.splitAt(all, v)
	if err := s.check(d.Requests(), all[v.first:v.last+1]); err != nil {
		return Split{}, err
	}
	return s, nil
}

func (d Distribution) certainValley(cells []cell, open cell) (valley, error) {
	n, total := len(cells), d.Requests()
	if n < 3 {
		if open.count >= total/2 {
			return valley{}, refuse(TooFewBuckets, "%s of the requests are beyond the last bound, %g; the histogram needs higher bounds", percent(open.count/total), open.lower)
		}
		return valley{}, refuse(TooFewBuckets, "the number of buckets that the requests span is %d; a valley between two modes takes at least 3", n)
	}
	fewest := fewestRequests(n)
	if total < 2*fewest {
		return valley{}, refuse(TooFewRequests, "there are %.4g; with %d buckets, two modes of %g requests each are the least that is not chance", total, n, fewest)
	}
	needed := evidenceNeeded(n)
	v, found := findValley(cells, needed)
	if !found {
		if _, beyond := findValley(append(cells[:n:n], open), evidenceNeeded(n+1)); beyond {
			return valley{}, refuse(SecondModeOpen, "%s of the requests took longer than the last bound, %g, and few took a little less; the histogram needs higher bounds", percent(open.count/total), open.lower)
		}
		return valley{}, refuse(OneMode, "no valley is deeper than chance makes it; what cannot be seen is a second mode of too few requests, or within two buckets of the first")
	}
	v = v.deepest(cells)
	if _, more := findValley(cells[:v.last+1], needed); more {
		return valley{}, refuse(ManyModes, "there is another valley below the one from %g to %g, so hot and cold are not the only difference", cells[v.first].lower, cells[v.last].upper)
	}
	if _, more := findValley(cells[v.first:], needed); more {
		return valley{}, refuse(ManyModes, "there is another valley above the one from %g to %g, so hot and cold are not the only difference", cells[v.first].lower, cells[v.last].upper)
	}
	return v, nil
}

// check refuses a split that says nothing.
func (s Split) check(total float64, valleyCells []cell) error {
	inValley := 0.0
	for _, c := range valleyCells {
		inValley += c.count / total
	}
	if certain := s.ColdCounted.Lower; inValley > certain || certain <= 0 {
		if len(valleyCells) == 1 && valleyCells[0].bucketsWithin == 1 {
			return refuse(ValleyTooWide, "the one bucket from %g to %g has %s of the requests, and only %s are certainly cold; the histogram needs more bounds there",
				s.Valley.Lower, s.Valley.Upper, percent(inValley), percent(certain))
		}
		return refuse(ModesOverlap, "between %g and %g, where hot and cold cannot be told apart, are %s of the requests, and only %s are certainly cold",
			s.Valley.Lower, s.Valley.Upper, percent(inValley), percent(certain))
	}
	// Both paths have requests: the valley is less dense than what is on either side.
	hot, _ := s.HotPath.Quantile(0.5)
	cold, _ := s.ColdPath.Quantile(0.5)
	if cold.Value < leastSeparation*hot.Value {
		return refuse(ModesTooClose, "the medians of the two modes, %g and %g, differ by less than %d times, as two kinds of requests may", hot.Value, cold.Value, leastSeparation)
	}
	return nil
}

// splitAt reckons which requests of each cell may be hot and which cold.
func (d Distribution) splitAt(cells []cell, v valley) Split {
	paths := make([]mixedCell, len(cells))
	between := cell{}
	for i, c := range cells {
		paths[i] = mixedCell{cell: c, mostHot: c.count, mostCold: c.count, expectedCold: c.count / 2}
		if i >= v.first && i <= v.last {
			between = between.merge(c)
		}
	}
	density := between.greatestDensity()
	for i := v.last + 1; i < len(cells); i++ {
		density = min(density, cells[i].greatestDensity())
		paths[i].mostHot, paths[i].expectedCold = min(cells[i].count, density*cells[i].width), cells[i].count
	}
	density = between.greatestDensity()
	for i := v.first - 1; i >= 0; i-- {
		density = min(density, cells[i].greatestDensity())
		paths[i].mostCold, paths[i].expectedCold = min(cells[i].count, density*cells[i].width), 0
	}
	low, expected, high := 0.0, 0.0, 0.0
	for _, p := range paths {
		low += p.count - p.mostHot
		high += p.mostCold
		expected += p.expectedCold
	}
	total := d.Requests()
	high = min(high, total)
	low = min(low, high)
	expected = min(max(expected, low), high)
	s := Split{Bound: Estimated, Valley: Bucket{Lower: cells[v.first].lower, Upper: cells[v.last].upper, Count: between.count}}
	s.ColdCounted = Estimate{Value: expected / total, Lower: low / total, Upper: high / total}
	s.Cold.Value = expected / total
	if max(high-expected, expected-low) > mostUncertainShare*total || high-low > mostUncertainPart*expected {
		s.Bound, s.Cold.Value = AtLeast, low/total
	}
	s.Cold.Lower, _ = wilson(low, total, confidence99)
	_, s.Cold.Upper = wilson(high, total, confidence99)
	s.Cold.Lower, s.Cold.Upper = min(s.Cold.Lower, s.Cold.Value), max(s.Cold.Upper, s.Cold.Value)
	s.HotPath, s.ColdPath = d.paths(paths)
	return s
}
