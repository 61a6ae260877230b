package analysis

import (
	"cmp"
	"maps"
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/distribution"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Linear makes of every value v a + b·v, where a and b may depend on the series' labels.
func Linear(in []Series, of func(labels map[string]string) (a, b float64)) []Series {
	out := slices.Clone(in)
	for i, s := range out {
		a, b := of(s.Labels)
		values := make([]float64, len(s.Values))
		for j, v := range s.Values {
			values[j] = a + b*v
		}
		out[i].Values = values
		out[i].Newest = nil
		if e := s.Interval; e != nil {
			from, to := a+b*e.Lower, a+b*e.Upper
			bound := e.Bound
			if b < 0 {
				bound = bound.Complement()
			}
			out[i].Interval = &Interval{distribution.Estimate{Value: a + b*e.Value, Lower: min(from, to), Upper: max(from, to)}, bound}
		}
	}
	return out
}

// Quotients divides the series of of by those of to that have the same labels, at the times at which there is something to
// divide by.
func Quotients(of, to []Series, by []signal.Label) []Series {
	divisors := map[string]Series{}
	for _, d := range to {
		divisors[Key(d.Labels, by)] = d
	}
	var out []Series
	for _, s := range of {
		d := divisors[Key(s.Labels, by)]
		at := map[int64]float64{}
		for i, t := range s.Times {
			if j, there := slices.BinarySearch(d.Times, t); there && d.Values[j] > 0 {
				at[t] = s.Values[i] / d.Values[j]
			}
		}
		if len(at) == 0 {
			continue
		}
		s.Newest, s.Interval = nil, nil
		s.Times, s.Values = points(at)
		s.Provenance = addProvenance(slices.Clone(s.Provenance), d.Provenance)
		out = append(out, s)
	}
	return out
}

// Highest is, for each group and time, the highest value of its series.
func Highest(in []Series, by []signal.Label) []Series {
	type group struct {
		Series
		at map[int64]float64
	}
	groups := map[string]*group{}
	var order []string
	for _, s := range in {
		key := Key(s.Labels, by)
		g := groups[key]
		if g == nil {
			g = &group{Series: s, at: map[int64]float64{}}
			g.Series.Series = withLabels(s.Series, by)
			g.Provenance = nil
			g.Newest, g.Interval = nil, nil
			groups[key], order = g, append(order, key)
		}
		for i, t := range s.Times {
			if before, there := g.at[t]; !there || s.Values[i] > before {
				g.at[t] = s.Values[i]
			}
		}
		g.Provenance = addProvenance(g.Provenance, s.Provenance)
	}
	out := make([]Series, 0, len(order))
	for _, key := range order {
		g := groups[key]
		g.Times, g.Values = points(g.at)
		out = append(out, g.Series)
	}
	return out
}

// points lists values by time.
func points(at map[int64]float64) (times []int64, values []float64) {
	times = slices.Sorted(maps.Keys(at))
	for _, t := range times {
		values = append(values, at[t])
	}
	return times, values
}

// Top is at most n series, those with the highest newest values first.
func Top(in []Series, n int) []Series {
	out := slices.Clone(in)
	newest := func(s Series) float64 { return s.Values[len(s.Values)-1] }
	slices.SortStableFunc(out, func(a, b Series) int { return cmp.Compare(newest(b), newest(a)) })
	return out[:min(n, len(out))]
}

// addProvenance lists all of both, each once.
func addProvenance(to, more []series.Provenance) []series.Provenance {
	for _, p := range more {
		known := slices.ContainsFunc(to, func(o series.Provenance) bool {
			return o.Origin == p.Origin && o.Server == p.Server && o.Recipe == p.Recipe && slices.Equal(o.Metrics, p.Metrics)
		})
		if !known {
			to = append(to, p)
		}
	}
	return to
}

// Derived marks series as computed: how is put before each recipe of their numbers.
func Derived(in []Series, how string) []Series {
	out := slices.Clone(in)
	for i, s := range out {
		out[i].Provenance = slices.Clone(s.Provenance)
		for j := range out[i].Provenance {
			p := &out[i].Provenance[j]
			if p.Origin == series.Measured {
				p.Origin = series.Derived
			}
			if p.Recipe != "" {
				p.Recipe = how + "; " + p.Recipe
			} else {
				p.Recipe = how
			}
		}
	}
	return out
}
