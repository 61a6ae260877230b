package driver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"github.com/stretchr/testify/require"
)

// Ask runs queries over the last span and answers their responses by refId.
func (p *Plugin) Ask(s Source, span time.Duration, queries ...map[string]any) backend.Responses {
	p.t.Helper()
	now := time.Now()
	return p.AskRange(s, backend.TimeRange{From: now.Add(-span), To: now}, time.Second, queries...)
}

// AskRange runs queries over a range, with an interval between points, and answers their responses by refId: A, B and so on.
func (p *Plugin) AskRange(s Source, r backend.TimeRange, interval time.Duration, queries ...map[string]any) backend.Responses {
	p.t.Helper()
	var all []backend.DataQuery
	for i, q := range queries {
		all = append(all, DataQuery(p.t, string(rune('A'+i)), r, interval, q))
	}
	return p.Request(s, all...)
}

// DataQuery is a query as Grafana sends it.
func DataQuery(t testing.TB, ref string, r backend.TimeRange, interval time.Duration, q map[string]any) backend.DataQuery {
	t.Helper()
	text, err := json.Marshal(q)
	require.NoError(t, err)
	kind, _ := q["queryType"].(string)
	return backend.DataQuery{RefID: ref, QueryType: kind, TimeRange: r, Interval: interval, MaxDataPoints: 500, JSON: text}
}

// Request sends queries in one request.
func (p *Plugin) Request(s Source, queries ...backend.DataQuery) backend.Responses {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	responses, err := p.TryRequest(ctx, s, queries...)
	require.NoError(p.t, err)
	return responses
}

// TryRequest sends queries in one request, until ctx ends. The error is that of the plugin protocol.
func (p *Plugin) TryRequest(ctx context.Context, s Source, queries ...backend.DataQuery) (backend.Responses, error) {
	request := &backend.QueryDataRequest{PluginContext: s.context(p.t), Headers: s.Headers, Queries: queries}
	answer, err := p.queries.QueryData(ctx, backend.ToProto().QueryDataRequest(request))
	if err != nil {
		return nil, err
	}
	decoded, err := backend.FromProto().QueryDataResponse(answer)
	if err != nil {
		return nil, err
	}
	return decoded.Responses, nil
}

// PeakMemory is the most resident memory that the process has had, in bytes. Only Linux tells.
func (p *Plugin) PeakMemory() int64 {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.ReattachConfig().Pid))
	require.NoError(p.t, err)
	_, rest, found := strings.Cut(string(status), "VmHWM:")
	require.True(p.t, found)
	var kilobytes int64
	_, err = fmt.Sscan(rest, &kilobytes)
	require.NoError(p.t, err)
	return kilobytes << 10
}

// Check is the health check, as Save & test does it.
func (p *Plugin) Check(s Source) *backend.CheckHealthResult {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	answer, err := p.Health.CheckHealth(ctx, &pluginv2.CheckHealthRequest{PluginContext: backend.ToProto().PluginContext(s.context(p.t))})
	require.NoError(p.t, err)
	return &backend.CheckHealthResult{Status: backend.HealthStatus(answer.GetStatus()), Message: answer.GetMessage(), JSONDetails: answer.GetJsonDetails()}
}

// Call asks for a resource and decodes its JSON.
func (p *Plugin) Call(s Source, path, query string) (int, map[string]any) {
	p.t.Helper()
	status, body := p.CallMethod(s, "GET", path, query)
	var decoded map[string]any
	require.NoError(p.t, json.Unmarshal(body, &decoded), string(body))
	return status, decoded
}

// CallMethod asks for a resource by any method and answers the status and the body.
func (p *Plugin) CallMethod(s Source, method, path, query string) (int, []byte) {
	p.t.Helper()
	request := &backend.CallResourceRequest{PluginContext: s.context(p.t), Path: path, Method: method, URL: path + "?" + query}
	stream, err := p.resources.CallResource(p.t.Context(), backend.ToProto().CallResourceRequest(request))
	require.NoError(p.t, err)
	var status int
	var body []byte
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(p.t, err)
		if part.GetCode() != 0 {
			status = int(part.GetCode())
		}
		body = append(body, part.GetBody()...)
	}
	return status, body
}
