package telemetry

import (
	"context"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/tracing"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// Query is one query while it is evaluated.
type Query struct {
	Counts *Counts
	kind   string
	begun  time.Time
	span   trace.Span
}

// BeginQuery begins the span of a query. Kind has to be one of a fixed set. End the query once.
func BeginQuery(ctx context.Context, kind string, attributes ...attribute.KeyValue) (context.Context, *Query) {
	ctx, counts := WithCounts(ctx)
	ctx, span := tracing.DefaultTracer().Start(ctx, "query", trace.WithAttributes(append(attributes, attribute.String("type", kind))...))
	return ctx, &Query{Counts: counts, kind: kind, begun: time.Now(), span: span}
}

// End ends the span, counts the query, and returns how long it took. Series and points are those of the result.
func (q *Query) End(outcome Outcome, series, points int, err error) time.Duration {
	took := time.Since(q.begun)
	countQuery(q.kind, outcome, took)
	q.span.SetAttributes(
		attribute.String("outcome", string(outcome)), attribute.Int("series", series), attribute.Int("points", points),
		attribute.Int64("plans", q.Counts.Plans()), attribute.Int64("cached_steps", q.Counts.CachedSteps()),
		attribute.Int64("queried_steps", q.Counts.QueriedSteps()),
	)
	endSpan(q.span, err)
	return took
}
