package query

import (
	"context"
	"fmt"
	"slices"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// sparseChecks is how often over a range it is looked at what changes seldom.
const sparseChecks = 10

// sparsely executes a plan about things that change seldom: who serves what, the bounds of histograms.
func (r *signalRun) sparsely(ctx context.Context, n plan.Node) (series.Result, error) {
	if r.Instant {
		return r.execute(ctx, n)
	}
	sparse := r.points()
	sparse.Step = max(sparse.Step, sparse.End.Sub(sparse.Start)/sparseChecks)
	return r.Store.Range(ctx, n, sparse)
}

// together finds the profiles whose metrics are on one page, such as those of a platform and of the engine that it runs.
func (r *signalRun) together(ctx context.Context) (func(a, b *profile.Profile) bool, error) {
	pages := map[*profile.Profile][]string{}
	for _, p := range r.present {
		sameLayer := func(other *profile.Profile) bool { return other != p && other.Layer == p.Layer }
		if !slices.ContainsFunc(r.present, sameLayer) {
			continue
		}
		var detectedBy []plan.Select
		for _, metric := range p.Detect {
			if r.available(metric) {
				detectedBy = append(detectedBy, plan.Select{Metric: metric})
			}
		}
		instances, err := r.Store.LabelValues(ctx, p.Labels[signal.Replica], detectedBy, r.Range.From, r.Range.To, 0)
		if err != nil {
			return nil, err
		}
		pages[p] = instances
	}
	return func(a, b *profile.Profile) bool {
		return slices.ContainsFunc(pages[a], func(page string) bool { return slices.Contains(pages[b], page) })
	}, nil
}

// interpret makes of what a part's plan answered series with the project's labels, each with where it comes from.
func (r *signalRun) interpret(ctx context.Context, p profile.Part, result partResult) ([]analysis.Series, error) {
	all := result.Series
	if p.Separate != nil {
		var added []signal.Label
		all, added = analysis.Separate(all, p.Separate, r.query.GroupBy)
		if len(added) > 0 {
			r.warn(fmt.Sprintf("One series per %[2]s: the server reports finished percentiles (%[1]s), which cannot be merged.", p.Statistic, JoinLabels(added)))
		}
	}
	provenanceOf, err := r.provenance(ctx, p)
	if err != nil {
		return nil, err
	}
	out := make([]analysis.Series, len(all))
	for i, s := range all {
		out[i] = analysis.Series{Series: s, Statistic: p.Statistic, Others: p.Others, Provenance: provenanceOf(s.Labels), Executed: result.text}
		if result.newest != nil {
			out[i].Newest = &result.newest[i]
		}
	}
	return out, nil
}

// provenance tells for the labels of each of a part's series which of the sources it is made of.
func (r *signalRun) provenance(ctx context.Context, p profile.Part) (func(labels map[string]string) []series.Provenance, error) {
	all := p.Provenance(r.available)
	if len(p.Sources) < 2 || p.Others {
		return func(map[string]string) []series.Provenance { return all }, nil
	}
	byGroup := map[string][]series.Provenance{}
	for i, s := range p.Sources {
		if s.Evidence == nil {
			continue
		}
		evidence, err := r.sparsely(ctx, s.Evidence)
		if err != nil {
			return nil, err
		}
		for _, e := range evidence.Series {
			key := analysis.Key(e.Labels, p.By)
			byGroup[key] = append(byGroup[key], all[i])
		}
	}
	return func(labels map[string]string) []series.Provenance {
		if some := byGroup[analysis.Key(labels, p.By)]; len(some) > 0 {
			return some
		}
		return all // what came and went between two checks
	}, nil
}
