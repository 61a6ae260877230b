package analysis

import (
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// rounding is how much less than the least rate may be seen of exactly as many requests: a rate is extrapolated.
const rounding = 0.02

// WithoutRare leaves out the points at which the rate of the same group, by these labels, is known and below the least.
func WithoutRare(in, rates []Series, by []signal.Label, least float64) []Series {
	known := map[string]Series{}
	for _, rate := range rates {
		if !rate.Others {
			known[Key(rate.Labels, by)] = rate
		}
	}
	var out []Series
	for _, s := range in {
		rate, counted := known[Key(s.Labels, by)]
		if s.Others || !counted {
			out = append(out, s)
			continue
		}
		var kept series.Series
		for i, t := range s.Times {
			if j, there := slices.BinarySearch(rate.Times, t); there && rate.Values[j] < least*(1-rounding) {
				continue
			}
			kept.Times, kept.Values = append(kept.Times, t), append(kept.Values, s.Values[i])
		}
		if n := len(kept.Times); n > 0 {
			if kept.Times[n-1] != s.Times[len(s.Times)-1] {
				s.Newest, s.Interval = nil, nil
			}
			kept.Labels = s.Labels
			s.Series = kept
			out = append(out, s)
		}
	}
	return out
}
