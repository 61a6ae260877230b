package analysis

import (
	"maps"
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// Combine makes one series of those that stand for the same: the same statistic of the same group, answered by recipes whose
// numbers cannot be added up. At each time the first one counts that has a value. Contested lists the series for which
// several had one, so that what is shown is only a part of the truth.
func Combine(in []Series) (out, contested []Series) {
	type identity struct {
		key    string
		others bool
	}
	places := map[identity]int{}
	for _, s := range in {
		id := identity{string(s.Statistic) + "\x00" + allLabels(s.Labels), s.Others}
		i, known := places[id]
		if !known {
			places[id] = len(out)
			out = append(out, s)
			continue
		}
		filled, both := fill(out[i], s)
		if both && !slices.ContainsFunc(contested, func(c Series) bool { return c.Statistic == s.Statistic && maps.Equal(c.Labels, s.Labels) }) {
			contested = append(contested, filled)
		}
		out[i] = filled
	}
	return out, contested
}

func allLabels(labels map[string]string) string {
	key := ""
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		key += name + "\x00" + labels[name] + "\x00"
	}
	return key
}

// fill puts the points of more where s has none, and says whether both have one at some time.
func fill(s, more Series) (filled Series, both bool) {
	out := s
	out.Series = series.Series{Labels: s.Labels}
	i, j, added := 0, 0, false
	for i < len(s.Times) || j < len(more.Times) {
		switch {
		case j == len(more.Times) || (i < len(s.Times) && s.Times[i] <= more.Times[j]):
			if j < len(more.Times) && s.Times[i] == more.Times[j] {
				both = true
				j++
			}
			out.Times, out.Values = append(out.Times, s.Times[i]), append(out.Values, s.Values[i])
			i++
		default:
			out.Times, out.Values = append(out.Times, more.Times[j]), append(out.Values, more.Values[j])
			added = true
			j++
		}
	}
	if !added {
		return s, both
	}
	if n := len(s.Times); n == 0 || more.Times[len(more.Times)-1] > s.Times[n-1] {
		out.Newest, out.Interval = more.Newest, more.Interval
	}
	out.Provenance = append(slices.Clone(s.Provenance), more.Provenance...)
	return out, both
}
