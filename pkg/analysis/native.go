package analysis

import (
	"math"

	"github.com/coldhit/modelserving-datasource/pkg/distribution"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// Within says in which bucket of its group's native histogram the newest value of a series lies; nothing is certain where
// there is none at that time.
func Within(histograms []series.Histograms, by []signal.Label, of series.Series, factor float64) distribution.Estimate {
	newest := len(of.Values) - 1
	out := distribution.Estimate{Value: of.Values[newest], Lower: math.NaN(), Upper: math.NaN()}
	for _, h := range histograms {
		if Key(h.Labels, by) != Key(of.Labels, by) || h.Times[0] != of.Times[newest] {
			continue
		}
		for _, b := range h.Histograms[0] {
			if lower, upper := b.Lower*factor, b.Upper*factor; lower <= out.Value && out.Value <= upper {
				out.Lower, out.Upper = max(lower, min(0, upper)), upper
			}
		}
	}
	return out
}
