package plugin

import (
	"context"
	"fmt"
	"strings"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// histogramLabels tell one histogram from another.
var histogramLabels = []signal.Label{signal.Environment, signal.Deployment, signal.Model, signal.Version, signal.Replica}

// partAnswer is what a part's plan answered.
type partAnswer struct {
	promql.Answer
	// newest is what is certain about each series' newest value, where it is a quantile of a histogram.
	newest []analysis.Estimate
	// text is what was run.
	text string
}

// executePart runs a part's plan.
func (r *signalRun) executePart(ctx context.Context, p profile.Part) (partAnswer, error) {
	if len(p.Buckets) > 0 {
		return r.executeQuantile(ctx, p)
	}
	answer, err := r.execute(ctx, p.Plan)
	answer.Series = analysis.Finite(answer.Series)
	return partAnswer{Answer: answer, text: promql.Text(p.Plan, r.span())}, err
}

// executeQuantile takes a quantile over histograms. Where all that are merged have the same bounds the store does it, else
// their buckets are fetched and merged here, each layout for itself.
func (r *signalRun) executeQuantile(ctx context.Context, p profile.Part) (partAnswer, error) {
	if len(p.Buckets) == 1 {
		layouts, err := r.layouts(ctx, p)
		if err != nil {
			return partAnswer{}, err
		}
		if !layouts.Mixed {
			return r.storeQuantile(ctx, p, layouts)
		}
	}
	q, _ := p.Statistic.Quantile()
	merged := analysis.NewBucketQuantile(q)
	out := partAnswer{}
	texts := []string{"# Bucket bounds differ, so the buckets are merged by the plugin:"}
	for _, b := range p.Buckets {
		rates, err := r.execute(ctx, b.Rates)
		if err != nil {
			return partAnswer{}, err
		}
		merged.Add(rates.Series, p.By, histogramLabels, b.Factor)
		out.Warnings = append(out.Warnings, rates.Warnings...)
		texts = append(texts, promql.Text(b.Rates, r.span()))
	}
	out.Series, out.newest = merged.Series()
	out.text = strings.Join(texts, "\n")
	return out, nil
}

func (r *signalRun) layouts(ctx context.Context, p profile.Part) (analysis.Layouts, error) {
	counts, err := r.sparsely(ctx, p.Buckets[0].Layout)
	if err != nil {
		return analysis.Layouts{}, err
	}
	return analysis.NewLayouts(counts.Series, p.By, p.Buckets[0].Factor), nil
}

func (r *signalRun) storeQuantile(ctx context.Context, p profile.Part, layouts analysis.Layouts) (partAnswer, error) {
	answer, err := r.execute(ctx, p.Plan)
	if err != nil {
		return partAnswer{}, err
	}
	answer.Series = analysis.Finite(answer.Series)
	out := partAnswer{Answer: answer, text: promql.Text(p.Plan, r.span())}
	for _, s := range answer.Series {
		out.newest = append(out.newest, layouts.Estimate(analysis.Key(s.Labels, p.By), s.Values[len(s.Values)-1]))
	}
	return out, nil
}

// warnOfSaturation names the series whose quantile is beyond what the histogram can tell.
func (r *signalRun) warnOfSaturation(p profile.Part, answered []analysis.Series) {
	var beyond []analysis.Series
	for _, s := range answered {
		if s.Newest != nil && s.Newest.Saturated() {
			beyond = append(beyond, s)
		}
	}
	if len(beyond) > 0 {
		r.warn(fmt.Sprintf("%s is at least what is shown (%s): it lies beyond the histogram's last bound of %g %s.",
			p.Statistic, describeGroups(beyond, r.query.GroupBy), beyond[0].Newest.Lower, r.query.Signal.Unit))
	}
}
