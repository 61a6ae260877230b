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

// BeganAgain says whether a server's counters of requests tell of a restart between two times: nothing that had counted something
// goes on. A model that is unloaded takes only its own counters away, and one that was loaded in between begins again by itself.
// So most have to begin again without a load, and as many as are gone; or else all of several were loaded and are there, which is
// how a restart looks to who watches their residency.
func BeganAgain(before, after []series.Series, loaded func(labels map[string]string) bool) bool {
	now := map[string]float64{}
	for _, s := range after {
		now[allLabels(s.Labels)] = s.Values[len(s.Values)-1]
	}
	again, byLoad, gone := 0, 0, 0
	for _, s := range before {
		was := s.Values[len(s.Values)-1]
		is, there := now[allLabels(s.Labels)]
		switch {
		case was == 0:
		case there && is >= was:
			return false
		case !there:
			gone++
		case loaded(s.Labels):
			byLoad++
		default:
			again++
		}
	}
	if again == 0 {
		return byLoad > 1 && gone == 0
	}
	return again > byLoad && again >= gone
}
