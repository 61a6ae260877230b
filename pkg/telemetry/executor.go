package telemetry

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/grafana/grafana-plugin-sdk-go/backend/tracing"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/coldhit/modelserving-datasource/pkg/executor"
	"github.com/coldhit/modelserving-datasource/pkg/plan"
	"github.com/coldhit/modelserving-datasource/pkg/promql"
	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/series"
)

// maxTextBytes is how much of a plan's PromQL a span has.
const maxTextBytes = 2000

// Store is what is observed.
type Store interface {
	executor.Executor
	executor.PromQL
}

// observed makes a span of each plan that a store executes, and counts it.
type observed struct {
	store Store
	name  string
}

var _ Store = observed{}

// Observe puts spans and metrics in front of a store. Name is the value of the label executor: embedded or prometheus.
func Observe(store Store, name string) Store { return observed{store, name} }

func (o observed) Grid() executor.Grid { return o.store.Grid() }

func (o observed) Range(ctx context.Context, n plan.Node, r executor.Range) (series.Result, error) {
	text := func() string { return promql.Text(n, r.Span) }
	return o.execute(ctx, "plan range", text, stepsOf(r), func(ctx context.Context) (series.Result, error) { return o.store.Range(ctx, n, r) })
}

func (o observed) Instant(ctx context.Context, n plan.Node, at executor.Instant) (series.Result, error) {
	text := func() string { return promql.Text(n, at.Span) }
	return o.execute(ctx, "plan instant", text, 1, func(ctx context.Context) (series.Result, error) { return o.store.Instant(ctx, n, at) })
}

func (o observed) RangePromQL(ctx context.Context, expr string, r executor.Range) (series.Result, error) {
	text := func() string { return expr }
	return o.execute(ctx, "promql range", text, stepsOf(r), func(ctx context.Context) (series.Result, error) {
		return o.store.RangePromQL(ctx, expr, r)
	})
}

func (o observed) InstantPromQL(ctx context.Context, expr string, at time.Time) (series.Result, error) {
	text := func() string { return expr }
	return o.execute(ctx, "promql instant", text, 1, func(ctx context.Context) (series.Result, error) {
		return o.store.InstantPromQL(ctx, expr, at)
	})
}

// LabelValues has a span, but is no plan.
func (o observed) LabelValues(ctx context.Context, label string, of []plan.Select, start, end time.Time, limit int) ([]string, error) {
	ctx, span := tracing.DefaultTracer().Start(ctx, "label values", trace.WithAttributes(
		attribute.String("executor", o.name), attribute.String("label", label), attribute.Int("selections", len(of))))
	values, err := o.store.LabelValues(ctx, label, of, start, end, limit)
	span.SetAttributes(attribute.Int("values", len(values)))
	endSpan(span, redact.FromContext(ctx).Error(err))
	return values, err
}

// execute has a plan executed within a span. The text is made only if somebody records the span.
func (o observed) execute(ctx context.Context, name string, text func() string, steps int64, execute func(context.Context) (series.Result, error)) (series.Result, error) {
	countsOf(ctx).plans.Add(1)
	ctx, span := tracing.DefaultTracer().Start(ctx, name, trace.WithAttributes(attribute.String("executor", o.name), attribute.Int64("steps", steps)))
	if span.IsRecording() {
		span.SetAttributes(attribute.String("promql", truncate(redact.FromContext(ctx).Text(text()))))
	}
	begun := time.Now()
	result, err := execute(ctx)
	planSeconds.WithLabelValues(o.name).Observe(time.Since(begun).Seconds())
	plans.WithLabelValues(o.name, string(planOutcome(ctx, err))).Inc()
	span.SetAttributes(attribute.Int("series", len(result.Series)), attribute.Int("histograms", len(result.Histograms)))
	endSpan(span, redact.FromContext(ctx).Error(err))
	return result, err
}

// planOutcome is success, cancelled or error: an executor does not say whose error it is.
func planOutcome(ctx context.Context, err error) Outcome {
	switch {
	case err == nil:
		return Success
	case ctx.Err() != nil || errors.Is(err, context.Canceled):
		return Cancelled
	}
	return Failed
}

func stepsOf(r executor.Range) int64 {
	if r.Step <= 0 || r.End.Before(r.Start) {
		return 0
	}
	return int64(r.End.Sub(r.Start)/r.Step) + 1
}

// truncate cuts a text between characters.
func truncate(text string) string {
	if len(text) <= maxTextBytes {
		return text
	}
	cut := maxTextBytes
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
