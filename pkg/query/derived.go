package query

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// compute answers the query without any substitute for what is missing.
func (r *signalRun) compute(ctx context.Context) ([]analysis.Series, error) {
	if r.query.Signal.Derivation == nil {
		answer, err := r.run(ctx, r.compile(r.query))
		if err != nil || r.query.Signal.Name != signal.ColdHitRate {
			return answer, err
		}
		if answer, err = r.withColdHitsWithoutReplica(ctx, answer); err != nil {
			return nil, err
		}
		return r.withEstimatedColdHits(ctx, answer)
	}
	answer, err := r.derive(ctx)
	if err != nil {
		return nil, err
	}
	answer = analysis.Derived(answer, r.query.Signal.Derivation.How)
	r.executed = append([]string{fmt.Sprintf("# %s is computed from the queries below: %s.", r.query.Signal.Name, r.query.Signal.Derivation.How)}, r.executed...)
	if len(answer) == 0 {
		r.explainDerivation()
	}
	for i := range answer {
		answer[i].Executed = strings.Join(r.executed, "\n\n") // of all that it is computed from
	}
	return answer, nil
}

// derive computes a signal that no server reports.
func (r *signalRun) derive(ctx context.Context) ([]analysis.Series, error) {
	switch r.query.Signal.Name {
	case signal.CacheHitRatio:
		return r.cacheHitRatio(ctx)
	case signal.ModelGPUUtilization:
		return r.modelGPUUtilization(ctx)
	case signal.EnergyPerThousandRequests:
		return r.energyPerThousandRequests(ctx)
	case signal.SLOObjective:
		return r.sloObjective(ctx)
	case signal.SLOViolation:
		return r.sloViolation(ctx)
	case signal.SLOBurnRate:
		return r.sloBurnRate(ctx)
	}
	return nil, fmt.Errorf("the signal %s is derived, but has no formula", r.query.Signal.Name)
}

// explainDerivation says which of the signals that a derived one is computed from the servers here do not report.
func (r *signalRun) explainDerivation() {
	for _, name := range r.query.Signal.Derivation.From {
		from, _ := r.Catalogue.Find(name)
		answers := func(st signal.Statistic) bool { return r.present.Answers(from, st, r.available) }
		if len(r.present) > 0 && !slices.ContainsFunc(from.Statistics(), answers) {
			r.warn(fmt.Sprintf("%s is computed from %s. %s", r.query.Signal.Name, name, r.present.Explain(from, from.DefaultStatistics()[0], r.available)))
		}
	}
}

// ask runs another query within this one: a statistic of a signal by labels, with this query's filters except for some.
func (r *signalRun) subquery(ctx context.Context, name string, st signal.Statistic, by []signal.Label, without ...signal.Label) ([]analysis.Series, error) {
	return r.inSubquery(name, st, by, without, func(o *signalRun) ([]analysis.Series, error) { return o.compute(ctx) })
}

// within has a run of another query answer, and takes over what it has to say.
func (r *signalRun) inSubquery(name string, st signal.Statistic, by, without []signal.Label, answer func(*signalRun) ([]analysis.Series, error)) ([]analysis.Series, error) {
	sig, ok := r.Catalogue.Find(name)
	if !ok {
		return nil, fmt.Errorf("there is no signal %s", name)
	}
	o := &signalRun{Evaluator: r.Evaluator, Request: r.Request, available: r.available, present: r.present, environ: r.environ, rewrite: r.rewrite}
	o.query = signal.Query{Signal: sig, Statistics: []signal.Statistic{st}, GroupBy: by, Filters: maps.Clone(r.query.Filters), Window: r.query.Window}
	for _, l := range without {
		delete(o.query.Filters, l)
	}
	if slices.Equal(by, r.query.GroupBy) {
		o.query.Limit, o.query.Others = r.query.Limit, r.query.Others
	}
	out, err := answer(o)
	r.executed = append(r.executed, o.executed...)
	for _, n := range o.notices {
		r.notices = appendNotice(r.notices, n.Severity, n.Text)
	}
	return out, err
}

func (r *signalRun) cacheHitRatio(ctx context.Context) ([]analysis.Series, error) {
	cold, err := r.subquery(ctx, signal.ColdHitRate, signal.Mean, r.query.GroupBy)
	return analysis.Linear(cold, func(map[string]string) (a, b float64) { return 1, -1 }), err
}

// limited keeps as many series as the query allows, those with the highest values, and says how many there are.
func (r *signalRun) topN(in []analysis.Series) []analysis.Series {
	if r.query.Limit == 0 || len(in) <= r.query.Limit {
		return in
	}
	r.notices = appendNotice(r.notices, data.NoticeSeverityInfo,
		fmt.Sprintf("Showing the %d highest of %d series.", r.query.Limit, len(in)))
	return analysis.Top(in, r.query.Limit)
}
