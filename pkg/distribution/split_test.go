package distribution

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func reasonOf(err error) Reason {
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		return ""
	}
	return refusal.Reason
}

// outcome counts what became of many splits of which the truth is known.
type outcome struct {
	runs, estimated, atLeast int
	coveredShare             int     // the interval has the probability with which requests were cold
	coveredRequests          int     // the interval has the share of those that were
	atLeastTrue              int     // no more is said to be cold than was
	worstEstimate            float64 // off the share of those that were
	quantiles, quantilesTrue int     // of hot and cold, within their bounds
	reasons                  map[Reason]int
}

func (o outcome) answered() int { return o.estimated + o.atLeast }

func (o *outcome) add(other outcome) {
	o.runs += other.runs
	o.estimated += other.estimated
	o.atLeast += other.atLeast
	o.coveredShare += other.coveredShare
	o.coveredRequests += other.coveredRequests
	o.atLeastTrue += other.atLeastTrue
	o.worstEstimate = max(o.worstEstimate, other.worstEstimate)
	o.quantiles += other.quantiles
	o.quantilesTrue += other.quantilesTrue
	if o.reasons == nil {
		o.reasons = map[Reason]int{}
	}
	for reason, n := range other.reasons {
		o.reasons[reason] += n
	}
}

func percentage(n, of int) string {
	if of == 0 {
		return "   -"
	}
	return fmt.Sprintf("%3.0f%%", 100*float64(n)/float64(of))
}

func (o outcome) String() string {
	var reasons []string
	for _, reason := range slices.Sorted(maps.Keys(o.reasons)) {
		reasons = append(reasons, fmt.Sprintf("%s %s", reason, strings.TrimSpace(percentage(o.reasons[reason], o.runs))))
	}
	return fmt.Sprintf("%s %s %s | %s %s %s %s %5.2f | %s",
		percentage(o.estimated, o.runs), percentage(o.atLeast, o.runs), percentage(o.runs-o.answered(), o.runs),
		percentage(o.coveredShare, o.answered()), percentage(o.coveredRequests, o.answered()),
		percentage(o.atLeastTrue, o.atLeast), percentage(o.quantilesTrue, o.quantiles), 100*o.worstEstimate,
		strings.Join(reasons, ", "))
}

func (o *outcome) take(t *testing.T, l layout, hots, colds []float64, share float64) {
	t.Helper()
	o.runs++
	if o.reasons == nil {
		o.reasons = map[Reason]int{}
	}
	s, err := l.distribution(t, slices.Concat(hots, colds)).Split()
	if err != nil {
		require.NotEmpty(t, reasonOf(err), err)
		o.reasons[reasonOf(err)]++
		return
	}
	within := func(e Estimate, x float64) int {
		if e.Lower <= x && x <= e.Upper {
			return 1
		}
		return 0
	}
	realised := float64(len(colds)) / float64(len(hots)+len(colds))
	o.coveredShare += within(s.Cold, share)
	o.coveredRequests += within(s.Cold, realised)
	if s.Bound == Estimated {
		o.estimated++
		o.worstEstimate = max(o.worstEstimate, math.Abs(s.Cold.Value-realised))
	} else {
		o.atLeast++
		if s.Cold.Value <= realised {
			o.atLeastTrue++
		}
	}
	for _, q := range []float64{.5, .95} {
		for path, latencies := range map[*Distribution][]float64{&s.HotPath: hots, &s.ColdPath: colds} {
			e, ok := path.Quantile(q)
			require.True(t, ok)
			require.True(t, e.Lower <= e.Value && e.Value <= e.Upper, e)
			o.quantiles++
			if len(latencies) > 0 {
				o.quantilesTrue += within(e, quantileOf(latencies, q))
			}
		}
	}
}

