package analysis

import "github.com/coldhit/modelserving-datasource/pkg/series"

// Step is a rise of a counter, seen at a time (unix milliseconds).
type Step struct {
	Time int64
	Size float64
}

// Steps finds where a counter rises. A fall is a reset: what the counter shows after it has been counted since. A series
// that begins after the range does began at zero.
func Steps(s series.Series, rangeStart int64) []Step {
	var out []Step
	previous := 0.0
	for i, v := range s.Values {
		if i == 0 && s.Times[0] <= rangeStart {
			previous = v
			continue
		}
		rise := v - previous
		if rise < 0 {
			rise = v
		}
		if rise > 0 {
			out = append(out, Step{Time: s.Times[i], Size: rise})
		}
		previous = v
	}
	return out
}
