package plugin

import (
	"context"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"go.opentelemetry.io/otel/attribute"

	"github.com/coldhit/modelserving-datasource/pkg/query"
	"github.com/coldhit/modelserving-datasource/pkg/redact"
	"github.com/coldhit/modelserving-datasource/pkg/telemetry"
)

// unknownType stands for every query type that does not exist, so that users cannot make new values of a label.
const unknownType = "unknown"

// evaluate evaluates a request within a span, counts it, and writes it to the debug log.
func (d *Datasource) evaluate(ctx context.Context, r query.Request) backend.DataResponse {
	return d.observe(ctx, typeOf(r.Type), attributesOf(r), func(ctx context.Context) (data.Frames, error) { return d.Evaluate(ctx, r) })
}

// observe runs one query of a type.
func (d *Datasource) observe(ctx context.Context, kind string, attributes []attribute.KeyValue, run func(context.Context) (data.Frames, error)) backend.DataResponse {
	within, observed := telemetry.BeginQuery(ctx, kind, attributes...)
	frames, err := run(within)
	err = redact.FromContext(ctx).Error(err)
	response := backend.DataResponse{Frames: frames, Status: backend.StatusOK}
	if err != nil {
		response = failure(within, err)
	}
	series, points := sizeOf(frames)
	outcome := outcomeOf(response)
	took := observed.End(outcome, series, points, err)
	d.log(within, kind, outcome, took, series, points, observed.Counts, attributes, err)
	return response
}

// log writes a query to the debug log. Its text holds no address and no credentials.
func (d *Datasource) log(ctx context.Context, kind string, outcome telemetry.Outcome, took time.Duration, series, points int, counts *telemetry.Counts, attributes []attribute.KeyValue, err error) {
	logger := d.logger.FromContext(ctx)
	fields := []any{"type", kind}
	for _, a := range attributes {
		fields = append(fields, string(a.Key), a.Value.AsInterface())
	}
	fields = append(fields, "outcome", string(outcome), "duration", took, "plans", counts.Plans(), "series", series, "points", points,
		"cachedSteps", counts.CachedSteps(), "queriedSteps", counts.QueriedSteps())
	if err != nil {
		fields = append(fields, "error", err)
	}
	logger.Debug("Query evaluated", fields...)
}

// typeOf is the type of a query as a label.
func typeOf(t query.Type) string {
	switch {
	case t == "":
		return string(query.Signal)
	case !t.Known():
		return unknownType
	}
	return string(t)
}

// attributesOf describe a request in spans and logs.
func attributesOf(r query.Request) []attribute.KeyValue {
	out := []attribute.KeyValue{
		attribute.Bool("instant", r.Instant), attribute.String("from", r.Range.From.UTC().Format(time.RFC3339)),
		attribute.String("range", r.Range.To.Sub(r.Range.From).String()), attribute.String("step", r.Grid.Step.String()),
	}
	text := func(name, value string) {
		if value != "" {
			out = append(out, attribute.String(name, value))
		}
	}
	list := func(name string, values []string) {
		if len(values) > 0 {
			out = append(out, attribute.StringSlice(name, values))
		}
	}
	text("signal", r.Signal)
	list("statistics", r.Statistics)
	list("group_by", r.GroupBy)
	text("promql", r.Expr)
	list("event_types", r.EventTypes)
	return out
}

// outcomeOf is whose fault a response is.
func outcomeOf(r backend.DataResponse) telemetry.Outcome {
	switch {
	case r.Error == nil:
		return telemetry.Success
	case r.Status == backend.StatusBadRequest:
		return telemetry.UserError
	case r.Status == backend.StatusTimeout:
		return telemetry.Cancelled
	case r.ErrorSource == backend.ErrorSourceDownstream:
		return telemetry.DownstreamError
	}
	return telemetry.PluginError
}

// sizeOf counts the frames of a result that have rows, and all of their rows.
func sizeOf(frames data.Frames) (series, points int) {
	for _, f := range frames {
		if rows := f.Rows(); rows > 0 {
			series++
			points += rows
		}
	}
	return series, points
}