// Over cold shares from 0.1 % to 50 %, separations from 2 to 100 times and the buckets of real servers, an answer holds the
// truth. With -v, a table says how often there is an answer.
func TestSplitHoldsTheTruth(t *testing.T) {
	shares := []float64{.001, .005, .01, .05, .2, .5}
	separations := []float64{2, 3, 5, 10, 30, 100}
	runsOf := map[int]int{300: 50, 3000: 20, 30000: 3}
	hotMedian := map[string]float64{"vLLM": .6, "Triton": .05}
	t.Log("estimated, at least, refused | interval covers probability, requests; at least is true; quantiles within bounds; worst estimate in points | reasons")
	for _, l := range layouts {
		median, ok := hotMedian[l.name]
		if !ok {
			median = .02
		}
		r := rand.New(rand.NewPCG(5, uint64(len(l.name))))
		hot := lognormal(median, .3)
		bySeparation, byShare, bySize := map[float64]*outcome{}, map[float64]*outcome{}, map[int]*outcome{}
		var all outcome
		for _, n := range slices.Sorted(maps.Keys(runsOf)) {
			bySize[n] = &outcome{}
			for _, share := range shares {
				for _, separation := range separations {
					for _, cold := range []sampler{lognormal(median*separation, .3), waiting(2*median*separation, hot)} {
						var o outcome
						for range runsOf[n] {
							hots, colds := mixture(r, n, hot, cold, share)
							o.take(t, l, hots, colds, share)
						}
						if bySeparation[separation] == nil {
							bySeparation[separation] = &outcome{}
						}
						if byShare[share] == nil {
							byShare[share] = &outcome{}
						}
						bySeparation[separation].add(o)
						byShare[share].add(o)
						bySize[n].add(o)
						all.add(o)
					}
				}
			}
		}
		for _, separation := range separations {
			t.Logf("%-19s %6gx     %s", l.name, separation, bySeparation[separation])
		}
		for _, share := range shares {
			t.Logf("%-19s %6g%%     %s", l.name, share*100, byShare[share])
			requireTruth(t, *byShare[share])
		}
		for _, n := range slices.Sorted(maps.Keys(bySize)) {
			t.Logf("%-19s %6d req. %s", l.name, n, bySize[n])
			requireTruth(t, *bySize[n])
		}
		for _, o := range bySeparation {
			requireTruth(t, *o)
		}
		require.Greater(t, all.answered(), all.runs/10, "%s is hardly ever answered", l.name)
	}
}

func requireTruth(t *testing.T, o outcome) {
	t.Helper()
	const least = .95
	require.GreaterOrEqual(t, float64(o.coveredShare), least*float64(o.answered()), "the interval misses the probability of a cold request: %s", o)
	require.GreaterOrEqual(t, float64(o.coveredRequests), least*float64(o.answered()), "the interval misses the cold requests: %s", o)
	require.GreaterOrEqual(t, float64(o.atLeastTrue), least*float64(o.atLeast), "a lower bound is too high: %s", o)
	require.GreaterOrEqual(t, float64(o.quantilesTrue), least*float64(o.quantiles), "a quantile of hot or cold is out of its bounds: %s", o)
	require.LessOrEqual(t, o.worstEstimate, mostUncertainShare, "an estimate is further off than it may be: %s", o)
}

// A long tail is not a second mode, whatever the form of the one.
func TestOneModeIsNotSplit(t *testing.T) {
	const runs = 60
	forms := map[string]sampler{
		"exponential": func(r *rand.Rand) float64 { return .1 * r.ExpFloat64() },
		"Weibull 0.5": func(r *rand.Rand) float64 { return .05 * math.Pow(r.ExpFloat64(), 2) },
		"Pareto 1":    func(r *rand.Rand) float64 { return .02 / (1 - r.Float64()) },
		"Pareto 2.5":  func(r *rand.Rand) float64 { return .02 * math.Pow(1-r.Float64(), -.4) },
		"gamma 3":     func(r *rand.Rand) float64 { return .02 * (r.ExpFloat64() + r.ExpFloat64() + r.ExpFloat64()) },
		"uniform":     func(r *rand.Rand) float64 { return 2 * r.Float64() },
		"queue": func(r *rand.Rand) float64 { // an M/M/1 queue's wait, half of the requests, and a service time
			wait := 0.0
			if r.Float64() < .5 {
				wait = .1 * r.ExpFloat64()
			}
			return wait + lognormal(.04, .2)(r)
		},
	}
	for _, spread := range []float64{.1, .3, .6, 1, 1.4, 2} {
		forms[fmt.Sprintf("lognormal %g", spread)] = lognormal(.05, spread)
	}
	runsInAll, alarms := 0, 0
	for _, form := range slices.Sorted(maps.Keys(forms)) {
		r := rand.New(rand.NewPCG(7, uint64(len(form))))
		seen := 0
		for _, l := range layouts {
			for _, n := range []int{50, 500, 5000} {
				for range runs {
					runsInAll++
					if _, err := l.distribution(t, draw(r, n, forms[form])).Split(); err == nil {
						seen++
					}
				}
			}
		}
		t.Logf("%-15s %d of %d taken for two modes", form, seen, runs*len(layouts)*3)
		alarms += seen
	}
	require.LessOrEqual(t, float64(alarms), falseAlarms*float64(runsInAll), "%d of %d", alarms, runsInAll)
}

