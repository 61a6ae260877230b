// Package blackbox drives the built plugin binary as Grafana does: over the plugin protocol, without Grafana.
package blackbox

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/stretchr/testify/require"
)

// binary is the plugin, built once for all tests of the package.
var binary string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "blackbox")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(folder, "gpx_modelserving")
	build := exec.Command("go", "build", "-o", binary, "../../pkg")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		panic(fmt.Sprintf("the plugin does not build: %v", err))
	}
	// The tests wait for scrapes more than they compute.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// plugin is a running binary.
type plugin struct {
	t       *testing.T
	process *goplugin.Client
	log     *lockedBuffer
	data    grpcplugin.DataClient
	health  grpcplugin.DiagnosticsClient
	calls   grpcplugin.ResourceClient
}

// start runs the binary with a data folder, as grafana.ini would name it.
func start(t *testing.T, dataPath string, environment ...string) *plugin {
	t.Helper()
	command := exec.Command(binary)
	command.Env = append(os.Environ(), "GF_PLUGIN_DATA_PATH="+dataPath)
	command.Env = append(command.Env, environment...)
	p := &plugin{t: t, log: &lockedBuffer{}}
	p.process = goplugin.NewClient(&goplugin.ClientConfig{
		Cmd: command, SkipHostEnv: true, // what is set above counts
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion: grpcplugin.ProtocolVersion, MagicCookieKey: grpcplugin.MagicCookieKey, MagicCookieValue: grpcplugin.MagicCookieValue,
		},
		Plugins: goplugin.PluginSet{
			"data": &grpcplugin.DataGRPCPlugin{}, "diagnostics": &grpcplugin.DiagnosticsGRPCPlugin{}, "resource": &grpcplugin.ResourceGRPCPlugin{},
		},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		Logger:           hclog.New(&hclog.LoggerOptions{Output: p.log, Level: hclog.Trace}),
		SyncStderr:       p.log, SyncStdout: p.log,
	})
	t.Cleanup(p.stop)
	protocol, err := p.process.Client()
	require.NoError(t, err)
	p.data = dispense[grpcplugin.DataClient](t, protocol, "data")
	p.health = dispense[grpcplugin.DiagnosticsClient](t, protocol, "diagnostics")
	p.calls = dispense[grpcplugin.ResourceClient](t, protocol, "resource")
	return p
}

func dispense[T any](t *testing.T, protocol goplugin.ClientProtocol, name string) T {
	t.Helper()
	raw, err := protocol.Dispense(name)
	require.NoError(t, err)
	client, ok := raw.(T)
	require.True(t, ok, "%s is a %T", name, raw)
	return client
}

func (p *plugin) stop() { p.process.Kill() }

// source is a data source as Grafana hands it to the plugin.
type source struct {
	ID      int64
	OrgID   int64
	UID     string
	JSON    map[string]any
	Secrets map[string]string
	Updated time.Time
	Role    string
}

func (s source) context(t *testing.T) backend.PluginContext {
	t.Helper()
	jsonData, err := json.Marshal(s.JSON)
	require.NoError(t, err)
	role := s.Role
	if role == "" {
		role = "Admin"
	}
	return backend.PluginContext{
		OrgID: s.OrgID, PluginID: "coldhit-modelserving-datasource",
		User: &backend.User{Login: "somebody", Role: role},
		DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{
			ID: s.ID, UID: s.UID, Name: s.UID, Type: "coldhit-modelserving-datasource", JSONData: jsonData, DecryptedSecureJSONData: s.Secrets, Updated: s.Updated,
		},
		GrafanaConfig: backend.NewGrafanaCfg(map[string]string{}),
	}
}

// embedded is a data source that scrapes its targets every second.
func embedded(uid string, targets ...map[string]any) source {
	return source{ID: 1, OrgID: 1, UID: uid, Updated: time.Now(), JSON: map[string]any{"kind": "embedded", "interval": "1s", "targets": targets}}
}

func target(id, url string) map[string]any {
	return map[string]any{"id": id, "url": url, "environment": "production", "deployment": "demo"}
}

// ask runs queries over the last span and answers their responses by refId.
func (p *plugin) ask(s source, span time.Duration, queries ...map[string]any) backend.Responses {
	p.t.Helper()
	now := time.Now()
	return p.askRange(s, backend.TimeRange{From: now.Add(-span), To: now}, time.Second, queries...)
}

func (p *plugin) askRange(s source, r backend.TimeRange, interval time.Duration, queries ...map[string]any) backend.Responses {
	p.t.Helper()
	var all []backend.DataQuery
	for i, q := range queries {
		all = append(all, dataQuery(p.t, string(rune('A'+i)), r, interval, q))
	}
	return p.request(s, all...)
}

func dataQuery(t *testing.T, ref string, r backend.TimeRange, interval time.Duration, q map[string]any) backend.DataQuery {
	t.Helper()
	text, err := json.Marshal(q)
	require.NoError(t, err)
	kind, _ := q["queryType"].(string)
	return backend.DataQuery{RefID: ref, QueryType: kind, TimeRange: r, Interval: interval, MaxDataPoints: 500, JSON: text}
}

// request sends queries in one request.
func (p *plugin) request(s source, queries ...backend.DataQuery) backend.Responses {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	request := &backend.QueryDataRequest{PluginContext: s.context(p.t), Queries: queries}
	answer, err := p.data.QueryData(ctx, backend.ToProto().QueryDataRequest(request))
	require.NoError(p.t, err)
	decoded, err := backend.FromProto().QueryDataResponse(answer)
	require.NoError(p.t, err)
	return decoded.Responses
}

func (p *plugin) check(s source) *backend.CheckHealthResult {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 40*time.Second)
	defer cancel()
	answer, err := p.health.CheckHealth(ctx, &pluginv2.CheckHealthRequest{PluginContext: backend.ToProto().PluginContext(s.context(p.t))})
	require.NoError(p.t, err)
	return &backend.CheckHealthResult{Status: backend.HealthStatus(answer.GetStatus()), Message: answer.GetMessage(), JSONDetails: answer.GetJsonDetails()}
}

// call asks for a resource and decodes its JSON.
func (p *plugin) call(s source, path, query string) (int, map[string]any) {
	p.t.Helper()
	status, body := p.callMethod(s, "GET", path, query)
	var decoded map[string]any
	require.NoError(p.t, json.Unmarshal(body, &decoded), string(body))
	return status, decoded
}

func (p *plugin) callMethod(s source, method, path, query string) (int, []byte) {
	p.t.Helper()
	request := &backend.CallResourceRequest{PluginContext: s.context(p.t), Path: path, Method: method, URL: path + "?" + query}
	stream, err := p.calls.CallResource(p.t.Context(), backend.ToProto().CallResourceRequest(request))
	require.NoError(p.t, err)
	var status int
	var body []byte
	for {
		part, err := stream.Recv()
		if err == io.EOF {
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

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
