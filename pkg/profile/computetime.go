package profile

import (
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// ComputeTime makes the plans of how many seconds a second the requests of a query took to compute, by the query's labels:
// the sums that the means of the inference time are taken of, and of the response time where no server times its execution.
func (s Set) ComputeTime(q signal.Query, env Environment) []Part {
	if q.Window == 0 {
		q.Window = env.Window
	}
	for _, name := range []string{"inference_time", "response_time"} {
		q.Signal, _ = signal.Find(name)
		c := compiler{set: s, q: q, statistic: signal.Mean, env: env}
		sources := s.sourcesOf(q.Signal, signal.Mean, env)
		var of []termOf
		for _, source := range sources {
			of = append(of, c.durations(source)...)
		}
		if n := c.total(plan.Sum, of, q.GroupBy, nil); n != nil {
			return []Part{{Statistic: signal.Mean, Plan: n, By: q.GroupBy, Sources: sources}}
		}
	}
	return nil
}

// durations lists the terms of a source whose sum is the time that all requests took.
func (c compiler) durations(s Source) []termOf {
	if s.Recipe.kind() == kindHistogram {
		t := Term{Metric: s.Recipe.Histogram, Where: s.Recipe.Where}
		return []termOf{s.term(t, c.q.Signal.Unit).withSuffix("_sum")}
	}
	of, _ := c.quotient(s)
	return of
}
