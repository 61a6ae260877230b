// Package telemetry shows what the plugin does: spans of queries and plans through the SDK's tracing, counts for its debug logs, and
// metrics. docs/observability.md lists all of them.
package telemetry

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/grafana/grafana-plugin-sdk-go/backend/tracing"
	"go.opentelemetry.io/otel/trace"
)

// namespace starts the name of every metric of the plugin itself.
const namespace = "modelserving_plugin"

// Outcome is how a query or a plan ended.
type Outcome string

// The outcomes.
const (
	Success Outcome = "success"
	// UserError is a query that cannot be evaluated as it is written.
	UserError Outcome = "user_error"
	// Cancelled is a query that ended early, because nobody waited for it or it took too long.
	Cancelled Outcome = "cancelled"
	// DownstreamError is a failure of the server that the data source queries.
	DownstreamError Outcome = "downstream_error"
	// PluginError is a failure of the plugin or its embedded engine.
	PluginError Outcome = "plugin_error"
	// Failed is a plan that ended with an error.
	Failed Outcome = "error"
)

// Counts is what one query did. Its methods may be called concurrently. The zero value is ready to use.
type Counts struct {
	plans, hits, misses atomic.Int64
}

// Plans is how many plans were executed.
func (c *Counts) Plans() int64 { return c.plans.Load() }

// CachedSteps is how many steps came from the query cache.
func (c *Counts) CachedSteps() int64 { return c.hits.Load() }

// QueriedSteps is how many steps the query cache fetched from the server.
func (c *Counts) QueriedSteps() int64 { return c.misses.Load() }

type countsKey struct{}

// WithCounts returns a context whose plans and steps are counted.
func WithCounts(ctx context.Context) (context.Context, *Counts) {
	counts := &Counts{}
	return context.WithValue(ctx, countsKey{}, counts), counts
}

// countsOf are those of the query that a context belongs to; new ones that nobody reads outside of a query.
func countsOf(ctx context.Context) *Counts {
	if counts, ok := ctx.Value(countsKey{}).(*Counts); ok {
		return counts
	}
	return &Counts{}
}

// CountSteps adds steps that came from the query cache, and steps that it fetched, to the query of a context. If several queries
// share a request, its steps count for the one that began it.
func CountSteps(ctx context.Context, cached, queried int64) {
	counts := countsOf(ctx)
	counts.hits.Add(cached)
	counts.misses.Add(queried)
}

// endSpan ends a span, with its error if there is one. A request that nobody waits for any more is no error.
func endSpan(span trace.Span, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		_ = tracing.Error(span, err)
	}
	span.End()
}
