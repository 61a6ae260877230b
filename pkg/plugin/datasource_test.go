package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/engine"
	"github.com/coldhit/modelserving-datasource/pkg/profile"
	"github.com/coldhit/modelserving-datasource/pkg/query"
	"github.com/coldhit/modelserving-datasource/pkg/signal"
)

// host is what the SDK does for a data source: a registry of engines over a folder and contexts as Grafana sends them.
type host struct {
	t        *testing.T
	registry *engine.Registry
	profiles profile.Set
}

func newHost(t *testing.T, dataPath string) *host {
	t.Helper()
	profiles, err := profile.Embedded()
	require.NoError(t, err)
	registry := engine.NewRegistry(engine.Options{DataPath: dataPath, Logger: log.NewNullLogger(), Profiles: EngineProfiles(profiles)})
	t.Cleanup(func() { require.NoError(t, registry.Close()) })
	return &host{t, registry, profiles}
}

func (h *host) instance(orgID int64, s backend.DataSourceInstanceSettings) (*Datasource, error) {
	ctx := backend.WithPluginContext(h.t.Context(), backend.PluginContext{OrgID: orgID, DataSourceInstanceSettings: &s})
	made, err := Factory(h.registry, h.profiles)(ctx, s)
	if err != nil {
		return nil, err
	}
	d, ok := made.(*Datasource)
	require.True(h.t, ok)
	h.t.Cleanup(d.Dispose)
	return d, nil
}

func stored(uid, jsonData string) backend.DataSourceInstanceSettings {
	return backend.DataSourceInstanceSettings{UID: uid, JSONData: []byte(jsonData), Updated: time.Now()}
}

func newDatasource(t *testing.T) *Datasource {
	t.Helper()
	d, err := newHost(t, t.TempDir()).instance(1, stored("empty", `{}`))
	require.NoError(t, err)
	return d
}

func TestFactory(t *testing.T) {
	t.Parallel()
	h := newHost(t, t.TempDir())
	_, err := h.instance(1, stored("a", `{"interval": "often"}`))
	require.EqualError(t, err, `the interval "often" is not a duration; enter one such as 15s, 5m or 15d`)
	require.True(t, backend.IsDownstreamError(err), "whose settings are wrong is not the plugin's fault")
	_, err = h.instance(1, stored("../../etc", `{}`))
	require.ErrorContains(t, err, "cannot name a folder")
	_, err = h.instance(0, stored("a", `{}`))
	require.ErrorContains(t, err, "organisation 0")
	first, err := h.instance(1, stored("a", `{}`))
	require.NoError(t, err)
	second, err := h.instance(1, stored("a", `{}`))
	require.NoError(t, err, "a new instance comes before the old one goes")
	first.Dispose()
	first.Dispose()
	_, err = second.targets(t.Context())
	require.NoError(t, err)
}

type resourceAnswer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

func (d *Datasource) ask(t *testing.T, role, method, url string) resourceAnswer {
	t.Helper()
	path, _, _ := strings.Cut(url, "?")
	request := &backend.CallResourceRequest{Method: method, URL: url, Path: path, PluginContext: backend.PluginContext{OrgID: 1}}
	if role != "" {
		request.PluginContext.User = &backend.User{Login: "somebody", Role: role}
	}
	ctx := backend.WithPluginContext(t.Context(), request.PluginContext)
	var out resourceAnswer
	err := d.CallResource(ctx, request, backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
		if r.Status != 0 {
			out.status, out.header = r.Status, r.Headers
		}
		out.text += string(r.Body)
		return nil
	}))
	require.NoError(t, err)
	if json.Unmarshal([]byte(out.text), &out.body) != nil {
		out.body = nil
	}
	return out
}

func TestResources(t *testing.T) {
	t.Parallel()
	d := newDatasource(t)
	signals := d.ask(t, "Viewer", "GET", "signals")
	require.Equal(t, http.StatusOK, signals.status)
	require.Equal(t, []string{"application/json"}, signals.header["Content-Type"])
	require.Len(t, signals.body["signals"], len(signal.Builtin()))
	require.Contains(t, signals.body["signals"], map[string]any{
		"id": "error_rate", "name": "Error rate", "group": "Volume", "unit": "percentunit", "description": "Share of requests that failed on the server side. Without traffic there is no data.",
		"statistics": []any{"mean"}, "defaultStatistics": []any{"mean"}, "groupBy": []any{"environment", "deployment", "model", "version", "replica"},
	})
	profiles := d.ask(t, "Viewer", "GET", "profiles")
	require.Contains(t, profiles.body["profiles"], map[string]any{
		"id": "triton", "name": "NVIDIA Triton Inference Server", "port": 8002.0, "path": "/metrics", "managementPort": 8000.0,
	})
	require.NotContains(t, fmt.Sprint(profiles.body), "id:modelserving ", "the project's own series are no server")
	values := d.ask(t, "Viewer", "GET", "values?label=model")
	require.Equal(t, map[string]any{"values": []any{}, "truncated": false}, values.body, "a list, be it empty")
	require.Equal(t, []any{}, d.ask(t, "Viewer", "GET", "values?label=state").body["values"], "nothing there has states")
}

