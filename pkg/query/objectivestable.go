package query

import (
	"context"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/frames"
	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// objectivesQuery returns a table of objectives, with one row for each model that had traffic in the range or is in memory. An objective that
// a model does not have has no value.
func (e *Evaluator) objectivesQuery(ctx context.Context, r Request) (data.Frames, error) {
	r.Instant = true
	run, err := e.modelsRun(r, 0)
	if err != nil {
		return nil, err
	}
	if err := run.prepare(ctx); err != nil {
		return nil, err
	}
	requests, err := run.compute(ctx)
	if err != nil {
		return nil, err
	}
	resident, err := run.subquery(ctx, "models_resident", signal.Last, modelIdentity)
	if err != nil {
		return nil, err
	}
	table := frames.NewModelsTable(modelIdentity)
	models := slices.Concat(requests, resident)
	for _, c := range objective.Definitions {
		sig, _ := e.Catalogue.Find(c.Name)
		var held []analysis.Series
		for _, m := range models {
			labels := m.Labels
			o := e.Objectives.For(labels[string(signal.Environment)], labels[string(signal.Deployment)], labels[string(signal.Model)])
			if value := c.Target(o); value > 0 {
				held = append(held, analysis.Series{Series: series.Series{Labels: labels, Times: []int64{0}, Values: []float64{value}}})
			}
		}
		table.Add(sig, c.Statistic, held)
	}
	if err := run.explain(ctx, table.Rows() > 0); err != nil {
		return nil, err
	}
	return table.Frames("", run.notices), nil
}