func TestSplitRefusesWithAReason(t *testing.T) {
	inf := math.Inf(1)
	defaults := []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, inf}
	for name, c := range map[string]struct {
		bounds, counts []float64
		reason         Reason
		says           string
	}{
		"nothing":              {defaults, make([]float64, 12), TooFewRequests, "there are none"},
		"few requests":         {defaults, []float64{0, 0, 0, 12, 0, 0, 0, 0, 9, 0, 0, 0}, TooFewRequests, "with 6 buckets, two modes of 13 requests each"},
		"one bucket":           {defaults, []float64{0, 0, 0, 900, 0, 0, 0, 0, 0, 0, 0, 0}, TooFewBuckets, "number of buckets that the requests span is 1;"},
		"microseconds":         {defaults, []float64{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 900}, TooFewBuckets, "100 % of the requests are beyond the last bound, 10;"},
		"one mode":             {defaults, []float64{0, 0, 100, 500, 300, 100, 50, 20, 10, 5, 2, 1}, OneMode, "no valley"},
		"cold beyond bounds":   {defaults, []float64{0, 0, 100, 500, 100, 0, 0, 0, 0, 0, 0, 80}, SecondModeOpen, "10 % of the requests took longer than the last bound, 10,"},
		"cached, hot and cold": {defaults, []float64{500, 0, 0, 900, 0, 0, 0, 0, 300, 0, 0, 0}, ManyModes, "another valley"},
		"one wide bucket":      {[]float64{.1, .2, 2, 3, inf}, []float64{900, 900, 300, 150, 0}, ValleyTooWide, "the one bucket from 0.2 to 2 has"},
		"two close kinds":      {[]float64{.1, .12, .16, .18, inf}, []float64{900, 900, 0, 900, 0}, ModesTooClose, "differ by less than 2 times"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := increments(t, c.bounds, c.counts).Split()
			require.Equal(t, c.reason, reasonOf(err), err)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestSplitAtAnEmptyValleyIsTheShareAboveIt(t *testing.T) {
	d := increments(t, []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, math.Inf(1)}, []float64{3000, 6000, 500, 0, 0, 0, 200, 300, 0})
	s, err := d.Split()
	require.NoError(t, err)
	require.Equal(t, Estimated, s.Bound)
	require.InDelta(t, .05, s.Cold.Value, 1e-12)
	require.Equal(t, Bucket{Lower: .1, Upper: 1, Count: 0}, s.Valley)
	require.Equal(t, 500., s.ColdPath.Requests())
	require.Equal(t, 9500., s.HotPath.Requests())
	hot, _ := s.HotPath.Quantile(.5)
	require.Equal(t, []float64{.025, .05}, []float64{hot.Lower, hot.Upper})
	cold, _ := s.ColdPath.Quantile(.5)
	require.Equal(t, []float64{2.5, 5}, []float64{cold.Lower, cold.Upper})
	t.Log(s.Cold, s.ColdCounted, hot, cold)
}

func TestSplitOfLayoutsTogether(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var parts []Distribution
	colds := 0
	for i, l := range []layout{layouts[0], layouts[2], layouts[4]} {
		hot, cold := mixture(r, 5000, lognormal(.02, .3), lognormal(2, .3), .1)
		colds += len(cold)
		parts = append(parts, l.distribution(t, slices.Concat(hot, cold)))
		require.Equal(t, 5000., parts[i].Requests())
	}
	s, err := Sum(parts...).Split()
	require.NoError(t, err)
	require.Equal(t, Estimated, s.Bound)
	require.InDelta(t, float64(colds)/15000, s.Cold.Value, .001)
}

func TestSplitWithRequestsOfNoDuration(t *testing.T) {
	// Native histograms count them in a bucket around 0, endlessly far from everything else on a logarithmic scale.
	d, err := FromBuckets([]Bucket{{-1e-128, 1e-128, 60}, {.02, .03, 500}, {.03, .04, 400}, {.04, .05, 100}})
	require.NoError(t, err)
	_, err = d.Split()
	require.Equal(t, OneMode, reasonOf(err), err)
}

func increments(t testing.TB, bounds, counts []float64) Distribution {
	t.Helper()
	cumulative := slices.Clone(counts)
	for i := 1; i < len(cumulative); i++ {
		cumulative[i] += cumulative[i-1]
	}
	d, err := FromCumulative(bounds, cumulative)
	require.NoError(t, err)
	return d
}
