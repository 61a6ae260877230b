package plugin

import (
	"context"
	"errors"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"

	"github.com/coldhit/modelserving-datasource/pkg/query"
	"github.com/coldhit/modelserving-datasource/pkg/telemetry"
	"github.com/coldhit/modelserving-datasource/pkg/telemetry/telemetrytest"
)

// recordingLog has the lines of a debug log. Those of other levels have their level in front.
type recordingLog struct {
	log.Logger
	lines chan []any
}

func (l recordingLog) FromContext(context.Context) log.Logger { return l }
func (l recordingLog) Debug(message string, fields ...any) {
	l.lines <- append([]any{message}, fields...)
}

func TestAQueryHasSpansAndALineInTheDebugLog(t *testing.T) {
	t.Parallel()
	d, _ := triton(t, `{"mode": "prometheus"}`)
	logged := recordingLog{log.NewNullLogger(), make(chan []any, 1)}
	d.logger = logged
	ctx, ended := telemetrytest.Record(t, t.Context())
	answer := d.run(t, ctx, lately("", `{"signal": "requests", "statistics": ["rate"], "groupBy": ["model"]}`))
	require.NoError(t, answer.Error)
	require.Len(t, answer.Frames, 1)

	spans := ended()
	whole := telemetrytest.Named(spans, "query")
	require.Len(t, whole, 1)
	attributes := telemetrytest.Attributes(whole[0])
	require.Equal(t, "signal", attributes["type"])
	require.Equal(t, "requests", attributes["signal"])
	require.Equal(t, "success", attributes["outcome"])
	require.Equal(t, "5m0s", attributes["range"])
	require.Equal(t, "15s", attributes["step"])
	require.EqualValues(t, 1, attributes["series"])
	require.EqualValues(t, answer.Frames[0].Rows(), attributes["points"])
	plans := telemetrytest.Named(spans, "plan range")
	require.NotEmpty(t, plans)
	require.Contains(t, telemetrytest.Attributes(plans[0])["promql"], "nv_inference_request_success")
	require.Equal(t, "prometheus", telemetrytest.Attributes(plans[0])["executor"])
	require.NotEmpty(t, telemetrytest.Named(spans, "HTTP Outgoing Request"), "the SDK's span of a request to the server")

	line := <-logged.lines
	require.Equal(t, "Query evaluated", line[0])
	fields := map[any]any{}
	for i := 1; i < len(line); i += 2 {
		fields[line[i]] = line[i+1]
	}
	require.Equal(t, "requests", fields["signal"])
	require.Equal(t, attributes["plans"], fields["plans"])
	require.Equal(t, 1, fields["series"])
	require.Positive(t, fields["duration"])
	require.Contains(t, fields, "cachedSteps")
}

func TestErrorsOfQueriesAreInTheirSpans(t *testing.T) {
	t.Parallel()
	d, server := triton(t, `{"mode": "prometheus"}`)
	ctx, ended := telemetrytest.Record(t, t.Context())
	require.Error(t, d.run(t, ctx, lately("sql", `{}`)).Error)
	require.Error(t, d.run(t, ctx, lately("", `{"limit": "many"}`)).Error)
	server.Close()
	require.Error(t, d.run(t, ctx, lately("promql", `{"expr": "up"}`)).Error)
	var outcomes []any
	for _, span := range telemetrytest.Named(ended(), "query") {
		require.Equal(t, codes.Error, span.Status.Code)
		a := telemetrytest.Attributes(span)
		outcomes = append(outcomes, a["type"].(string)+" "+a["outcome"].(string))
	}
	require.Equal(t, []any{"unknown user_error", "signal user_error", "promql downstream_error"}, outcomes)
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, telemetry.Success, outcomeOf(backend.DataResponse{}))
	require.Equal(t, telemetry.UserError, outcomeOf(failure(t.Context(), query.NewUserError(errors.New("x")))))
	require.Equal(t, telemetry.Cancelled, outcomeOf(failure(cancelled, errors.New("x"))))
	require.Equal(t, telemetry.DownstreamError, outcomeOf(failure(t.Context(), backend.DownstreamError(errors.New("x")))))
	require.Equal(t, telemetry.PluginError, outcomeOf(failure(t.Context(), errors.New("x"))))
}

// Several data sources in one process share the metrics.
func TestMetricsOfSeveralDataSources(t *testing.T) {
	one, _ := triton(t, `{"mode": "prometheus"}`)
	two, _ := triton(t, `{"mode": "prometheus"}`)
	for _, d := range []*Datasource{one, one, two} {
		require.NoError(t, d.run(t, t.Context(), lately("", `{"signal": "requests"}`)).Error)
	}
	problems, err := testutil.GatherAndLint(prometheus.DefaultGatherer, "modelserving_plugin_queries_total", "modelserving_plugin_query_duration_seconds",
		"modelserving_plugin_plans_total", "modelserving_plugin_plan_duration_seconds", "modelserving_plugin_query_cache_steps_total")
	require.NoError(t, err)
	require.Empty(t, problems)
	n, err := testutil.GatherAndCount(prometheus.DefaultGatherer, "modelserving_plugin_query_cache_entries", "modelserving_plugin_query_cache_size_bytes")
	require.NoError(t, err)
	require.Equal(t, 2, n)
	one.Dispose()
	one.Dispose()
}
