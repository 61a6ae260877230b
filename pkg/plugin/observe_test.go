package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"

	"github.com/coldhit/modelserving-datasource/pkg/query"
	"github.com/coldhit/modelserving-datasource/pkg/remote/prometheustest"
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

// triton is a server with a triton's requests of the last ten minutes, over which a data source queries.
func triton(t *testing.T, s string) (*Datasource, *prometheustest.Server) {
	t.Helper()
	server := prometheustest.New(t)
	now := time.Now().Truncate(15 * time.Second)
	for i := range 41 {
		server.Append(t, prometheustest.Sample{
			Labels: labels.FromStrings("__name__", "nv_inference_request_success", "job", "vision", "instance", "one:8002", "namespace", "production", "model", "a", "version", "1"),
			At:     now.Add(time.Duration(i-40) * 15 * time.Second), Value: float64(60 * i),
		})
	}
	instance := stored("remote", s)
	instance.URL = server.URL
	d, err := newHost(t, t.TempDir()).instance(1, instance)
	require.NoError(t, err)
	return d, server
}

// lately is a query of the last five minutes.
func lately(kind, text string) backend.DataQuery {
	now := time.Now()
	return backend.DataQuery{RefID: "A", QueryType: kind, JSON: []byte(text), TimeRange: between(now.Add(-5*time.Minute), now), Interval: 15 * time.Second, MaxDataPoints: 500}
}

func (d *Datasource) run(t *testing.T, ctx context.Context, q backend.DataQuery) backend.DataResponse {
	t.Helper()
	r, err := d.QueryData(backend.WithPluginContext(ctx, backend.PluginContext{OrgID: 1}), &backend.QueryDataRequest{Queries: []backend.DataQuery{q}})
	require.NoError(t, err)
	return r.Responses["A"]
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

func TestRemoteHealth(t *testing.T) {
	t.Parallel()
	d, server := triton(t, `{"mode": "prometheus"}`)
	ctx := backend.WithPluginContext(t.Context(), backend.PluginContext{OrgID: 1})
	r, err := d.CheckHealth(ctx, &backend.CheckHealthRequest{})
	require.NoError(t, err)
	require.Equal(t, backend.HealthStatusOk, r.Status, r.Message)
	require.Contains(t, r.Message, "1 model of NVIDIA Triton Inference Server")
	var details map[string]any
	require.NoError(t, json.Unmarshal(r.JSONDetails, &details))
	require.Contains(t, details["verboseMessage"], "recognized by")
	server.Close()
	r, err = d.CheckHealth(ctx, &backend.CheckHealthRequest{})
	require.NoError(t, err)
	require.Equal(t, backend.HealthStatusError, r.Status)
}

func TestRemoteResources(t *testing.T) {
	t.Parallel()
	d, server := triton(t, `{"mode": "prometheus"}`)
	listed := d.ask(t, "Viewer", "GET", "labels")
	require.Contains(t, listed.text, `{"name":"namespace","values":["production"]}`)
	require.Equal(t, []any{"a"}, d.ask(t, "Viewer", "GET", "values?label=model").body["values"])
	require.Equal(t, []any{}, d.ask(t, "Admin", "GET", "targets").body["targets"], "somebody else scrapes")
	server.Close()
	require.Equal(t, http.StatusBadGateway, d.ask(t, "Viewer", "GET", "labels").status)
	require.Equal(t, http.StatusInternalServerError, d.ask(t, "Viewer", "GET", "values?label=model").status)
}

// export asks for a file as a role, of a data source that the request names.
func (d *Datasource) export(t *testing.T, role, url string) (status int, text string) {
	t.Helper()
	path, _, _ := strings.Cut(url, "?")
	request := &backend.CallResourceRequest{Method: "GET", URL: url, Path: path, PluginContext: backend.PluginContext{
		OrgID: 1, User: &backend.User{Role: role}, DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{UID: "exported"},
	}}
	err := d.CallResource(backend.WithPluginContext(t.Context(), request.PluginContext), request, backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
		status = max(status, r.Status)
		text += string(r.Body)
		return nil
	}))
	require.NoError(t, err)
	return status, text
}

func TestExportedRules(t *testing.T) {
	t.Parallel()
	d, _ := triton(t, `{"mode": "prometheus"}`)
	for url, want := range map[string]string{
		"rules?format=grafana":                  "exported",
		"rules?format=prometheus":               "nv_inference_request_success",
		"rules?format=prometheus&profiles=vllm": "vllm:",
		"recording-rules":                       "nv_inference_request_success",
		"recording-rules?profiles=vllm":         "vllm:",
	} {
		status, text := d.export(t, "Editor", url)
		require.Equal(t, http.StatusOK, status, text)
		require.Contains(t, text, want, url)
		status, _ = d.export(t, "Viewer", url)
		require.Equal(t, http.StatusForbidden, status, url)
		require.Equal(t, http.StatusBadRequest, d.ask(t, "Editor", "GET", url).status, "the request names no data source")
	}
	for url, want := range map[string]string{
		"rules?format=xml":                        "the format is",
		"rules?format=grafana&colour=red":         "colour",
		"rules?format=prometheus&profiles=nobody": "nobody",
		"recording-rules?colour=red":              "colour",
		"recording-rules?profiles=nobody":         "nobody",
	} {
		status, text := d.export(t, "Admin", url)
		require.Equal(t, http.StatusBadRequest, status, url)
		require.Contains(t, text, want, url)
	}
	empty := newDatasource(t)
	for _, url := range []string{"rules?format=prometheus", "recording-rules"} {
		status, text := empty.export(t, "Admin", url)
		require.Equal(t, http.StatusBadRequest, status)
		require.Contains(t, text, "nothing was scraped")
	}
}

func TestOtherOrganisationsAreRefused(t *testing.T) {
	t.Parallel()
	d := newDatasource(t)
	other := backend.WithPluginContext(t.Context(), backend.PluginContext{OrgID: 2})
	_, err := d.QueryData(other, &backend.QueryDataRequest{})
	require.ErrorIs(t, err, errOrganisation)
	r, err := d.CheckHealth(other, &backend.CheckHealthRequest{})
	require.NoError(t, err)
	require.Contains(t, r.Message, errOrganisation.Error())
}
