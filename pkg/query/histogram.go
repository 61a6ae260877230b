package query

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/distribution"
	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// histogramLabels tell one histogram from another.
var histogramLabels = []signal.Label{signal.Environment, signal.Deployment, signal.Model, signal.Version, signal.Replica}

// partResult is what a part's plan answered.
type partResult struct {
	series.Result
	// newest is what is certain about each series' newest value, where it is a quantile of a histogram.
	newest []distribution.Estimate
	// text is what was run.
	text string
	// notRecorded says that recordings were not read after all.
	notRecorded bool
}

// executePart runs a part's plan.
func (r *signalRun) executePart(ctx context.Context, p profile.Part) (partResult, error) {
	if len(p.Buckets) > 0 {
		return r.executeQuantile(ctx, p)
	}
	answer, err := r.execute(ctx, p.Plan)
	answer.Series = analysis.Finite(answer.Series)
	return partResult{Result: answer, text: promql.Text(p.Plan, r.span())}, err
}

// layout is what one server has of a part's histograms, and by which bounds.
type layout struct {
	profile.Buckets
	series.Result
}

// layouts tells which of a part's histograms there are.
func (r *signalRun) layouts(ctx context.Context, p profile.Part) (there []layout, err error) {
	for _, b := range p.Buckets {
		answer, err := r.sparsely(ctx, b.Layout)
		if err != nil {
			return nil, err
		}
		if len(answer.Series) > 0 || len(answer.Histograms) > 0 {
			there = append(there, layout{b, answer})
		}
	}
	return there, nil
}

// executeQuantile takes a quantile over histograms. Where all that are merged have the same bounds, or are native, the store
// does it, else their buckets are fetched and merged here, each layout for itself.
func (r *signalRun) executeQuantile(ctx context.Context, p profile.Part) (partResult, error) {
	there, err := r.layouts(ctx, p)
	if err != nil {
		return partResult{}, err
	}
	if len(there) == 0 {
		return partResult{text: promql.Text(p.Plan, r.span())}, nil
	}
	first := there[0]
	if len(there) == 1 {
		if first.Native {
			return r.nativeQuantile(ctx, p, first.Buckets)
		}
		if bounds := analysis.NewLayouts(first.Series, p.By, first.Factor); !bounds.Mixed {
			return r.classicQuantile(ctx, p, first.Buckets, bounds)
		}
	}
	merged, warnings, texts, err := r.buckets(ctx, p)
	if err != nil {
		return partResult{}, err
	}
	q, _ := p.Statistic.Quantile()
	out := partResult{notRecorded: true, text: "# Bucket bounds differ, so the buckets are merged by the plugin:\n" + strings.Join(texts, "\n")}
	out.Warnings = warnings
	out.Series, out.newest = merged.Quantile(q)
	return out, nil
}

// classicQuantile takes a quantile of buckets that are the same in all histograms of a group.
func (r *signalRun) classicQuantile(ctx context.Context, p profile.Part, b profile.Buckets, layouts analysis.Layouts) (partResult, error) {
	answer, err := r.execute(ctx, b.Quantile)
	if err != nil {
		return partResult{}, err
	}
	answer.Series = analysis.Finite(answer.Series)
	out := partResult{Result: answer, text: promql.Text(b.Quantile, r.span())}
	for _, s := range answer.Series {
		out.newest = append(out.newest, layouts.Estimate(analysis.Key(s.Labels, p.By), s.Values[len(s.Values)-1]))
	}
	return out, nil
}

// nativeQuantile takes a quantile of native histograms, which the store merges whatever their buckets are.
func (r *signalRun) nativeQuantile(ctx context.Context, p profile.Part, b profile.Buckets) (partResult, error) {
	answer, err := r.execute(ctx, b.Quantile)
	if err != nil {
		return partResult{}, err
	}
	merged, err := r.Store.Instant(ctx, b.Layout, executor.Instant{At: r.newestTime(), Span: r.span()})
	if err != nil {
		return partResult{}, err
	}
	answer.Series = analysis.Finite(answer.Series)
	out := partResult{Result: answer, text: promql.Text(b.Quantile, r.span())}
	for _, s := range answer.Series {
		out.newest = append(out.newest, analysis.Within(merged.Histograms, p.By, s, b.Factor))
	}
	return out, nil
}

// window is what rates are taken over.
func (r *signalRun) window() time.Duration {
	if r.query.Window > 0 {
		return r.query.Window
	}
	return r.environ.Window
}

// newestTime is the time of the newest value of the result.
func (r *signalRun) newestTime() time.Time {
	if r.Instant {
		return r.Range.To
	}
	return r.Grid.End
}

// distributions are a part's histograms, merged by group, with what was run. They are made of recordings where the part reads any
// and all histograms have the same bounds; else each histogram's own buckets are read, and the part that is answered is of no recording.
func (r *signalRun) distributions(ctx context.Context, p profile.Part) (merged *analysis.Distributions, of profile.Part, texts []string, err error) {
	if len(p.Recorded) > 0 {
		there, err := r.layouts(ctx, p)
		if err != nil {
			return nil, p, nil, err
		}
		if len(there) == 1 && !there[0].Native && !analysis.NewLayouts(there[0].Series, p.By, there[0].Factor).Mixed {
			alike := there[0].Buckets
			alike.Rates = alike.Merged()
			p.Buckets = []profile.Buckets{alike}
		} else {
			p.Recorded = nil
		}
	}
	merged, _, texts, err = r.buckets(ctx, p)
	return merged, p, texts, err
}

// buckets fetches the buckets that a part's quantile is made of.
func (r *signalRun) buckets(ctx context.Context, p profile.Part) (merged *analysis.Distributions, warnings, texts []string, err error) {
	merged = analysis.NewDistributions()
	for _, b := range p.Buckets {
		rates, err := r.execute(ctx, b.Rates)
		if err != nil {
			return nil, nil, nil, err
		}
		// Increases, not rates: how many requests there were decides what is chance.
		weight := r.window().Seconds()
		merged.Add(rates.Series, p.By, histogramLabels, b.Factor, weight)
		merged.AddNative(rates.Histograms, p.By, b.Factor, weight)
		warnings = append(warnings, rates.Warnings...)
		texts = append(texts, promql.Text(b.Rates, r.span()))
	}
	return merged, warnings, texts, nil
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
		r.warn(fmt.Sprintf("%s of %s is a lower bound: it is beyond the histogram's last bucket bound (%g %s).",
			p.Statistic, describeGroups(beyond, r.query.GroupBy), beyond[0].Newest.Lower, r.query.Signal.Unit))
	}
}
