package analysis

import (
	"math"

	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// AddNative takes in native histograms. They need the grouping labels and those that tell histograms apart. A factor turns
// their bounds into the signal's unit.
func (b *Buckets) AddNative(histograms []series.Histograms, by, apart []signal.Label, factor float64) {
	for _, h := range histograms {
		g := b.group(h.Labels, by)
		which := Key(h.Labels, apart) + "\x00native"
		for i, t := range h.Times {
			if g.histograms[t] == nil {
				g.histograms[t] = map[string][][2]float64{}
			}
			g.histograms[t][which] = cumulative(h.Histograms[i], factor)
		}
	}
}

// cumulative writes buckets as the weight up to each bound. Where nothing lies between two buckets the weight stays.
func cumulative(buckets []series.Bucket, factor float64) [][2]float64 {
	var out [][2]float64
	weight := 0.0
	for _, b := range buckets {
		if n := len(out); (n == 0 && b.Lower > 0) || (n > 0 && b.Lower*factor > out[n-1][0]) {
			out = append(out, [2]float64{b.Lower * factor, weight})
		}
		weight += b.Weight
		out = append(out, [2]float64{b.Upper * factor, weight})
	}
	if n := len(out); n > 0 && !math.IsInf(out[n-1][0], 1) {
		out = append(out, [2]float64{math.Inf(1), weight})
	}
	return out
}

// Within says in which bucket of its group's native histogram the newest value of a series lies; nothing is certain where
// there is none at that time.
func Within(histograms []series.Histograms, by []signal.Label, of series.Series, factor float64) Estimate {
	newest := len(of.Values) - 1
	out := Estimate{Value: of.Values[newest], Lower: math.NaN(), Upper: math.NaN()}
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
