// Package analysis makes of the series that executors answer what a query asked for.
package analysis

import (
	"math"
	"slices"
	"strings"

	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Series is one series of an answer, its labels under the project's names.
type Series struct {
	series.Series
	Statistic signal.Statistic
	// Others is set on the series that stands for all groups beyond the query's limit.
	Others bool
}

// Finite drops what is not a number and what is infinite: a ratio without traffic, the quantile of an idle summary.
// Series without any value left are dropped too.
func Finite(in []series.Series) []series.Series {
	var out []series.Series
	for _, s := range in {
		kept := series.Series{Labels: s.Labels}
		for i, v := range s.Values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				kept.Times = append(kept.Times, s.Times[i])
				kept.Values = append(kept.Values, v)
			}
		}
		if len(kept.Values) > 0 {
			out = append(out, kept)
		}
	}
	return out
}

// Separate names the labels of series that cannot be merged as the project does, and leaves only those labels that the
// query groups by and those that are needed to tell series of one group apart. Series of a group that never exist at the
// same time, such as those of a replica and of the one that replaced it, are one after the other in one series.
// It returns the labels that had to be added to the query's.
func Separate(in []series.Series, identity map[string]signal.Label, groupBy []signal.Label) (out []series.Series, added []signal.Label) {
	named := make([]series.Series, len(in))
	groups := map[string][]int{}
	var order []string
	for i, s := range in {
		labels := map[string]string{}
		for theirs, ours := range identity {
			if v := s.Labels[theirs]; v != "" {
				labels[string(ours)] = v
			}
		}
		named[i] = series.Series{Labels: labels, Times: s.Times, Values: s.Values}
		key := Key(labels, groupBy)
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], i)
	}
	for _, key := range order {
		out = append(out, joinSuccessors(pick(named, groups[key]))...)
	}
	added = distinguishing(out, groupBy)
	keep := append(slices.Clone(groupBy), added...)
	for i := range out {
		out[i].Labels = only(out[i].Labels, keep)
	}
	return out, added
}

// Key tells groups apart: the values of the labels, in their order.
func Key(labels map[string]string, by []signal.Label) string {
	values := make([]string, len(by))
	for i, l := range by {
		values[i] = labels[string(l)]
	}
	return strings.Join(values, "\x00")
}

func pick(from []series.Series, indexes []int) []series.Series {
	out := make([]series.Series, len(indexes))
	for i, n := range indexes {
		out[i] = from[n]
	}
	return out
}

// joinSuccessors makes one series of those of which each begins after the one before has ended; others stay as they are.
func joinSuccessors(group []series.Series) []series.Series {
	if len(group) < 2 {
		return group
	}
	slices.SortStableFunc(group, func(a, b series.Series) int { return int(a.Times[0] - b.Times[0]) })
	joined := series.Series{Labels: group[0].Labels}
	for _, s := range group {
		if n := len(joined.Times); n > 0 && joined.Times[n-1] >= s.Times[0] {
			return group
		}
		joined.Times = append(joined.Times, s.Times...)
		joined.Values = append(joined.Values, s.Values...)
	}
	return []series.Series{joined}
}

// distinguishing lists the labels in which series of one group differ.
func distinguishing(all []series.Series, groupBy []signal.Label) []signal.Label {
	var out []signal.Label
	for _, l := range signal.Labels {
		if slices.Contains(groupBy, l) {
			continue
		}
		first := map[string]string{}
		for _, s := range all {
			key, v := Key(s.Labels, groupBy), s.Labels[string(l)]
			if before, ok := first[key]; ok && before != v {
				out = append(out, l)
				break
			}
			first[key] = v
		}
	}
	return out
}

func only(labels map[string]string, keep []signal.Label) map[string]string {
	out := map[string]string{}
	for _, l := range keep {
		if v, ok := labels[string(l)]; ok {
			out[string(l)] = v
		}
	}
	return out
}

// Missing lists the series of fallback whose group has none in have.
func Missing(have, fallback []Series, by []signal.Label) []Series {
	there := map[string]bool{}
	for _, s := range have {
		there[Key(s.Labels, by)] = true
	}
	return slices.DeleteFunc(slices.Clone(fallback), func(s Series) bool { return there[Key(s.Labels, by)] })
}
