package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/distribution"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

const (
	coldHitRate = "cold_hit_rate"
	kindOfGuess = "estimated"
)

// withEstimatedColdHits adds, for the models of which nothing counts the cold hits, what their response times tell: the
// share of requests above the empty valley between two modes. Only models by themselves are split: response times of
// several models together have several modes for other reasons.
func (r *signalRun) withEstimatedColdHits(ctx context.Context, counted []analysis.Series) ([]analysis.Series, error) {
	if !slices.Contains(r.query.GroupBy, signal.Model) && len(r.query.Filters[signal.Model]) != 1 {
		return counted, nil
	}
	var refusals []string
	estimated, err := r.within("response_time", signal.P95, r.query.GroupBy, nil, func(o *signalRun) ([]analysis.Series, error) {
		var all []analysis.Series
		for _, p := range o.present.Compile(o.query, o.environ) {
			if len(p.Buckets) == 0 || p.Others {
				continue
			}
			buckets, _, texts, err := o.buckets(ctx, p)
			if err != nil {
				return nil, err
			}
			o.executed = append(o.executed, "# "+p.Describe()+"\n"+strings.Join(texts, "\n"))
			split := &splitting{}
			shares, newest := buckets.Estimated(split.of)
			guessed, err := o.interpret(ctx, p, partAnswer{Answer: promql.Answer{Series: shares}})
			if err != nil {
				return nil, err
			}
			for i := range guessed {
				guessed[i].Statistic, guessed[i].Interval = signal.Mean, &newest[i]
				guessed[i].Provenance = guesses(guessed[i].Provenance)
			}
			all = append(all, guessed...)
			refusals = append(refusals, split.refusals...)
		}
		return all, nil
	})
	if err != nil {
		return nil, err
	}
	missing := analysis.Missing(counted, estimated, r.query.GroupBy)
	if len(missing) > 0 {
		r.notices = appendNotice(r.notices, data.NoticeSeverityInfo, fmt.Sprintf("The cold-hit rate of %s is estimated, with an interval, from response times that have two modes.",
			describeGroups(missing, r.query.GroupBy)))
	}
	if len(counted)+len(missing) == 0 && len(refusals) > 0 {
		r.warn("The cold-hit rate cannot be estimated from the response times: " + refusals[0])
	}
	return append(counted, missing...), nil
}

// splitting splits distributions and remembers why it did not.
type splitting struct{ refusals []string }

func (s *splitting) of(labels map[string]string) func(distribution.Distribution) (distribution.Estimate, bool) {
	return func(of distribution.Distribution) (distribution.Estimate, bool) {
		split, err := of.Split()
		var refusal *distribution.Refusal
		if errors.As(err, &refusal) {
			if len(s.refusals) == 0 {
				s.refusals = append(s.refusals, strings.TrimSpace(labels[string(signal.Model)]+": "+refusal.Error()))
			}
			return distribution.Estimate{}, false
		}
		return split.Cold, err == nil
	}
}

// guesses says of the provenance of response times that a share was estimated from them.
func guesses(of []series.Provenance) []series.Provenance {
	out := slices.Clone(of)
	for i := range out {
		out[i].Kind = kindOfGuess
		out[i].Recipe = "the share of requests above the valley between the two modes of the response time; where the modes overlap, at least so many"
	}
	return out
}
