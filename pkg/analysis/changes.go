package analysis

import (
	"slices"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// Change is a level that was From at the time Before and is To at Time (unix milliseconds).
type Change struct {
	Before, Time int64
	From, To     float64
}

// Changes finds where a level changes, gaps left out. What begins after the range does, or again after a gap of more than two
// steps, is looked at only once it has lasted for settle: targets are not scraped for the first time all at once.
func Changes(s series.Series, step, settle time.Duration, rangeStart int64) []Change {
	var out []Change
	previous, began := -1, rangeStart-settle.Milliseconds()
	for i, t := range s.Times {
		if (i == 0 && t > rangeStart) || (i > 0 && t-s.Times[i-1] > 2*step.Milliseconds()) {
			began = t
		}
		if t-began < settle.Milliseconds() {
			continue
		}
		if previous >= 0 && s.Values[previous] != s.Values[i] {
			out = append(out, Change{Before: s.Times[previous], Time: t, From: s.Values[previous], To: s.Values[i]})
		}
		previous = i
	}
	return out
}

// Falls are the changes of a counter to less than it was, gaps left out.
func Falls(s series.Series) []Change {
	return slices.DeleteFunc(Changes(s, 0, 0, 0), func(c Change) bool { return c.To >= c.From })
}

// BeganAgain says whether all counters of one server are lower than they were: of those that are there at both times and had
// counted something, at least one. A model that is unloaded takes only its own away.
func BeganAgain(before, after []series.Series) bool {
	now := map[string]float64{}
	for _, s := range after {
		now[allLabels(s.Labels)] = s.Values[len(s.Values)-1]
	}
	fell := false
	for _, s := range before {
		was := s.Values[len(s.Values)-1]
		is, there := now[allLabels(s.Labels)]
		switch {
		case !there || was == 0:
		case is >= was:
			return false
		default:
			fell = true
		}
	}
	return fell
}
