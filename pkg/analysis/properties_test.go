package analysis

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

type sample struct {
	time  int64
	value float64
}

func samples(all []series.Series) []sample {
	var out []sample
	for _, s := range all {
		for i := range s.Times {
			out = append(out, sample{s.Times[i], s.Values[i]})
		}
	}
	slices.SortFunc(out, func(a, b sample) int { return cmp.Compare(a.value, b.value) })
	return out
}

// randomSeries have identities of their own; each value occurs once, so that a lost or doubled one is found.
func randomSeries(r *rand.Rand) []series.Series {
	var all []series.Series
	known := map[string]bool{}
	next := 0.0
	for range r.IntN(12) {
		labels := set{"job": "j"}
		for _, name := range []string{"model", "version", "instance", "environment"} {
			if n := r.IntN(3); n > 0 {
				labels[name] = fmt.Sprint(n)
			}
		}
		if known[fmt.Sprint(labels)] {
			continue
		}
		known[fmt.Sprint(labels)] = true
		s := series.Series{Labels: labels}
		time := int64(r.IntN(20))
		for range r.IntN(10) + 1 {
			s.Times, s.Values = append(s.Times, time), append(s.Values, next)
			time += int64(r.IntN(5)) + 1
			next++
		}
		all = append(all, s)
	}
	return all
}

func TestSeparateLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5000) {
		r := rand.New(rand.NewPCG(seed, 3))
		in := randomSeries(r)
		var groupBy []signal.Label
		for _, l := range []signal.Label{signal.Environment, signal.Model, signal.Version, signal.Replica} {
			if r.IntN(2) == 0 {
				groupBy = append(groupBy, l)
			}
		}
		before := samples(in)
		out, added := Separate(in, tritonNames, groupBy)
		require.Equal(t, before, samples(out), "seed %d", seed)
		require.Equal(t, before, samples(in), "what was given stays as it was")
		seen := map[string]bool{}
		for _, s := range out {
			require.True(t, slices.IsSorted(s.Times) && len(slices.Compact(slices.Clone(s.Times))) == len(s.Times), "seed %d: %v", seed, s.Times)
			for l := range s.Labels {
				require.True(t, slices.Contains(groupBy, signal.Label(l)) || slices.Contains(added, signal.Label(l)), l)
			}
			key := fmt.Sprint(s.Labels)
			require.False(t, seen[key], "seed %d: two series %v", seed, s.Labels)
			seen[key] = true
		}
		for _, l := range added {
			require.NotContains(t, groupBy, l)
		}
	}
}

// The rises of a counter add up to all that it counted within the range.
func TestStepsAddUp(t *testing.T) {
	t.Parallel()
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 4))
		var s series.Series
		counted, shown := 0, 0
		for i := range r.IntN(50) {
			rise := r.IntN(3)
			if r.IntN(10) == 0 {
				shown, rise = 0, 0 // a reset that is seen; one that is outgrown between two samples cannot be
			}
			shown += rise
			if i > 0 {
				counted += rise
			}
			s.Times, s.Values = append(s.Times, int64(i)), append(s.Values, float64(shown))
		}
		total, before := 0.0, int64(-1)
		for _, step := range Steps(s, 0) {
			require.Positive(t, step.Size)
			require.Greater(t, step.Time, before)
			total, before = total+step.Size, step.Time
		}
		require.InDelta(t, counted, total, 0, "seed %d", seed)
	}
}
