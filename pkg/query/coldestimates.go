package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/distribution"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// withEstimatedColdHits adds, for the models of which nothing counts the cold hits, what their response times tell: of a
// histogram the share of requests above the empty valley between two modes, else of a summary's quantiles the least share. Only
// models by themselves are looked at: response times of several models together have several modes for other reasons.
func (r *signalRun) withEstimatedColdHits(ctx context.Context, counted []analysis.Series) ([]analysis.Series, error) {
	if !slices.Contains(r.query.GroupBy, signal.Model) && len(r.query.Filters[signal.Model]) != 1 {
		return counted, nil
	}
	split := &splitter{by: r.query.GroupBy, bounds: map[string]distribution.Bound{}}
	guessed, err := r.inSubquery("response_time", signal.P95, r.query.GroupBy, nil, func(o *signalRun) ([]analysis.Series, error) {
		return o.splitHistograms(ctx, split)
	})
	if err != nil {
		return nil, err
	}
	answer := slices.Concat(counted, r.missing(counted, guessed, "the two modes overlap"))
	guessed, err = r.inSubquery("response_time", signal.P95, r.query.GroupBy, nil, func(o *signalRun) ([]analysis.Series, error) {
		return o.readQuantiles(ctx)
	})
	if err != nil {
		return nil, err
	}
	answer = append(answer, r.missing(answer, guessed, "percentiles allow no more")...)
	if len(answer) == 0 && split.refused != "" {
		r.warn("The cold-hit rate cannot be estimated from response times: " + split.refused)
	}
	return answer, nil
}

// missing lists the guesses about models of which nothing better is known, and says in notices what they are.
func (r *signalRun) missing(known, guessed []analysis.Series, whyNoMore string) []analysis.Series {
	missing := analysis.Missing(known, guessed, r.query.GroupBy)
	ofBound := func(bound distribution.Bound) []analysis.Series {
		return slices.DeleteFunc(slices.Clone(missing), func(s analysis.Series) bool { return s.Interval.Bound != bound })
	}
	if estimates := ofBound(distribution.Estimated); len(estimates) > 0 {
		r.notices = appendNotice(r.notices, data.NoticeSeverityInfo, fmt.Sprintf("Cold-hit rate of %s: estimated from response times with two modes, with an interval.",
			describeGroups(estimates, r.query.GroupBy)))
	}
	if lower := ofBound(distribution.AtLeast); len(lower) > 0 {
		r.notices = appendNotice(r.notices, data.NoticeSeverityInfo, fmt.Sprintf("Cold-hit rate of %s: estimated from response times, a lower bound (%s).",
			describeGroups(lower, r.query.GroupBy), whyNoMore))
	}
	return missing
}

// splitHistograms estimates from the histograms of the query, which is one for response times.
func (r *signalRun) splitHistograms(ctx context.Context, split *splitter) (all []analysis.Series, err error) {
	for _, p := range r.compile(r.query) {
		if len(p.Buckets) == 0 || p.Others {
			continue
		}
		buckets, p, texts, err := r.distributions(ctx, p)
		if err != nil {
			return nil, err
		}
		r.executed = append(r.executed, "# "+p.Describe()+"\n"+strings.Join(texts, "\n"))
		shares, newest := buckets.Estimated(split.splitFunc)
		guessed, err := r.guesses(ctx, p, shares, newest, signal.TwoModes, split.boundOf)
		if err != nil {
			return nil, err
		}
		all = append(all, guessed...)
	}
	return all, nil
}

// readQuantiles takes bounds from the summaries of the query, which is one for response times.
func (r *signalRun) readQuantiles(ctx context.Context) (all []analysis.Series, err error) {
	r.query.Statistics = []signal.Statistic{signal.P50, signal.P90, signal.P95, signal.P99}
	type summary struct {
		profile.Part
		quantiles map[float64][]series.Series
	}
	var found []*summary
	for _, p := range r.compile(r.query) {
		if p.Separate == nil || p.Others {
			continue
		}
		answer, err := r.executePart(ctx, p)
		if err != nil {
			return nil, err
		}
		r.executed = append(r.executed, "# "+p.Describe()+"\n"+answer.text)
		for _, w := range answer.Warnings {
			r.warn(w)
		}
		same := func(s *summary) bool {
			return s.Sources[0].Profile == p.Sources[0].Profile && s.Sources[0].Recipe.Summary == p.Sources[0].Recipe.Summary
		}
		i := slices.IndexFunc(found, same)
		if i < 0 {
			i, found = len(found), append(found, &summary{p, map[float64][]series.Series{}})
		}
		q, _ := p.Statistic.Quantile()
		found[i].quantiles[q] = answer.Series
	}
	atLeast := func(map[string]string) distribution.Bound { return distribution.AtLeast }
	for _, s := range found {
		metric := s.Sources[0].Profile.Metrics[s.Sources[0].Recipe.Summary]
		shares, newest := analysis.LeastCold(s.quantiles, s.Separate, metric.RankError, r.query.GroupBy)
		part := s.Part
		part.Separate = nil // the shares have the project's labels
		guessed, err := r.guesses(ctx, part, shares, newest, signal.QuantilesJump, atLeast)
		if err != nil {
			return nil, err
		}
		all = append(all, guessed...)
	}
	return all, nil
}

// guesses makes an answer of shares that were estimated from a part's response times.
func (r *signalRun) guesses(ctx context.Context, p profile.Part, shares []series.Series, newest []distribution.Estimate, how signal.Derivation, boundOf func(labels map[string]string) distribution.Bound) ([]analysis.Series, error) {
	out, err := r.interpret(ctx, p, partResult{Result: series.Result{Series: shares}, text: strings.Join(r.executed, "\n\n")})
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Statistic = signal.Mean
		out[i].Interval = &analysis.Interval{Estimate: newest[i], Bound: boundOf(shares[i].Labels)}
		out[i].Provenance = slices.Clone(out[i].Provenance)
		for j := range out[i].Provenance {
			out[i].Provenance[j].Origin, out[i].Provenance[j].Recipe = series.Estimated, how.How
		}
	}
	return out, nil
}

// splitter splits distributions, and remembers which bound the newest share of each group is and why the first was refused.
type splitter struct {
	by      []signal.Label
	bounds  map[string]distribution.Bound
	refused string
}

func (s *splitter) boundOf(labels map[string]string) distribution.Bound {
	return s.bounds[analysis.Key(labels, s.by)]
}

func (s *splitter) splitFunc(labels map[string]string) func(distribution.Distribution) (distribution.Estimate, bool) {
	return func(of distribution.Distribution) (distribution.Estimate, bool) {
		split, err := of.Split()
		var refusal *distribution.Refusal
		if errors.As(err, &refusal) {
			if s.refused == "" {
				s.refused = strings.TrimSpace(labels[string(signal.Model)] + ": " + refusal.Error())
			}
			return distribution.Estimate{}, false
		}
		s.bounds[analysis.Key(labels, s.by)] = split.Bound
		return split.Cold, err == nil
	}
}
