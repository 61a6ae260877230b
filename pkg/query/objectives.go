package query

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/distribution"
	"github.com/coldhit/modelserving-datasource/pkg/objective"
	"github.com/coldhit/modelserving-datasource/pkg/series"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// sloObjective is the most that each model may do, of what is measured of it.
func (r *signalRun) sloObjective(ctx context.Context) ([]analysis.Series, error) {
	return r.againstObjectives(ctx, func(d objective.Definition) ([]analysis.Series, error) {
		values, err := r.subquery(ctx, d.Measured, d.Statistic, modelIdentity, signal.Objective)
		if err != nil {
			return nil, err
		}
		return analysis.Linear(r.withObjective(values, d), func(labels map[string]string) (a, b float64) { return r.allowed(d, labels), 0 }), nil
	})
}

// sloViolation is what each model does, divided by what it may do.
func (r *signalRun) sloViolation(ctx context.Context) ([]analysis.Series, error) {
	return r.againstObjectives(ctx, func(d objective.Definition) ([]analysis.Series, error) { return r.relative(ctx, d) })
}

// sloBurnRate is the share of each model's requests that were bad, divided by the share that may be.
func (r *signalRun) sloBurnRate(ctx context.Context) ([]analysis.Series, error) {
	return r.againstObjectives(ctx, func(d objective.Definition) ([]analysis.Series, error) {
		switch d.Budget {
		case objective.ShareBudget:
			return r.relative(ctx, d)
		case objective.QuantileBudget:
			return r.slowShare(ctx, d)
		}
		return nil, nil
	})
}

// againstObjectives computes a result for each objective that the query selects, and aggregates the results by the query's labels.
func (r *signalRun) againstObjectives(ctx context.Context, compute func(objective.Definition) ([]analysis.Series, error)) ([]analysis.Series, error) {
	var all, ofRequests []analysis.Series
	for _, d := range objective.Definitions {
		if wanted, filtered := r.query.Filters[signal.Objective]; filtered && !slices.Contains(wanted, d.Name) {
			continue
		}
		answer, err := compute(d)
		if err != nil {
			return nil, err
		}
		for _, s := range answer {
			s.Labels[string(signal.Objective)] = d.Name
			s.Statistic = signal.Mean
			if d.OverRequests {
				ofRequests = append(ofRequests, s)
			} else {
				all = append(all, s)
			}
		}
	}
	enough, err := r.withMinimumRequests(ctx, ofRequests, modelIdentity)
	if err != nil {
		return nil, err
	}
	all = append(enough, all...)
	return r.topN(analysis.Highest(all, r.query.GroupBy)), nil
}

// relative is a value divided by what the model's objective allows.
func (r *signalRun) relative(ctx context.Context, d objective.Definition) ([]analysis.Series, error) {
	values, err := r.subquery(ctx, d.Measured, d.Statistic, modelIdentity, signal.Objective)
	if err != nil {
		return nil, err
	}
	return analysis.Linear(r.withObjective(values, d), func(labels map[string]string) (a, b float64) { return 0, 1 / r.allowed(d, labels) }), nil
}

// slowShare is the share of requests that took longer than the model's objective, divided by the share that may.
func (r *signalRun) slowShare(ctx context.Context, d objective.Definition) ([]analysis.Series, error) {
	answer, err := r.inSubquery(d.Measured, d.Statistic, modelIdentity, []signal.Label{signal.Objective}, func(o *signalRun) ([]analysis.Series, error) {
		var all []analysis.Series
		for _, p := range o.compile(o.query) {
			if len(p.Buckets) == 0 {
				continue
			}
			buckets, p, texts, err := o.distributions(ctx, p)
			if err != nil {
				return nil, err
			}
			o.executed = append(o.executed, "# "+p.Describe()+"\n"+strings.Join(texts, "\n"))
			above, newest := buckets.Above(func(labels map[string]string) float64 { return r.allowed(d, labels) })
			interpreted, err := o.interpret(ctx, p, partResult{Result: series.Result{Series: above}})
			if err != nil {
				return nil, err
			}
			o.warnOfCoarseness(interpreted, newest)
			all = append(all, interpreted...)
		}
		return all, nil
	})
	if err != nil {
		return nil, err
	}
	return analysis.Linear(r.withObjective(answer, d), func(map[string]string) (a, b float64) { return 0, 1 / d.SlowShare() }), nil
}

// warnOfCoarseness names the models whose objective lies beyond the last bound of their histogram: nothing tells which of the requests
// beyond it took longer than the objective, and all are taken to have.
func (r *signalRun) warnOfCoarseness(above []analysis.Series, newest []distribution.Estimate) {
	var atMost []analysis.Series
	for i, e := range newest {
		if e.Value == e.Upper && e.Lower < e.Upper {
			atMost = append(atMost, above[i])
		}
	}
	if len(atMost) > 0 {
		r.warn(fmt.Sprintf("Response time burn rate of %s is an upper bound: the objective is above the histogram's last bucket bound, "+
			"so every request above that bound counts as too slow. Set a shorter objective, or configure a longer bucket on the server.",
			describeGroups(atMost, r.query.GroupBy)))
	}
}

// allowed is the limit of a model's value. It is zero if the model has no such objective.
func (r *signalRun) allowed(d objective.Definition, labels map[string]string) float64 {
	return d.Limit(r.Objectives.For(labels[string(signal.Environment)], labels[string(signal.Deployment)], labels[string(signal.Model)]))
}

// withObjective keeps the series of models that have an objective.
func (r *signalRun) withObjective(in []analysis.Series, d objective.Definition) []analysis.Series {
	return slices.DeleteFunc(in, func(s analysis.Series) bool { return r.allowed(d, s.Labels) <= 0 })
}
