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
grpcUpstream: http://triton:8001
responseTimeout: 90s
builtinRoutes: [open_inference]
routes:
  - pattern: ^/score/(?P<model>[^/]+)$
    methods: [POST]
cold:
  header: {name: X-Path}
  management: {protocol: triton, url: "http://triton:8000", every: 20ms}
queueTime: {header: X-Queue, unit: 1ms}
limits: {models: 50, modelIdle: 1m, labelBytes: 64}
`)
	c, err := readConfig([]string{"-config", path, "-listen", "127.0.0.1:9"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:9", c.Listen)
	require.Equal(t, "0.0.0.0:2", c.Admin)
	require.Equal(t, []string{"cold", "true", "1", "yes", "miss"}, c.Cold.Header.Cold, "defaults stay")
	require.Equal(t, 20*time.Millisecond, c.Cold.Management.Every)
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
		"nothing":                    {"", "no upstream"},
		"an unknown key":             {"upstreams: x", "field upstreams not found"},
		"no YAML":                    {"a: [", "yaml"},
		"no duration":                {"responseTimeout: 5 parsecs", "line 1"},
		"half a certificate":         {"upstream: http://a\ntls: {key: k}", "both a certificate and a key"},
		"a management URL alone":     {"upstream: http://a\ncold: {management: {url: http://a}}", "a protocol and a URL"},
		"polls too often":            {"upstream: http://a\ncold: {management: {every: 1us}}", "more often"},
		"an unknown protocol":        {"upstream: http://a\ncold: {management: {protocol: x, url: http://a}}", "choose of"},
		"a pattern that is none":     {"upstream: http://a\nroutes: [{pattern: (}]", "missing closing"},
		"a route without a model":    {"upstream: http://a\nroutes: [{pattern: ^/$}]", "exactly one way"},
		"an unknown built-in route":  {"upstream: http://a\nbuiltinRoutes: [x]", "no built-in route"},
		"an upstream without scheme": {"upstream: localhost", "http:// or https://"},
		"a certificate missing":      {"upstream: http://a\ntls: {certificate: /nowhere, key: /nowhere}", "tls:"},
		"a CA missing":               {"upstream: http://a\nupstreamTLS: {ca: /nowhere}", "upstreamTLS:"},
		"an API key missing":         {"upstream: http://a\ncold: {management: {protocol: triton, url: http://a, apiKeyFile: /nowhere}}", "API key"},
		"a port in use for nothing":  {"upstream: http://a\nlisten: nowhere:x", "listen:"},
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
	want.Limits.Models, want.Limits.ModelIdle, want.Limits.LabelBytes = 1000, 5*time.Minute, 128
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
