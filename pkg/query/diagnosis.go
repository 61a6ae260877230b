package query

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/coldhit/modelserving-datasource/pkg/analysis"
	"github.com/coldhit/modelserving-datasource/pkg/frames"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

var deploymentIdentity = []signal.Label{signal.Environment, signal.Deployment}

// diagnosisQuery answers a table of what is wrong with the scaling of deployments in the range, the newest finding first.
func (e *Evaluator) diagnosisQuery(ctx context.Context, r Request) (data.Frames, error) {
	r.Instant = false
	q, err := e.Catalogue.NewQuery("replicas", []string{string(signal.Last)}, nil, r.Filters, 0, false, r.Window)
	if err != nil {
		return nil, UserError{err}
	}
	run := &signalRun{Evaluator: e, Request: r, query: q}
	if err := run.prepare(ctx); err != nil {
		return nil, err
	}
	scalings, err := run.scalings(ctx)
	if err != nil {
		return nil, err
	}
	var rows []frames.Diagnosis
	for _, s := range scalings {
		for _, f := range s.Diagnose() {
			rows = append(rows, frames.Diagnosis{Environment: s.environment, Deployment: s.deployment, Finding: f})
		}
	}
	slices.SortStableFunc(rows, func(a, b frames.Diagnosis) int { return int(b.End - a.End) })
	switch {
	case len(scalings) == 0:
		if err := run.explain(ctx, false); err != nil {
			return nil, err
		}
	case len(rows) == 0:
		run.notices = appendNotice(run.notices, data.NoticeSeverityInfo, "No scaling problem found in this time range.")
	}
	return frames.OfDiagnosis(rows, strings.Join(run.executed, "\n\n"), run.notices), nil
}

// scaling is a deployment with what is known of its scaling.
type scaling struct {
	environment, deployment string
	analysis.Autoscaling
}

// scalings asks for what a diagnosis needs, for every deployment whose replicas are known.
func (r *signalRun) scalings(ctx context.Context) ([]*scaling, error) {
	replicas, err := r.subquery(ctx, "replicas", signal.Last, append(slices.Clone(deploymentIdentity), signal.State))
	if err != nil {
		return nil, err
	}
	found := map[string]*scaling{}
	var out []*scaling
	for _, s := range replicas {
		key := analysis.Key(s.Labels, deploymentIdentity)
		if found[key] == nil {
			found[key] = r.newScaling(s.Labels)
			out = append(out, found[key])
		}
		if to := found[key].replicas(s.Labels[string(signal.State)]); to != nil {
			r.fill(to, s)
		}
	}
	for _, c := range []struct {
		signal    string
		statistic signal.Statistic
		to        func(*scaling) []float64
	}{
		{"requests", signal.Rate, func(s *scaling) []float64 { return s.Requests }},
		{"concurrent_requests", signal.Mean, func(s *scaling) []float64 { return s.Concurrent }},
		{"response_time", signal.Mean, func(s *scaling) []float64 { return s.Latency }},
		{"response_time", signal.P95, func(s *scaling) []float64 { s.LatencyName = string(signal.P95); return s.Latency }},
	} {
		answer, err := r.subquery(ctx, c.signal, c.statistic, deploymentIdentity, signal.State)
		if err != nil {
			return nil, err
		}
		for _, s := range answer {
			if to := found[analysis.Key(s.Labels, deploymentIdentity)]; to != nil {
				r.fill(c.to(to), s)
			}
		}
	}
	return out, nil
}

func (r *signalRun) newScaling(labels map[string]string) *scaling {
	s := &scaling{environment: labels[string(signal.Environment)], deployment: labels[string(signal.Deployment)]}
	s.Step, s.LatencyName = r.Grid.Step, "mean response time"
	s.Objective = r.Objectives.For(s.environment, s.deployment, "").P95.Seconds()
	for t := r.Grid.Start; !t.After(r.Grid.End); t = t.Add(r.Grid.Step) {
		s.Times = append(s.Times, t.UnixMilli())
	}
	for _, to := range []*[]float64{&s.Active, &s.Starting, &s.Min, &s.Max, &s.Latency, &s.Requests, &s.Concurrent} {
		*to = make([]float64, len(s.Times))
		for i := range *to {
			(*to)[i] = math.NaN()
		}
	}
	return s
}

// replicas are those of a state; nil for one that a diagnosis does not look at.
func (s *scaling) replicas(state string) []float64 {
	switch state {
	case "active":
		return s.Active
	case "starting":
		return s.Starting
	case "min":
		return s.Min
	case "max":
		return s.Max
	}
	return nil
}

// fill puts a series' values at their places of the grid.
func (r *signalRun) fill(to []float64, s analysis.Series) {
	for i, t := range s.Times {
		place := time.UnixMilli(t).Sub(r.Grid.Start) / r.Grid.Step
		if place >= 0 && int(place) < len(to) {
			to[place] = s.Values[i]
		}
	}
}
