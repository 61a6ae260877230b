package main

import (
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/coldhit/modelserving-datasource/pkg/recorder"
)

// FuzzConfiguration reads recorder.yaml as the program does, up to the point at which it would listen.
func FuzzConfiguration(f *testing.F) {
	documented, err := os.ReadFile("../../docs/recorder.md")
	require.NoError(f, err)
	for block := range strings.SplitSeq(string(documented), "```yaml\n") {
		text, _, found := strings.Cut(block, "\n```")
		if found {
			f.Add(text)
			f.Add("upstream: http://server:8000\n" + text)
		}
	}
	for _, text := range []string{
		"", "upstream: http://u@h/?q#f", "upstream: {}", "upstream: http://h\nroutes: [{pattern: (}]", "upstream: http://h\nroutes: [{pattern: /x}]",
		"upstream: http://h\nroutes: [{pattern: '^/(?P<model>.*)$', model: m, header: h}]", "upstream: http://h\nwindow: 90s", "upstream: http://h\nlimits: {models: -1}",
		"upstream: http://h\nconnections: {max: 1, header_bytes: 5, idle_timeout: -1s}", "upstream: http://h\nqueue_time: {header: h, unit: 3s}",
		"upstream: http://h\nshutdown_grace: 9999999999h", "a: &a [*a]", "upstream: http://h\nlimits: {label_bytes: 1, idle_timeout: -9223372036854775808ns}", "upstream: http://127.0.0.1:9090",
	} {
		f.Add(text)
	}
	logger := slog.New(slog.DiscardHandler)
	f.Fuzz(func(t *testing.T, text string) {
		c := defaults()
		if err := c.decode([]byte(text)); err != nil {
			require.Contains(t, err.Error(), "yaml")
			return
		}
		if err := c.check(); err != nil {
			requireKey(t, err)
			return
		}
		options, err := c.options(nil, logger)
		if err != nil {
			if !strings.Contains(text, "_tls") { // the file's name is in the error
				requireKey(t, err)
			}
			return
		}
		limits, err := c.Connections.limits().WithDefaults()
		if err != nil {
			requireKey(t, err)
			return
		}
		require.True(t, limits.Connections > 0 && limits.Streams > 0 && limits.HeaderBytes >= 4<<10 && limits.HeaderTimeout > 0 && limits.IdleTimeout > 0 && limits.SendTimeout > 0)
		if _, err := recorder.New(options); err != nil {
			requireKey(t, err)
			return
		}
		require.Positive(t, c.Cold.Management.Interval)
		require.GreaterOrEqual(t, c.ShutdownGrace, time.Duration(0))
		// What was accepted can be written and read again.
		written, err := yaml.Marshal(c)
		require.NoError(t, err)
		again := config{}
		require.NoError(t, again.decode(written), "%s", written)
		rewritten, err := yaml.Marshal(again)
		require.NoError(t, err)
		require.Equal(t, string(written), string(rewritten))
	})
}

// keys are the parts of the file, one of which every error names.
var keys = []string{
	"listen", "admin", "upstream", "response_timeout", "wait_for_server", "shutdown_grace", "tls", "routes", "max_body_bytes", "cold.", "queue_time", "limits.",
	"max is", "streams is", "header_bytes", "header_timeout", "body_timeout", "send_timeout", "idle_timeout", "window",
}

func requireKey(t *testing.T, err error) {
	t.Helper()
	for _, key := range keys {
		if strings.Contains(err.Error(), key) {
			return
		}
	}
	t.Fatalf("the error names no key: %s", err)
}
