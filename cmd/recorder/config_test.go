package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recorder.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestFlagsWinOverTheFile(t *testing.T) {
	path := write(t, `
listen: 0.0.0.0:1
admin: 0.0.0.0:2
upstream: http://triton:8000
grpc_upstream: http://triton:8001
response_timeout: 90s
builtin_routes: [open_inference]
routes:
  - pattern: ^/score/(?P<model>[^/]+)$
    methods: [POST]
cold:
  header: {name: X-Path}
  management: {protocol: triton, url: "http://triton:8000", interval: 20ms}
queue_time: {header: X-Queue, unit: 1ms}
limits: {models: 50, idle_timeout: 1m, label_bytes: 64}
`)
	c, err := readConfig([]string{"-config", path, "-web.listen-address", "127.0.0.1:9"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:9", c.Listen)
	require.Equal(t, "0.0.0.0:2", c.Admin)
	require.Equal(t, []string{"cold", "true", "1", "yes", "miss"}, c.Cold.Header.Cold, "defaults stay")
	require.Equal(t, 20*time.Millisecond, c.Cold.Management.Interval)
	routes, err := c.routes()
	require.NoError(t, err)
	require.Len(t, routes, 3, "own and built-in routes")
	sources, closeAll, err := c.sources(nil)
	require.NoError(t, err)
	defer closeAll()
	require.Len(t, sources, 2)
	options, err := c.options(sources, nil)
	require.NoError(t, err)
	require.Equal(t, "triton:8001", options.GRPCUpstream.Host)
	require.Equal(t, 90*time.Second, options.ResponseTimeout)
	require.Equal(t, recorder.QueueTimeHeader{Name: "X-Queue", Unit: time.Millisecond}, options.QueueTime)
	require.Equal(t, 50, options.MaxModels)
}

func TestFaultsOfTheConfigurationAreNamed(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"nothing":                       {"", "no upstream: set the URL"},
		"an unknown key":                {"upstreams: x", "field upstreams not found"},
		"no YAML":                       {"a: [", "yaml"},
		"no duration":                   {"response_timeout: 5 parsecs", "line 1"},
		"the recorder itself upstream":  {"upstream: http://127.0.0.1:9090", "upstream is the recorder's own address, 127.0.0.1:9090"},
		"the same by another name":      {"upstream: http://a\ngrpc_upstream: https://localhost:1\nlisten: 0.0.0.0:1", "grpc_upstream is the recorder's own address"},
		"half a certificate":            {"upstream: http://a\ntls: {key: k}", "tls: only one of certificate and key is set"},
		"half an upstream certificate":  {"upstream: http://a\nupstream_tls: {key: k}", "upstream_tls: only one of certificate and key is set"},
		"a management URL alone":        {"upstream: http://a\ncold: {management: {url: http://a}}", "cold.management: only one of protocol and url is set"},
		"a management URL that is none": {"upstream: http://a\ncold: {management: {protocol: triton, url: a}}", "cold.management.url: "},
		"a readiness URL that is none":  {"upstream: http://a\ncold: {readiness: {url: a}}", "cold.readiness.url: "},
		"polls too often":               {"upstream: http://a\ncold: {management: {interval: 1us}}", "cold.management.interval is 1µs: set at least 5ms"},
		"readiness too often":           {"upstream: http://a\ncold: {readiness: {interval: 1us}}", "cold.readiness.interval is 1µs: set at least 5ms"},
		"a negative grace":              {"upstream: http://a\nshutdown_grace: -1s", "shutdown_grace is -1s: set at least 0s"},
		"a negative timeout":            {"upstream: http://a\nresponse_timeout: -1s", "response_timeout is -1s"},
		"a negative wait":               {"upstream: http://a\nwait_for_server: -1s", "wait_for_server is -1s"},
		"an unknown protocol":           {"upstream: http://a\ncold: {management: {protocol: x, url: http://a}}", `cold.management.protocol: unknown protocol "x": use one of`},
		"a pattern that is none":        {"upstream: http://a\nroutes: [{pattern: (}]", "routes[0] ((): invalid regular expression in pattern"},
		"a route without a pattern":     {"upstream: http://a\nroutes: [{model: m}]", "routes[0] () has no pattern: set"},
		"a route without a model":       {"upstream: http://a\nroutes: [{pattern: ^/$}]", "routes[0] (^/$) does not define its model in exactly one way: set either a group (?P<model>…) in the pattern, or one of body_field, header"},
		"a method in small letters":     {"upstream: http://a\nroutes: [{pattern: ^/$, model: m, methods: [post]}]", `routes[0] (^/$): invalid method "post": use capitals`},
		"an unknown built-in route":     {"upstream: http://a\nbuiltin_routes: [x]", `builtin_routes: unknown built-in route "x": use one of`},
		"no routes":                     {"upstream: http://a\nbuiltin_routes: []", "set builtin_routes or routes"},
		"an upstream without scheme":    {"upstream: localhost", "upstream: localhost is not a valid URL: set an http:// or https:// URL"},
		"a gRPC upstream without one":   {"upstream: http://a\ngrpc_upstream: b", "grpc_upstream: b is not a valid URL: set an http:// or https:// URL"},
		"an upstream with a user":       {"upstream: http://me:s3cr3t@a", "upstream: http://me:xxxxx@a has a user"},
		"an upstream with a query":      {"upstream: http://a?b", "has a user, a query or a fragment, which the recorder does not send: remove it"},
		"a certificate missing":         {"upstream: http://a\ntls: {certificate: /nowhere, key: /nowhere}", "tls: open /nowhere"},
		"a CA missing":                  {"upstream: http://a\nupstream_tls: {ca: /nowhere}", "upstream_tls: open /nowhere"},
		"an API key missing":            {"upstream: http://a\ncold: {management: {protocol: triton, url: http://a, api_key_file: /nowhere}}", "cold.management.api_key_file: open /nowhere"},
		"a queue time without its unit": {"upstream: http://a\nqueue_time: {header: X}", "queue_time: the header X has no unit: set 1s, 1ms"},
		"a unit that is none":           {"upstream: http://a\nqueue_time: {header: X, unit: 2s}", "queue_time: the header X has no unit: set 1s, 1ms"},
		"a unit without a queue time":   {"upstream: http://a\nqueue_time: {unit: 1s}", "queue_time: a unit is set without a header"},
		"a negative body":               {"upstream: http://a\nmax_body_bytes: -1", "max_body_bytes is -1: set at least 1"},
		"a negative cap":                {"upstream: http://a\nlimits: {models: -1}", "limits.models is -1: set at least 1"},
		"labels too short":              {"upstream: http://a\nlimits: {label_bytes: 3}", "limits.label_bytes is 3: set at least 4"},
		"half a minute":                 {"upstream: http://a\nwindow: 90s", "window is 1m30s: set whole minutes"},
		"a port in use for nothing":     {"upstream: http://a\nlisten: nowhere:x", "listen:"},
		"an admin port in use for none": {"upstream: http://a\nlisten: 127.0.0.1:0\nadmin: nowhere:x", "admin:"},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), []string{"-config", write(t, test.text)}, io.Discard)
			require.ErrorContains(t, err, test.want)
		})
	}
	require.ErrorContains(t, run(t.Context(), []string{"-upstream", "http://a", "extra"}, io.Discard), "extra")
	require.Error(t, run(t.Context(), []string{"-config", "/nowhere"}, io.Discard))
}

func TestDocumentedConfigurationIsRead(t *testing.T) {
	text, err := os.ReadFile("../../docs/recorder.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
	require.Len(t, blocks, 2)
	c := defaults()
	require.NoError(t, c.decode(blocks[0][1]))
	want := defaults()
	// What the program leaves to the recorder's own defaults.
	want.BodyBytes, want.Window = 1<<20, 5*time.Minute
	want.Limits.Models, want.Limits.IdleTimeout, want.Limits.LabelBytes = 1000, 5*time.Minute, 128
	want.Routes = []routeConfig{}
	require.Equal(t, want, c)
	own := defaults()
	require.NoError(t, own.decode(blocks[1][1]))
	routes, err := own.routes()
	require.NoError(t, err)
	for _, route := range routes {
		require.NoError(t, route.Validate())
	}
}
