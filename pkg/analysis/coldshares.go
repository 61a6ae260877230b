package analysis

import (
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// ColdShares makes of series by group and start, cold or hot, the share of the cold ones of each group. Where there is neither,
// there is no share.
func ColdShares(in []Series, by []signal.Label) []Series {
	type group struct {
		key    string
		others bool
	}
	cold, all := map[group]map[int64]float64{}, map[group]map[int64]float64{}
	whole := map[group]Series{}
	var order []group
	for _, s := range in {
		g := group{Key(s.Labels, by), s.Others}
		if all[g] == nil {
			all[g], cold[g] = map[int64]float64{}, map[int64]float64{}
			whole[g], order = s, append(order, g)
		}
		for i, t := range s.Times {
			all[g][t] += s.Values[i]
			if s.Labels[string(signal.Start)] == "cold" {
				cold[g][t] += s.Values[i]
			}
		}
	}
	var out []Series
	for _, g := range order {
		shares := map[int64]float64{}
		for t, n := range all[g] {
			if n > 0 {
				shares[t] = cold[g][t] / n
			}
		}
		s := whole[g]
		s.Series = series.Series{Labels: withLabels(s.Series, by).Labels}
		s.Times, s.Values = points(shares)
		if len(s.Times) > 0 {
			out = append(out, s)
		}
	}
	return out
}
