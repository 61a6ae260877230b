// Package analysis makes of the series that executors answer what a query asked for.
package analysis

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/coldhit/modelserving-datasource/pkg/distribution"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Series is one series of an answer, its labels under the project's names.
type Series struct {
	series.Series
	Statistic signal.Statistic
	// Others is set on the series that stands for all groups beyond the query's limit.
	Others     bool
	Provenance []series.Provenance
	// Executed is what was run for it.
	Executed string
	// Newest is what is certain about the newest value, where it is a quantile of a histogram.
	Newest *distribution.Estimate
	// Interval is how far the newest value may be off, where it is an estimate or a bound.
	Interval *Interval
}

// Interval is what is known about a value that nothing counts: its bounds, and whether the value is an estimate between them
// or one of them.
type Interval struct {
	distribution.Estimate
	Bound distribution.Bound
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
// Every series needs a sample. It returns the labels that had to be added to the query's.
func Separate(in []series.Series, identity map[string]signal.Label, groupBy []signal.Label) (out []series.Series, added []signal.Label) {
	for _, group := range grouped(named(in, identity), groupBy) {
		if !overlap(group) {
			out = append(out, withLabels(joined(group), groupBy))
			continue
		}
		needed := distinguishing(group, groupBy)
		keep := union(groupBy, needed)
		added = union(added, needed)
		for _, member := range grouped(group, keep) {
			if !overlap(member) {
				member = []series.Series{joined(member)}
			}
			for _, s := range member {
				out = append(out, withLabels(s, keep))
			}
		}
	}
	return out, added
}

// named gives series the project's labels, and those alone.
func named(in []series.Series, identity map[string]signal.Label) []series.Series {
	out := make([]series.Series, len(in))
	for i, s := range in {
		labels := map[string]string{}
		for theirs, ours := range identity {
			if v := s.Labels[theirs]; v != "" {
				labels[string(ours)] = v
			}
		}
		out[i] = series.Series{Labels: labels, Times: s.Times, Values: s.Values}
	}
	return out
}

// grouped puts series together that agree in labels, in the order of their first ones; each group by time.
func grouped(in []series.Series, by []signal.Label) [][]series.Series {
	var groups [][]series.Series
	place := map[string]int{}
	for _, s := range in {
		key := Key(s.Labels, by)
		i, known := place[key]
		if !known {
			i = len(groups)
			place[key] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], s)
	}
	for _, group := range groups {
		slices.SortStableFunc(group, func(a, b series.Series) int { return cmp.Compare(a.Times[0], b.Times[0]) })
	}
	return groups
}

// overlap says whether a series of a group that is sorted by time begins before another one has ended.
func overlap(group []series.Series) bool {
	for i := 1; i < len(group); i++ {
		before := group[i-1].Times
		if before[len(before)-1] >= group[i].Times[0] {
			return true
		}
	}
	return false
}

// joined makes one series of those that follow one another.
func joined(group []series.Series) series.Series {
	if len(group) == 1 {
		return group[0]
	}
	out := series.Series{Labels: group[0].Labels}
	for _, s := range group {
		out.Times = append(out.Times, s.Times...)
		out.Values = append(out.Values, s.Values...)
	}
	return out
}

// Key tells groups apart: the values of the labels, in their order.
func Key(labels map[string]string, by []signal.Label) string {
	values := make([]string, len(by))
	for i, l := range by {
		values[i] = labels[string(l)]
	}
	return strings.Join(values, "\x00")
}

// distinguishing lists labels that tell series of a group apart which exist at the same time, as few as it takes in the
// order of all labels.
func distinguishing(group []series.Series, groupBy []signal.Label) []signal.Label {
	var out []signal.Label
	for _, l := range signal.Labels {
		if !slices.ContainsFunc(group, func(s series.Series) bool { return s.Labels[string(l)] != group[0].Labels[string(l)] }) {
			continue
		}
		out = append(out, l)
		if !slices.ContainsFunc(grouped(group, union(groupBy, out)), overlap) {
			break
		}
	}
	return out
}

// union lists a's labels and those of b that a lacks.
func union(a, b []signal.Label) []signal.Label {
	out := slices.Clone(a)
	for _, l := range b {
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

func withLabels(s series.Series, keep []signal.Label) series.Series {
	labels := map[string]string{}
	for _, l := range keep {
		if v, ok := s.Labels[string(l)]; ok {
			labels[string(l)] = v
		}
	}
	return series.Series{Labels: labels, Times: s.Times, Values: s.Values}
}

// Missing lists the series of fallback whose group has none in have. The series for all other groups is a group of its own.
func Missing(have, fallback []Series, by []signal.Label) []Series {
	type group struct {
		key    string
		others bool
	}
	there := map[group]bool{}
	for _, s := range have {
		there[group{Key(s.Labels, by), s.Others}] = true
	}
	return slices.DeleteFunc(slices.Clone(fallback), func(s Series) bool { return there[group{Key(s.Labels, by), s.Others}] })
}
