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

// slowerThanP95 is the share of requests that may take longer than the objective for the p95 says.
const slowerThanP95 = 0.05

// heldTo is one thing that models are held to.
type heldTo struct {
	// name is the value of the label objective.
	name string
	// signal and statistic are what is compared with the objective.
	signal    string
	statistic signal.Statistic
	// allowed is the most that the value may be, zero where the objective is switched off.
	allowed func(objective.Objective) float64
	// budget says that the value is a share of requests; ofRequests, that it rests on requests at all.
	budget, ofRequests bool
}

var objectives = []heldTo{
	{"response_time", "response_time", signal.P95, func(o objective.Objective) float64 { return o.P95.Seconds() }, false, true},
	{"error_rate", "error_rate", signal.Mean, func(o objective.Objective) float64 { return o.ErrorRate }, true, true},
	{signal.CacheHitRatio, coldHitRate, signal.Mean, func(o objective.Objective) float64 {
		if o.CacheHitRatio == 0 {
			return 0
		}
		return 1 - o.CacheHitRatio
	}, true, true},
	{"prediction_staleness", "prediction_staleness", signal.Last, func(o objective.Objective) float64 { return o.Staleness.Seconds() }, false, false},
}

// sloObjective is the most that each model may do, of what is measured of it.
func (r *signalRun) sloObjective(ctx context.Context) ([]analysis.Series, error) {
	return r.againstObjectives(ctx, func(h heldTo) ([]analysis.Series, error) {
		values, err := r.subquery(ctx, h.signal, h.statistic, modelIdentity, signal.Objective)
		if err != nil {
			return nil, err
		}
		return analysis.Linear(r.withObjective(values, h), func(labels map[string]string) (a, b float64) { return r.allowed(h, labels), 0 }), nil
	})
}

// sloViolation is what each model does, divided by what it may do.
func (r *signalRun) sloViolation(ctx context.Context) ([]analysis.Series, error) {
	return r.againstObjectives(ctx, func(h heldTo) ([]analysis.Series, error) { return r.relative(ctx, h) })
}

// sloBurnRate is the share of each model's requests that were bad, divided by the share that may be.
func (r *signalRun) sloBurnRate(ctx context.Context) ([]analysis.Series, error) {
	return r.againstObjectives(ctx, func(h heldTo) ([]analysis.Series, error) {
		switch {
		case h.budget:
			return r.relative(ctx, h)
		case h.statistic == signal.P95:
			return r.slowShare(ctx, h)
		}
		return nil, nil // no share of requests: it has no budget to burn
	})
}

// againstObjectives asks for each objective that the query wants, and brings the answers to the query's labels.
func (r *signalRun) againstObjectives(ctx context.Context, ask func(heldTo) ([]analysis.Series, error)) ([]analysis.Series, error) {
	var all, ofRequests []analysis.Series
	for _, h := range objectives {
		if wanted, filtered := r.query.Filters[signal.Objective]; filtered && !slices.Contains(wanted, h.name) {
			continue
		}
		answer, err := ask(h)
		if err != nil {
			return nil, err
		}
		for _, s := range answer {
			s.Labels[string(signal.Objective)] = h.name
			s.Statistic = signal.Mean
			if h.ofRequests {
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
func (r *signalRun) relative(ctx context.Context, h heldTo) ([]analysis.Series, error) {
	values, err := r.subquery(ctx, h.signal, h.statistic, modelIdentity, signal.Objective)
	if err != nil {
		return nil, err
	}
	return analysis.Linear(r.withObjective(values, h), func(labels map[string]string) (a, b float64) { return 0, 1 / r.allowed(h, labels) }), nil
}

// slow is the share of requests that took longer than the model's objective, divided by the share that may.
func (r *signalRun) slowShare(ctx context.Context, h heldTo) ([]analysis.Series, error) {
	answer, err := r.inSubquery(h.signal, h.statistic, modelIdentity, []signal.Label{signal.Objective}, func(o *signalRun) ([]analysis.Series, error) {
		var all []analysis.Series
		for _, p := range o.present.Compile(o.query, o.environ) {
			if len(p.Buckets) == 0 {
				continue
			}
			buckets, p, texts, err := o.distributions(ctx, p)
			if err != nil {
				return nil, err
			}
			o.executed = append(o.executed, "# "+p.Describe()+"\n"+strings.Join(texts, "\n"))
			above, newest := buckets.Above(func(labels map[string]string) float64 { return r.allowed(h, labels) })
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
	return analysis.Linear(r.withObjective(answer, h), func(map[string]string) (a, b float64) { return 0, 1 / slowerThanP95 }), nil
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

// allowed is the most that a model's value may be; zero where it is not held to the objective.
func (r *signalRun) allowed(h heldTo, labels map[string]string) float64 {
	return h.allowed(r.Objectives.For(labels[string(signal.Environment)], labels[string(signal.Deployment)], labels[string(signal.Model)]))
}

// held leaves out the models that are not held to an objective.
func (r *signalRun) withObjective(in []analysis.Series, h heldTo) []analysis.Series {
	return slices.DeleteFunc(in, func(s analysis.Series) bool { return r.allowed(h, s.Labels) <= 0 })
}
