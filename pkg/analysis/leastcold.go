package analysis

import (
	"cmp"
	"maps"
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/distribution"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// LeastCold is the least share of cold requests that the quantiles of summaries allow, for each group over time, and what is
// certain about the newest one. Quantiles are series by the quantile that they are of, under the store's names, and identity
// names their labels as the project does. RankError is by how much the share that a quantile stands for may be off. Summaries of one group, such as those of its replicas, are not merged: each
// tells a least share of its own requests, and together they have at least the lowest of these. There is none where one of them
// tells nothing.
func LeastCold(quantiles map[float64][]series.Series, identity map[string]signal.Label, rankError func(quantile float64) float64, by []signal.Label) (out []series.Series, newest []distribution.Estimate) {
	summaries := map[string]*summary{}
	for q, all := range quantiles {
		off := rankError(q)
		for _, s := range named(all, identity) {
			key := allLabels(s.Labels)
			if summaries[key] == nil {
				summaries[key] = &summary{labels: s.Labels, at: map[int64][]distribution.KnownQuantile{}}
			}
			for i, t := range s.Times {
				summaries[key].at[t] = append(summaries[key].at[t], distribution.KnownQuantile{Quantile: q, Value: s.Values[i], RankError: off})
			}
		}
	}
	groups := map[string][]*summary{}
	for _, key := range slices.Sorted(maps.Keys(summaries)) {
		group := Key(summaries[key].labels, by)
		groups[group] = append(groups[group], summaries[key])
	}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		if s, last, found := leastOfGroup(groups[key]); found {
			out, newest = append(out, withLabels(s, by)), append(newest, last)
		}
	}
	return out, newest
}

// summary is what one summary says over time.
type summary struct {
	labels map[string]string
	at     map[int64][]distribution.KnownQuantile
}

func leastOfGroup(group []*summary) (out series.Series, newest distribution.Estimate, found bool) {
	type bounds struct {
		distribution.Estimate
		unknown bool
	}
	at := map[int64]bounds{}
	for _, s := range group {
		for t, quantiles := range s.at {
			share, tells, err := distribution.LeastCold(quantiles)
			b, known := at[t]
			switch {
			case err != nil || !tells:
				b.unknown = true
			case !known:
				b.Estimate = share
			default:
				b.Lower, b.Upper = min(b.Lower, share.Lower), max(b.Upper, share.Upper)
				b.Value = b.Lower
			}
			at[t] = b
		}
	}
	maps.DeleteFunc(at, func(_ int64, b bounds) bool { return b.unknown })
	out.Labels = group[0].labels
	for _, t := range slices.SortedFunc(maps.Keys(at), cmp.Compare[int64]) {
		out.Times, out.Values = append(out.Times, t), append(out.Values, at[t].Value)
		newest = at[t].Estimate
	}
	return out, newest, len(at) > 0
}
