package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// durationBuckets reach from a cached result to the longest timeouts, in seconds.
var durationBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// The metrics are registered once in a process, however many data sources it has. The SDK serves the default registry.
var (
	queries = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "queries_total", Help: "Queries by query type and outcome.",
	}, []string{"type", "outcome"})
	querySeconds = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: "query_duration_seconds", Help: "Duration of queries by query type.", Buckets: durationBuckets,
	}, []string{"type"})
	plans = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "plans_total", Help: "Executed plans by executor and outcome. A query executes one or more plans.",
	}, []string{"executor", "outcome"})
	planSeconds = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: "plan_duration_seconds", Help: "Duration of executed plans by executor.", Buckets: durationBuckets,
	}, []string{"executor"})
)

// countQuery counts a query.
func countQuery(kind string, outcome Outcome, took time.Duration) {
	queries.WithLabelValues(kind, string(outcome)).Inc()
	querySeconds.WithLabelValues(kind).Observe(took.Seconds())
}

// Describe describes the metrics of this package.
func Describe(to chan<- *prometheus.Desc) {
	for _, c := range []prometheus.Collector{queries, querySeconds, plans, planSeconds, caches} {
		c.Describe(to)
	}
}
