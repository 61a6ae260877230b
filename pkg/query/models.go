package query

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"golang.org/x/sync/errgroup"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/frames"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// modelColumns are what the table of models shows, in its order.
var modelColumns = []struct {
	signal    string
	statistic signal.Statistic
}{
	{"requests", signal.Rate}, {"error_rate", signal.Mean}, {"client_error_rate", signal.Mean},
	{"response_time", signal.P95}, {"response_time", signal.Mean}, {"inference_time", signal.Mean}, {"queue_time", signal.Mean},
	{"time_to_first_token", signal.P95}, {"concurrent_requests", signal.Mean}, {"replicas", signal.Last}, {"models_resident", signal.Last},
	{"cold_hit_rate", signal.Mean}, {signal.CacheHitRatio, signal.Mean}, {"response_cache_hit_ratio", signal.Mean}, {"prefix_cache_hit_ratio", signal.Mean}, {"kv_cache_usage", signal.Last},
	{"model_memory", signal.Last}, {signal.ModelGPUUtilization, signal.Mean}, {"prediction_staleness", signal.Last}, {signal.SLOViolation, signal.Mean},
}

// modelIdentity tells the rows apart.
var modelIdentity = []signal.Label{signal.Environment, signal.Deployment, signal.Model}

// modelsQuery answers a table with one row a model: rates, ratios and means over the whole range, levels as they are at its
// end. A column that nothing there reports is left out.
func (e *Evaluator) modelsQuery(ctx context.Context, r Request) (data.Frames, error) {
	r.Instant = true
	first, err := e.modelsRun(r, 0)
	if err != nil {
		return nil, err
	}
	if err := first.prepare(ctx); err != nil {
		return nil, err
	}
	runs := make([]*signalRun, len(modelColumns))
	answers := make([][]analysis.Series, len(modelColumns))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(planConcurrency)
	for i := range modelColumns {
		run, err := e.modelsRun(r, i)
		if err != nil {
			return nil, err
		}
		run.available, run.present, run.environ, run.rewrite = first.available, first.present, first.environ, first.rewrite
		runs[i] = run
		group.Go(func() (err error) {
			answers[i], err = run.compute(groupCtx)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	table := frames.NewModelsTable(modelIdentity)
	for i, answer := range answers {
		table.Add(runs[i].query.Signal, modelColumns[i].statistic, answer)
		for _, n := range runs[i].notices {
			first.notices = appendNotice(first.notices, n.Severity, n.Text)
		}
		first.executed = append(first.executed, runs[i].executed...)
	}
	if table.Merged() {
		first.warn("Percentiles in the table are those of a model's slowest version or replica.")
	}
	if err := first.explain(ctx, table.Rows() > 0); err != nil {
		return nil, err
	}
	return table.Frames(strings.Join(first.executed, "\n\n"), first.notices), nil
}

// modelsRun is the query of one column.
func (e *Evaluator) modelsRun(r Request, column int) (*signalRun, error) {
	c := modelColumns[column]
	var by []string
	for _, l := range modelIdentity {
		by = append(by, string(l))
	}
	// Grafana reads the clock once for each end of the last hour, so that it may be a millisecond longer.
	window := max(e.Store.Grid().RateWindow, r.Range.To.Sub(r.Range.From).Round(time.Second))
	q, err := e.Catalogue.NewQuery(c.signal, []string{string(c.statistic)}, by, r.Filters, 0, false, window)
	if err != nil {
		return nil, UserError{fmt.Errorf("models: %w", err)}
	}
	return &signalRun{Evaluator: e, Request: r, query: q}, nil
}