func TestTargetsAreForEditors(t *testing.T) {
	t.Parallel()
	d, err := newHost(t, t.TempDir()).instance(1, stored("a", `{"targets": [{"id": "one", "url": "http://127.0.0.1:1/metrics", "deployment": "d"}]}`))
	require.NoError(t, err)
	for _, role := range []string{"Viewer", "None", "", "admin"} {
		refused := d.ask(t, role, "GET", "targets")
		require.Equal(t, http.StatusForbidden, refused.status, role)
		require.Equal(t, map[string]any{"message": "only editors and administrators can list targets"}, refused.body)
		require.NotContains(t, refused.text, "127.0.0.1")
	}
	for _, role := range []string{"Editor", "Admin"} {
		answer := d.ask(t, role, "GET", "targets")
		require.Equal(t, http.StatusOK, answer.status, role)
		targets, ok := answer.body["targets"].([]any)
		require.True(t, ok)
		require.Len(t, targets, 1)
		require.Subset(t, targets[0], map[string]any{"id": "one", "url": "http://127.0.0.1:1/metrics", "deployment": "d", "up": false, "models": 0.0})
	}
}

func TestRefusedResources(t *testing.T) {
	t.Parallel()
	d := newDatasource(t)
	for url, message := range map[string]string{
		"values":                       `there is no label "" to list; choose one of: environment, deployment, model, `,
		"values?label=pod":             `there is no label "pod" to list; choose one of: `,
		"values?label=model&filters={": "the filters cannot be read, expected an object of lists of values: ",
		`values?label=model&filters={"model":"a"}`:     "the filters cannot be read, expected an object of lists of values: ",
		`values?label=model&filters={"pod":["a"]}`:     `there is no label "pod" to filter by`,
		"values?label=model&from=yesterday":            `invalid from "yesterday": expected milliseconds since 1970`,
		"values?label=model&to=now":                    `invalid to "now": expected milliseconds since 1970`,
		"values?label=model&from=2000&to=2000":         "the time range is empty: its end is not after its start",
		"values?label=model&from=3000&to=2000":         "the time range is empty: its end is not after its start",
		"values?label=model&from=99999999999999999999": "expected milliseconds since 1970",
	} {
		answer := d.ask(t, "Admin", "GET", url)
		require.Equal(t, http.StatusBadRequest, answer.status, url)
		require.Contains(t, answer.body["message"], message, url)
	}
	require.Equal(t, http.StatusNotFound, d.ask(t, "Admin", "GET", "secrets").status)
	require.Equal(t, http.StatusMethodNotAllowed, d.ask(t, "Admin", "POST", "values?label=model").status)
	extremes := d.ask(t, "Admin", "GET", "values?label=model&from=-9223372036854775808&to=9223372036854775807")
	require.Equal(t, http.StatusOK, extremes.status, extremes.text)
}

// A request that has ended is answered with that, and not as the plugin's fault.
func TestCancelledQueries(t *testing.T) {
	t.Parallel()
	d := newDatasource(t)
	ctx, cancel := context.WithCancel(backend.WithPluginContext(t.Context(), backend.PluginContext{OrgID: 1}))
	cancel()
	for _, text := range []string{`{"signal": "requests"}`, `{"expr": "up"}`} {
		q := queryOf(text)
		if text == `{"expr": "up"}` {
			q.QueryType = string(query.PromQL)
		}
		r, err := d.QueryData(ctx, &backend.QueryDataRequest{Queries: []backend.DataQuery{q}})
		require.NoError(t, err)
		require.Error(t, r.Responses["A"].Error)
		require.Equal(t, backend.ErrorSourceDownstream, r.Responses["A"].ErrorSource)
	}
}

func TestHealthWithoutTargets(t *testing.T) {
	t.Parallel()
	ctx := backend.WithPluginContext(t.Context(), backend.PluginContext{OrgID: 1})
	r, err := newDatasource(t).CheckHealth(ctx, &backend.CheckHealthRequest{})
	require.NoError(t, err)
	require.Equal(t, backend.HealthStatusError, r.Status)
	require.Equal(t, "No targets. Add the metrics URL of a model server, then save again.", r.Message)
}
