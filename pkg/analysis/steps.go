package analysis

import "github.com/coldhit/modelserving-datasource/pkg/series"

// Step is a rise of a counter, seen at a time (unix milliseconds).
type Step struct {
	Time int64
	Size float64
}

// Steps finds where a counter rises. A fall is a reset: what the counter shows after it has been counted since. A series
// that begins after its server was known (unix milliseconds) began at zero; what one showed when the server was seen for the first
// time was counted before, nobody knows when.
func Steps(s series.Series, known int64) []Step {
	var out []Step
	previous := 0.0
	for i, v := range s.Values {
		if i == 0 && s.Times[0] <= known {
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
