package analysis

import (
	"math"
	"slices"
	"strconv"

	"github.com/coldhit/modelserving-datasource/pkg/distribution"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// BoundLabel is the label that tells a histogram's buckets apart.
const BoundLabel = "le"

// Layouts are the bucket bounds of each group, by Key, in the signal's unit. Mixed says that the histograms of a group have
// different bounds, at one time or one after the other, so that their buckets cannot be summed.
type Layouts struct {
	Bounds map[string][]float64
	Mixed  bool
}

// NewLayouts reads how many histograms have each bucket bound, from series by the grouping labels and BoundLabel. A factor
// turns bounds into the signal's unit.
func NewLayouts(counts []series.Series, by []signal.Label, factor float64) Layouts {
	out := Layouts{Bounds: map[string][]float64{}}
	// How many histograms have a bound, by group and time.
	seen := map[string]map[int64][]float64{}
	for _, s := range counts {
		bound, ok := boundOf(s, factor)
		if !ok {
			continue
		}
		key := Key(s.Labels, by)
		out.Bounds[key] = append(out.Bounds[key], bound)
		if seen[key] == nil {
			seen[key] = map[int64][]float64{}
		}
		for i, t := range s.Times {
			seen[key][t] = append(seen[key][t], s.Values[i])
		}
	}
	for key, bounds := range out.Bounds {
		slices.Sort(bounds)
		for _, counted := range seen[key] {
			// With one layout, every bound is there at every time, and equally often.
			if len(counted) != len(bounds) || slices.Min(counted) != slices.Max(counted) {
				out.Mixed = true
			}
		}
	}
	return out
}

// Estimate says what is certain about a quantile that was taken of summed buckets of a group.
func (l Layouts) Estimate(group string, value float64) distribution.Estimate {
	bounds := l.Bounds[group]
	i, _ := slices.BinarySearch(bounds, value)
	// Prometheus answers the last finite bound where the quantile lies beyond it.
	if i >= len(bounds)-2 && len(bounds) > 1 && value >= bounds[len(bounds)-2] {
		return distribution.Estimate{Value: value, Lower: bounds[len(bounds)-2], Upper: math.Inf(1)}
	}
	if i >= len(bounds) {
		return distribution.Estimate{Value: value, Lower: math.NaN(), Upper: math.NaN()}
	}
	return distribution.Estimate{Value: value, Lower: startOf(bounds, i), Upper: bounds[i]}
}

func boundOf(s series.Series, factor float64) (float64, bool) {
	bound, err := strconv.ParseFloat(s.Labels[BoundLabel], 64)
	return bound * factor, err == nil && !math.IsNaN(bound)
}

// startOf is where the bucket that ends at a bound begins. As in Prometheus, the first one begins at 0, or at its own end
// where that is not above 0.
func startOf(bounds []float64, i int) float64 {
	if i == 0 {
		return min(0, bounds[0])
	}
	return bounds[i-1]
}
