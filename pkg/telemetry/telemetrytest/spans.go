// Package telemetrytest records the spans of a test.
package telemetrytest

import (
	"context"
	"sync"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend/tracing"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// exporter has the spans of all tests of a package. The first call sets up tracing for the process.
var exporter = sync.OnceValue(func() *tracetest.InMemoryExporter {
	to := tracetest.NewInMemoryExporter()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(to)))
	return to
})

// Record returns a context with a trace of its own, and a function that returns the spans that have ended in it since.
func Record(t testing.TB, ctx context.Context) (context.Context, func() tracetest.SpanStubs) {
	t.Helper()
	to := exporter()
	ctx, root := tracing.DefaultTracer().Start(ctx, t.Name())
	t.Cleanup(func() { root.End() })
	id := root.SpanContext().TraceID()
	return ctx, func() (own tracetest.SpanStubs) {
		for _, span := range to.GetSpans() {
			if span.SpanContext.TraceID() == id {
				own = append(own, span)
			}
		}
		return own
	}
}

// Named are the spans of a name.
func Named(spans tracetest.SpanStubs, name string) (out tracetest.SpanStubs) {
	for _, span := range spans {
		if span.Name == name {
			out = append(out, span)
		}
	}
	return out
}

// Attributes are those of a span, by name.
func Attributes(span tracetest.SpanStub) map[string]any {
	out := map[string]any{}
	for _, a := range span.Attributes {
		out[string(a.Key)] = a.Value.AsInterface()
	}
	return out
}
